/* SPDX-License-Identifier: MIT */
#include "bench/link/tun.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NETMASK_30 0xfffffffcU

static enum err fail(char *message, size_t size, const char *what)
{
	(void)snprintf(message, size, "%s: %s", what, strerror(errno));
	return ERR_IO;
}

enum err tun_open(struct tun *t, char *message, size_t size)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0)
		return fail(message, size, "/dev/net/tun");
	/* The kernel fills the number in. */
	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "pmlink%%d");
	if (ioctl(t->fd, TUNSETIFF, &r) != 0) {
		enum err e = fail(message, size, "cannot make a TUN device");

		tun_close(t);
		return e;
	}
	(void)snprintf(t->name, sizeof(t->name), "%.*s", IFNAMSIZ - 1,
		       r.ifr_name);
	return ERR_OK;
}

void tun_close(struct tun *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	t->fd = -1;
}

/* Configuring, by requests to any socket of the namespace */

static void put_address(struct sockaddr *into, uint32_t address)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(address)};

	memcpy(into, &in, sizeof(in));
}

static struct ifreq request(const char *name)
{
	struct ifreq r = {0};

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return r;
}

static int switch_on(int control, const char *name)
{
	struct ifreq r = request(name);

	if (ioctl(control, SIOCGIFFLAGS, &r) != 0)
		return -1;
	r.ifr_flags |= IFF_UP | IFF_RUNNING;
	return ioctl(control, SIOCSIFFLAGS, &r);
}

static int set_address(int control, const char *name, unsigned long what,
		       uint32_t address)
{
	struct ifreq r = request(name);

	put_address(&r.ifr_addr, address);
	return ioctl(control, what, &r);
}

static int set_mtu(int control, const char *name, int mtu)
{
	struct ifreq r = request(name);

	r.ifr_mtu = mtu;
	return ioctl(control, SIOCSIFMTU, &r);
}

static int control_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* Closes `control`, and tells when what it was used for went wrong. */
static enum err conclude(int control, int result, char *message, size_t size,
			 const char *what)
{
	enum err e = ERR_OK;

	if (control < 0 || result != 0)
		e = fail(message, size, what);
	if (control >= 0)
		(void)close(control);
	return e;
}

enum err tun_configure(const struct tun *t, uint32_t address, int mtu,
		       char *message, size_t size)
{
	int control = control_socket();
	int result = -1;

	if (control >= 0 &&
	    set_address(control, t->name, SIOCSIFADDR, address) == 0 &&
	    set_address(control, t->name, SIOCSIFNETMASK, NETMASK_30) == 0 &&
	    set_mtu(control, t->name, mtu) == 0)
		result = switch_on(control, t->name);
	return conclude(control, result, message, size,
			"cannot configure the TUN device");
}

enum err tun_default_route(const struct tun *t, uint32_t gateway, char *message,
			   size_t size)
{
	int control = control_socket();
	char name[IFNAMSIZ];
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY,
				.rt_dev = name};
	int result = -1;

	(void)snprintf(name, sizeof(name), "%s", t->name);
	put_address(&route.rt_dst, INADDR_ANY);
	put_address(&route.rt_genmask, INADDR_ANY);
	put_address(&route.rt_gateway, gateway);
	if (control >= 0)
		result = ioctl(control, SIOCADDRT, &route);
	return conclude(control, result, message, size,
			"cannot set the namespace's route");
}

enum err tun_loopback_up(int mtu, char *message, size_t size)
{
	int control = control_socket();
	int result = -1;

	if (control >= 0 && (mtu == 0 || set_mtu(control, "lo", mtu) == 0))
		result = switch_on(control, "lo");
	return conclude(control, result, message, size,
			"cannot switch the namespace's loopback on");
}
