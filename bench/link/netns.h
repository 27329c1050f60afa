/* SPDX-License-Identifier: MIT */
/*
 * A network namespace whose only way out is a link of ours: what a command in
 * it sends to the host comes out of a TUN device there, travels through
 * `struct packets`, and goes into one here, and back. The kernels at both ends
 * therefore do real TCP, with segments of the MTU, retransmission and
 * congestion control.
 *
 * All of it is made here and lasts as long as our process and the command: no
 * name, device or route is left behind, not even after SIGKILL, by which the
 * command dies, too.
 */
#ifndef BENCH_LINK_NETNS_H
#define BENCH_LINK_NETNS_H

#include <stdio.h>

#include "bench/link/plan.h"
#include "servers/base/loop.h"

#define NETNS_ADDRESS_MAX 16

struct netns;

/* Life cycle */
/*
 * Makes the namespace and the link. Borrows the plan and the loop. On failure
 * `message` says in one line what is missing.
 */
MUST_USE enum err netns_new(struct loop *loop, const struct plan *plan,
			    struct netns **out, char *message,
			    size_t message_size);
void netns_free(struct netns *n); /* kills the command if it still runs */

/* Operations */
/*
 * Puts this process and all that it starts from now on into a namespace of
 * their own, where there is nothing but a loopback device with that MTU.
 * ERR_REFUSED: that is not allowed, and nothing has changed.
 */
MUST_USE enum err netns_enter_new(int mtu, char *message, size_t message_size);
/*
 * Starts the command `argv` (NULL-terminated) in the namespace, in whose
 * arguments {host} stands for our address, as $PUSHMARK_LINK_HOST does in its
 * environment. The loop is stopped once it has ended.
 */
MUST_USE enum err netns_start(struct netns *n, const char *const *argv,
			      char *message, size_t message_size);
/* Asks the command to end, and makes it end five seconds later. */
void netns_stop(struct netns *n);

/* Queries */
/* Its exit status, or 128 + the number of the signal that ended it. */
int netns_status(const struct netns *n);
const char *netns_host(const struct netns *n);	   /* our address */
const char *netns_client(const struct netns *n);   /* the command's address */
void netns_json(const struct netns *n, FILE *out); /* one line */

#endif
