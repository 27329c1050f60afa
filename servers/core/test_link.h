/* SPDX-License-Identifier: MIT */
/*
 * A TCP connection over the loopback that a fake transport writes to, whose
 * reader reads only when it is told to.
 */
#ifndef SERVERS_CORE_TEST_LINK_H
#define SERVERS_CORE_TEST_LINK_H

#include "servers/base/conn.h"
#include "servers/core/fake_backend.h"

struct test_link {
	struct fake_node node;
	struct fake fake;
	struct transport *t; /* the fake's */
	struct conn conn;
	int reader;
};

void test_link_init(struct test_link *l, enum wire_format format);
void test_link_release(struct test_link *l);

/* Writes a message of n bytes, and all that is queued, as far as it goes. */
void test_link_send(struct test_link *l, size_t n);
/* The same until no more goes: the reader's window is closed. */
void test_link_fill(struct test_link *l);
/* Reads what is there, at most n bytes; returns how many. */
size_t test_link_read(struct test_link *l, size_t n);
/* Waits until nothing moves any more. */
void test_link_settle(struct test_link *l);

#endif
