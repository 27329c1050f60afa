/* SPDX-License-Identifier: MIT */
/*
 * A TUN device, which hands the packets that the kernel routes to it to
 * us, and what we write to the kernel. It and its addresses vanish with its
 * descriptor, thus with our process, however that ends. IPv4 only.
 */
#ifndef BENCH_LINK_TUN_H
#define BENCH_LINK_TUN_H

#include <net/if.h>
#include <stdint.h>

#include "servers/base/err.h"

struct tun {
	int fd; /* non-blocking; -1: none */
	char name[IFNAMSIZ];
};

/* Life cycle. On failure `message` says what does not work, and why. */
/* Makes the device in the network namespace that we are in. */
MUST_USE enum err tun_open(struct tun *t, char *message, size_t message_size);
void tun_close(struct tun *t); /* idempotent */

/* Operations; addresses as numbers in the host's byte order */
/* Gives it an address in a /30 and an MTU, and switches it on. */
MUST_USE enum err tun_configure(const struct tun *t, uint32_t address, int mtu,
				char *message, size_t message_size);
/* Sends all that has no other route of this namespace through it. */
MUST_USE enum err tun_default_route(const struct tun *t, uint32_t gateway,
				    char *message, size_t message_size);
/* Switches the loopback device of this namespace on; `mtu` 0: as it is. */
MUST_USE enum err tun_loopback_up(int mtu, char *message, size_t message_size);

#endif
