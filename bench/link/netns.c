/* SPDX-License-Identifier: MIT */
#include "bench/link/netns.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/link/packets.h"
#include "bench/link/tun.h"
#include "servers/base/check.h"

#define READS_MAX 64 /* packets a tick and direction */
#define PACKET_MAX 65536
#define STOP_NS 5000000000U
#define EXEC_FAILED 127

/* The second half of the network for benchmarks (RFC 2544): 198.19.0.0/16. */
#define NETWORK 0xc6130000U
#define SUBNETS 16384U /* of four addresses each */

/* A TUN device, and where what is read from it goes. */
struct side {
	struct tun tun;
	struct loop_fd io;
	struct netns *netns;
	struct packets packets; /* from here to the other side */
	struct side *other;
};

struct netns {
	struct loop *loop;
	const struct plan *plan;
	struct alarms *alarms;
	struct alarm hole, kill;
	struct side host, client;
	int fd; /* the namespace */
	char host_address[NETNS_ADDRESS_MAX];
	char client_address[NETNS_ADDRESS_MAX];
	struct loop_fd child; /* a pidfd */
	pid_t pid;	      /* 0: none runs */
	int status;
};

/* Packets */

static void come_out(struct packets *p, struct slice packet)
{
	struct side *s = container_of(p, struct side, packets);

	/* A kernel that has no room drops it, as a network card would. */
	if (write(s->other->tun.fd, packet.p, packet.n) < 0)
		p->stats.dropped++;
}

static void side_event(struct loop_fd *f, uint32_t events)
{
	struct side *s = container_of(f, struct side, io);
	char packet[PACKET_MAX];

	(void)events;
	for (int i = 0; i < READS_MAX; i++) {
		ssize_t n = read(f->fd, packet, sizeof(packet));

		if (n <= 0)
			break;
		/* The kernel's own IPv6 talk on a new device is not traffic. */
		if ((packet[0] & 0xf0) == 0x40)
			packets_push(&s->packets,
				     clock_ns(loop_clock(s->netns->loop)),
				     slice_of(packet, (size_t)n));
	}
}

static void hole_due(struct alarm *a)
{
	struct netns *n = container_of(a, struct netns, hole);

	n->host.packets.holed = true;
	n->client.packets.holed = true;
}

/* Addresses */

/* Whether an interface of this namespace has an address of the /30. */
static bool taken(const struct ifaddrs *list, uint32_t network)
{
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		struct sockaddr_in in;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&in, i->ifa_addr, sizeof(in));
		if ((ntohl(in.sin_addr.s_addr) & ~3U) == network)
			return true;
	}
	return false;
}

/* Picks a free /30; processes that start together begin at different ones. */
static enum err pick_network(uint32_t *out, char *message, size_t size)
{
	struct ifaddrs *list;
	uint32_t start = (uint32_t)getpid();
	enum err e = ERR_LIMIT;

	if (getifaddrs(&list) != 0) {
		(void)snprintf(message, size, "cannot list the addresses: %s",
			       strerror(errno));
		return ERR_IO;
	}
	for (uint32_t i = 0; i < SUBNETS && e; i++) {
		uint32_t network = NETWORK + (start + i) % SUBNETS * 4;

		if (taken(list, network))
			continue;
		*out = network;
		e = ERR_OK;
	}
	freeifaddrs(list);
	if (e)
		(void)snprintf(message, size, "198.19.0.0/16 is full");
	return e;
}

static void print_address(uint32_t address, char *into)
{
	struct in_addr in = {.s_addr = htonl(address)};

	CHECK(inet_ntop(AF_INET, &in, into, NETNS_ADDRESS_MAX));
}

/* Making one */

static int own_namespace(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Goes into a new one; *home is what leads back, the caller's to close. */
static enum err leave_home(int *home, char *message, size_t size)
{
	*home = own_namespace();
	if (*home >= 0 && unshare(CLONE_NEWNET) == 0)
		return ERR_OK;
	(void)snprintf(message, size, "cannot make a network namespace: %s",
		       strerror(errno));
	if (*home >= 0)
		(void)close(*home);
	return ERR_REFUSED;
}

/* Going on in the wrong namespace would break what comes next. */
static void go_home(int home)
{
	CHECK(setns(home, CLONE_NEWNET) == 0);
	(void)close(home);
}

enum err netns_enter_new(int mtu, char *message, size_t size)
{
	int home;
	enum err e = leave_home(&home, message, size);

	if (e)
		return e;
	e = tun_loopback_up(mtu, message, size);
	if (e)
		go_home(home);
	else
		(void)close(home);
	return e ? ERR_REFUSED : ERR_OK;
}

/* In the new namespace: everything the command will find there. */
static enum err furnish(struct netns *n, uint32_t network, char *message,
			size_t size)
{
	struct tun *t = &n->client.tun;
	enum err e = tun_loopback_up(0, message, size);

	if (!e)
		e = tun_open(t, message, size);
	if (!e)
		e = tun_configure(t, network + 2, n->plan->mtu, message, size);
	if (!e)
		e = tun_default_route(t, network + 1, message, size);
	return e;
}

static enum err make_namespace(struct netns *n, uint32_t network, char *message,
			       size_t size)
{
	enum err e = ERR_IO;
	int home;

	if (leave_home(&home, message, size) != ERR_OK)
		return e;
	n->fd = own_namespace();
	if (n->fd >= 0)
		e = furnish(n, network, message, size);
	else
		(void)snprintf(message, size, "/proc: %s", strerror(errno));
	go_home(home);
	return e;
}

static enum err make_link(struct netns *n, char *message, size_t size)
{
	uint32_t network = 0;
	enum err e = tun_open(&n->host.tun, message, size);

	if (!e)
		e = pick_network(&network, message, size);
	if (!e)
		e = tun_configure(&n->host.tun, network + 1, n->plan->mtu,
				  message, size);
	if (!e)
		e = make_namespace(n, network, message, size);
	if (!e) {
		print_address(network + 1, n->host_address);
		print_address(network + 2, n->client_address);
	}
	return e;
}

static enum err start_side(struct side *s, struct side *other, struct netns *n,
			   uint64_t seed)
{
	s->netns = n;
	s->other = other;
	packets_init(&s->packets, n->alarms, n->plan, seed, come_out);
	return loop_add(n->loop, &s->io, s->tun.fd, EPOLLIN, side_event);
}

/* Who is in it */

/* Whether the process that /proc calls `name` is in the namespace. */
static bool is_inside(const char *name, const struct stat *space)
{
	char path[PATH_MAX];
	struct stat its;

	(void)snprintf(path, sizeof(path), "/proc/%s/ns/net", name);
	return stat(path, &its) == 0 && its.st_dev == space->st_dev &&
	       its.st_ino == space->st_ino;
}

/* To all that is there besides the command: what it has started. */
static void signal_others(const struct netns *n, int number)
{
	const struct dirent *entry;
	struct stat space;
	DIR *all;

	if (n->fd < 0 || fstat(n->fd, &space) != 0)
		return;
	all = opendir("/proc");
	while (all && (entry = readdir(all))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid > 0 && pid != n->pid &&
		    is_inside(entry->d_name, &space))
			(void)kill((pid_t)pid, number);
	}
	if (all)
		(void)closedir(all);
}

/* Life cycle */

static void child_ended(struct loop_fd *f, uint32_t events)
{
	struct netns *n = container_of(f, struct netns, child);
	int fd = f->fd;
	int status;

	(void)events;
	if (waitpid(n->pid, &status, WNOHANG) != n->pid)
		return;
	n->pid = 0;
	n->status = WIFEXITED(status) ? WEXITSTATUS(status)
				      : 128 + WTERMSIG(status);
	alarm_cancel(&n->kill);
	loop_remove(n->loop, f);
	(void)close(fd);
	loop_stop(n->loop);
}

static void kill_due(struct alarm *a)
{
	const struct netns *n = container_of(a, struct netns, kill);

	if (n->pid > 0)
		(void)kill(n->pid, SIGKILL);
}

enum err netns_new(struct loop *loop, const struct plan *plan,
		   struct netns **out, char *message, size_t message_size)
{
	struct netns *n = xcalloc(1, sizeof(*n));
	enum err e;

	n->loop = loop;
	n->plan = plan;
	n->fd = -1;
	n->child.fd = -1;
	n->host.tun.fd = -1;
	n->client.tun.fd = -1;
	n->host.io.fd = -1;
	n->client.io.fd = -1;
	list_init(&n->host.packets.under_way);
	list_init(&n->client.packets.under_way);
	e = make_link(n, message, message_size);
	if (!e) {
		(void)snprintf(message, message_size, "no timer or descriptor");
		e = alarms_new(loop, &n->alarms);
	}
	if (!e)
		e = start_side(&n->host, &n->client, n, ~plan->seed);
	if (!e)
		e = start_side(&n->client, &n->host, n, plan->seed);
	if (e) {
		netns_free(n);
		return e;
	}
	alarm_init(&n->kill, n->alarms, kill_due);
	alarm_init(&n->hole, n->alarms, hole_due);
	if (plan->black_hole_ns != PLAN_NEVER)
		alarm_set(&n->hole,
			  clock_ns(loop_clock(loop)) + plan->black_hole_ns);
	*out = n;
	return ERR_OK;
}

static void release_side(struct side *s)
{
	packets_release(&s->packets);
	loop_remove(s->netns->loop, &s->io);
	tun_close(&s->tun);
}

void netns_free(struct netns *n)
{
	if (!n)
		return;
	signal_others(n, SIGKILL);
	if (n->pid > 0) {
		(void)kill(n->pid, SIGKILL);
		(void)waitpid(n->pid, NULL, 0);
	}
	if (n->child.fd >= 0) {
		int fd = n->child.fd;

		loop_remove(n->loop, &n->child);
		(void)close(fd);
	}
	n->host.netns = n;
	n->client.netns = n;
	release_side(&n->host);
	release_side(&n->client);
	alarms_free(n->alarms);
	if (n->fd >= 0)
		(void)close(n->fd);
	free(n);
}

/* The command */

/* Returns owned: `arg` with our address for each {host}. */
static char *substitute(const struct netns *n, const char *arg)
{
	static const char mark[] = "{host}";
	size_t max = strlen(arg) / (sizeof(mark) - 1) * NETNS_ADDRESS_MAX +
		     strlen(arg) + 1;
	char *text = xmalloc(max);
	char *end = text;

	while (*arg) {
		if (strncmp(arg, mark, sizeof(mark) - 1) != 0) {
			*end++ = *arg++;
			continue;
		}
		end = stpcpy(end, n->host_address);
		arg += sizeof(mark) - 1;
	}
	*end = '\0';
	return text;
}

/* In the child: never returns. */
static _Noreturn void become(const struct netns *n, char **argv, pid_t parent)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* Without us there is no link: it must not outlive even a SIGKILL. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
	    setns(n->fd, CLONE_NEWNET) != 0 ||
	    setenv("PUSHMARK_LINK_HOST", n->host_address, 1) != 0)
		_exit(EXEC_FAILED);
	(void)execvp(argv[0], argv);
	(void)fprintf(stderr, "pushmark link: %s: %s\n", argv[0],
		      strerror(errno));
	_exit(EXEC_FAILED);
}

enum err netns_start(struct netns *n, const char *const *argv, char *message,
		     size_t message_size)
{
	pid_t parent = getpid();
	size_t count = 0;
	char **args;
	int fd = -1;

	while (argv[count])
		count++;
	args = xcalloc(count + 1, sizeof(char *));
	for (size_t i = 0; i < count; i++)
		args[i] = substitute(n, argv[i]);
	n->pid = fork();
	if (n->pid == 0)
		become(n, args, parent);
	if (n->pid > 0)
		fd = (int)syscall(SYS_pidfd_open, n->pid, 0);
	for (size_t i = 0; i < count; i++)
		free(args[i]);
	free(args);
	if (fd < 0 || loop_add(n->loop, &n->child, fd, EPOLLIN, child_ended)) {
		(void)snprintf(message, message_size,
			       "cannot start the command: %s", strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return ERR_IO;
	}
	return ERR_OK;
}

void netns_stop(struct netns *n)
{
	if (n->pid <= 0)
		return;
	(void)kill(n->pid, SIGTERM);
	signal_others(n, SIGTERM);
	if (!alarm_is_set(&n->kill))
		alarm_set(&n->kill, clock_ns(loop_clock(n->loop)) + STOP_NS);
}

/* Queries */

int netns_status(const struct netns *n)
{
	return n->status;
}

const char *netns_host(const struct netns *n)
{
	return n->host_address;
}

const char *netns_client(const struct netns *n)
{
	return n->client_address;
}

static void print_stats(const struct packets_stats *s, FILE *out)
{
	(void)fprintf(out,
		      "{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64
		      ",\"lost\":%" PRIu64 ",\"dropped\":%" PRIu64
		      ",\"reordered\":%" PRIu64 ",\"swallowed\":%" PRIu64 "}",
		      s->sent, s->bytes, s->lost, s->dropped, s->reordered,
		      s->swallowed);
}

void netns_json(const struct netns *n, FILE *out)
{
	(void)fputs("{\"to_host\":", out);
	print_stats(&n->client.packets.stats, out);
	(void)fputs(",\"to_command\":", out);
	print_stats(&n->host.packets.stats, out);
	(void)fprintf(out, ",\"status\":%d,\"seed\":%" PRIu64 "}\n", n->status,
		      n->plan->seed);
}
