/* SPDX-License-Identifier: MIT */
#include "bench/run/machine.h"

#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int loopback_mtu(void)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int mtu = fd >= 0 && ioctl(fd, SIOCGIFMTU, &r) == 0 ? r.ifr_mtu : 0;

	if (fd >= 0)
		(void)close(fd);
	return mtu;
}

void machine_init(struct machine *m)
{
	cpu_set_t allowed;

	*m = (struct machine){
		.server_cpu = -1,
		.ticks = sysconf(_SC_CLK_TCK),
		.loopback_mtu = loopback_mtu(),
		.shared = "",
	};
	if (m->ticks <= 0)
		m->ticks = 100;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 ||
	    CPU_COUNT(&allowed) < 2)
		return;
	for (int i = 0;
	     i < CPU_SETSIZE && m->worker_cpu_count < MACHINE_WORKER_CPUS;
	     i++) {
		if (!CPU_ISSET((size_t)i, &allowed))
			continue;
		if (m->server_cpu < 0)
			m->server_cpu = i;
		else
			m->worker_cpus[m->worker_cpu_count++] = i;
	}
}

int machine_worker_cpu(const struct machine *m)
{
	return m->worker_cpu_count > 0 ? m->worker_cpus[0] : -1;
}

/* "cpu0 user nice system idle iowait irq softirq steal ..." */
static bool read_line(const char *line, int cpu, struct core_time *t)
{
	uint64_t v[8];
	int number;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel's numbers are in range. */
	if (sscanf(line,
		   "cpu%d %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   &number, &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6],
		   &v[7]) != 9 ||
	    number != cpu)
		return false;
	t->busy = v[0] + v[1] + v[2] + v[5] + v[6];
	t->steal = v[7];
	return true;
}

struct core_time machine_core(const struct machine *m, int cpu)
{
	struct core_time t = {0};
	char line[512];
	FILE *f;

	if (cpu < 0 || m->ticks <= 0)
		return t;
	f = fopen("/proc/stat", "re");
	if (!f)
		return t;
	while (fgets(line, sizeof(line), f)) {
		if (read_line(line, cpu, &t))
			break;
	}
	(void)fclose(f);
	return t;
}

double machine_foreign(const struct machine *m, const struct core_time *before,
		       const struct core_time *after, uint64_t own_ns)
{
	double tick = 1.0 / (double)m->ticks;
	double busy = (double)(after->busy - before->busy) * tick;
	double steal = (double)(after->steal - before->steal) * tick;
	double others = busy - (double)own_ns / 1e9;

	return (others > 0 ? others : 0) + steal;
}

bool machine_disturbed(const struct machine *m, double foreign_s,
		       double slice_s)
{
	return foreign_s > MACHINE_FOREIGN_MAX * slice_s &&
	       foreign_s * (double)m->ticks > 3.0;
}
