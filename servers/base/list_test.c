/* SPDX-License-Identifier: MIT */
#include "servers/base/list.h"

#include <criterion/criterion.h>

struct item {
	struct list link;
	int value;
};

/* The values in order, as the digits of a number. */
static int digits(const struct list *head)
{
	int n = 0;

	LIST_FOREACH (it, head)
		n = n * 10 + list_entry(it, struct item, link)->value;
	return n;
}

static void fill(struct list *head, struct item *items, int count, int first)
{
	list_init(head);
	for (int i = 0; i < count; i++) {
		items[i].value = first + i;
		list_append(head, &items[i].link);
	}
}

Test(list, keeps_the_order_of_appending)
{
	struct list head;
	struct item items[3];

	fill(&head, items, 3, 1);
	cr_assert_eq(digits(&head), 123);
}

Test(list, a_removed_link_is_in_no_list_and_may_be_removed_again)
{
	struct list head;
	struct item items[3];

	fill(&head, items, 3, 1);
	cr_assert(list_linked(&items[1].link));
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	cr_assert_not(list_linked(&items[1].link));
	cr_assert_eq(digits(&head), 13);
}

Test(list, the_loop_body_may_remove_its_link)
{
	struct list head;
	struct item items[4];

	fill(&head, items, 4, 1);
	LIST_FOREACH (it, &head) {
		if (list_entry(it, struct item, link)->value % 2 == 0)
			list_remove(it);
	}
	cr_assert_eq(digits(&head), 13);
}

Test(list, splicing_appends_and_empties_the_source)
{
	struct list to;
	struct list from;
	struct item a[2];
	struct item b[2];

	fill(&to, a, 2, 1);
	fill(&from, b, 2, 3);
	list_splice(&to, &from);
	cr_assert_eq(digits(&to), 1234);
	cr_assert(list_empty(&from));
	list_splice(&to, &from);
	cr_assert_eq(digits(&to), 1234);
	list_splice(&from, &to);
	cr_assert_eq(digits(&from), 1234);
	cr_assert(list_empty(&to));
}
