#ifndef SUM_H
#define SUM_H

#include "list.h"

long sum(const struct list *head);

#endif
