/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked circular list. A head and a link are the same type;
 * a link that is in no list points at itself, so that list_remove() is
 * idempotent and list_linked() can tell.
 */
#ifndef SERVERS_BASE_LIST_H
#define SERVERS_BASE_LIST_H

#include <stdbool.h>

#include "servers/base/check.h"

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline bool list_linked(const struct list *link)
{
	return link->next != link;
}

static inline void list_append(struct list *head, struct list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* Moves every link of `from` to the end of `to`; `from` is empty after. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/*
 * The body may remove `it` but no other link.
 * NOLINTBEGIN(bugprone-macro-parentheses): `it` is the name of a variable.
 */
#define LIST_FOREACH(it, head)                                                 \
	for (struct list *it = (head)->next, *it##_next = it->next;            \
	     it != (head); it = it##_next, it##_next = it->next)

/* NOLINTEND(bugprone-macro-parentheses) */

#define list_entry(link, type, member) container_of(link, type, member)

#endif
