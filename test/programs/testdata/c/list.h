#ifndef LIST_H
#define LIST_H

struct list {
	long value;
	struct list *next;
};

struct list *push(struct list *head, long value);
void release(struct list *head);

#endif
