#include "list.h"
#include "sum.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct list *list = NULL;

	for (int i = 1; i < argc; i++)
		list = push(list, strtol(argv[i], NULL, 10));
	printf("%ld\n", sum(list));
	release(list);
	return 0;
}
