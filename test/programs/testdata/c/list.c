#include "list.h"

#include <stdlib.h>

struct list *push(struct list *head, long value)
{
	struct list *new = malloc(sizeof(*new));

	if (!new)
		abort();
	new->value = value;
	new->next = head;
	return new;
}

void release(struct list *head)
{
	while (head) {
		struct list *next = head->next;

		free(head);
		head = next;
	}
}
