/* SPDX-License-Identifier: MIT */
#include "bench/run/provenance.h"

#include <cjson/cJSON.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/run/put.h"
#include "servers/base/check.h"
#include "servers/base/utf8.h"
#include "servers/base/version.h"

#define TEXT 4096

extern char **environ;

/* A text of a file or program becomes a member; "" becomes null. */
static void put_found(cJSON *object, const char *key, char *text)
{
	text[strcspn(text, "\n")] = '\0';
	for (char *p = text; *p; p++) {
		if (*p == '\t')
			*p = ' ';
	}
	if (text[0] && utf8_valid(text, strlen(text)))
		put_text(object, key, text);
	else
		put_null(object, key);
}

static void read_file(const char *path, char *into, size_t size)
{
	FILE *f = fopen(path, "re");
	size_t n = 0;

	if (f) {
		n = fread(into, 1, size - 1, f);
		(void)fclose(f);
	}
	into[n] = '\0';
}

static void put_file(cJSON *object, const char *key, const char *path)
{
	char text[TEXT];

	read_file(path, text, sizeof(text));
	put_found(object, key, text);
}

/* Standard output of a program, its start if there is more; "" when it fails.
 */
static bool capture(char *const *argv, char *into, size_t size)
{
	posix_spawn_file_actions_t actions;
	char rest[TEXT];
	int fds[2], status = -1;
	size_t n = 0;
	ssize_t got = 1;
	pid_t pid;
	int failed;

	into[0] = '\0';
	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null",
					       O_WRONLY, 0);
	failed = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(fds[1]);
	while (!failed && n < size - 1 && got > 0) {
		got = read(fds[0], into + n, size - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	/* A program whose pipe breaks would look like one that failed. */
	while (!failed && got > 0)
		got = read(fds[0], rest, sizeof(rest));
	into[n] = '\0';
	(void)close(fds[0]);
	if (!failed)
		(void)waitpid(pid, &status, 0);
	if (status != 0)
		into[0] = '\0';
	return status == 0;
}

static void put_host(cJSON *json)
{
	struct utsname u;

	if (uname(&u) == 0) {
		put_text(json, "host", u.nodename);
		put_text(json, "kernel", u.release);
		put_text(json, "machine", u.machine);
	}
}

/* Load worker i, if there are so many, ran on the core i modulo their number.
 */
static void put_worker_cores(cJSON *json, const struct machine *m)
{
	cJSON *cores = put_array(json, "worker_cores");

	for (uint32_t i = 0; i < m->worker_cpu_count; i++)
		CHECK(cJSON_AddItemToArray(
			cores, cJSON_CreateNumber(m->worker_cpus[i])));
}

static void put_processor(cJSON *json, const struct machine *m)
{
	char line[TEXT], model[256] = "";
	FILE *f = fopen("/proc/cpuinfo", "re");
	struct sysinfo info;

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
			(void)snprintf(model, sizeof(model), "%.250s",
				       strchr(line, ':') + 2);
			break;
		}
	}
	if (f)
		(void)fclose(f);
	put_found(json, "cpu", model);
	put_number(json, "cores", (double)sysconf(_SC_NPROCESSORS_ONLN));
	if (sysinfo(&info) == 0)
		put_number(json, "memory",
			   (double)info.totalram * info.mem_unit);
	put_number(json, "server_core", m->server_cpu);
	put_number(json, "worker_core", machine_worker_cpu(m));
	put_worker_cores(json, m);
	put_bool(json, "own_network", !m->shared);
	if (m->loopback_mtu > 0)
		put_number(json, "loopback_mtu", m->loopback_mtu);
	else
		put_null(json, "loopback_mtu");
	put_file(json, "governor",
		 "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
	put_file(json, "clocksource",
		 "/sys/devices/system/clocksource/clocksource0/"
		 "current_clocksource");
}

static void put_settings(cJSON *json)
{
	static const char *const names[] = {
		"net/core/somaxconn",	      "net/core/rmem_max",
		"net/core/wmem_max",	      "net/core/default_qdisc",
		"net/ipv4/tcp_rmem",	      "net/ipv4/tcp_wmem",
		"net/ipv4/tcp_mem",	      "net/ipv4/tcp_congestion_control",
		"net/ipv4/tcp_notsent_lowat", "net/ipv4/ip_local_port_range",
	};
	cJSON *settings = put_object(json, "sysctls");

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[128], key[64];

		(void)snprintf(path, sizeof(path), "/proc/sys/%s", names[i]);
		(void)snprintf(key, sizeof(key), "%s", names[i]);
		for (char *p = key; *p; p++) {
			if (*p == '/')
				*p = '.';
		}
		put_file(settings, key, path);
	}
}

/* The stamp of the build that the programs come from is beside them. */
static void put_build(cJSON *json, const struct home *h)
{
	char path[PATH_MAX + 32], text[TEXT];
	char *flags;

	put_text(json, "compiler", __VERSION__);
	(void)snprintf(path, sizeof(path), "%s/../flags.stamp", h->bin);
	read_file(path, text, sizeof(text));
	flags = strstr(text, "-std=");
	put_found(json, "flags", flags ? flags : text);
	put_text(json, "pushmark", PUSHMARK_VERSION);
	put_text(json, "cjson", cJSON_Version());
	(void)snprintf(path, sizeof(path), "%s/pushmark-server", h->bin);
	(void)capture((char *[]){path, "--version", NULL}, text, sizeof(text));
	put_found(json, "server", text);
}

static void put_commit(cJSON *json, const struct home *h)
{
	char folder[PATH_MAX], text[TEXT];

	(void)snprintf(folder, sizeof(folder), "%s", h->data);
	if (!h->source_tree ||
	    !capture((char *[]){"git", "-C", folder, "rev-parse", "HEAD", NULL},
		     text, sizeof(text))) {
		put_null(json, "commit");
		put_null(json, "dirty");
		return;
	}
	put_found(json, "commit", text);
	if (capture((char *[]){"git", "-C", folder, "status", "--porcelain",
			       NULL},
		    text, sizeof(text)))
		put_bool(json, "dirty", text[0] != '\0');
	else
		put_null(json, "dirty");
}

static void put_targets(cJSON *json, const struct home *h,
			const struct target *targets, size_t count)
{
	cJSON *versions = put_object(json, "targets");
	char text[TEXT];

	for (size_t i = 0; i < count; i++) {
		char **argv;

		if (!targets[i].version)
			continue;
		argv = target_argv(targets[i].version, NULL, h, "");
		(void)capture(argv, text, sizeof(text));
		put_found(versions, targets[i].name, text);
		target_argv_free(argv);
	}
}

struct cJSON *provenance_to_json(const struct home *h, const struct machine *m,
				 const struct target *targets, size_t count)
{
	cJSON *json = cJSON_CreateObject();

	CHECK(json);
	put_host(json);
	put_processor(json, m);
	put_settings(json);
	put_build(json, h);
	put_commit(json, h);
	put_targets(json, h, targets, count);
	return json;
}
