#include "sum.h"

long sum(const struct list *head)
{
	long total = 0;

	for (; head; head = head->next)
		total += head->value;
	return total;
}
