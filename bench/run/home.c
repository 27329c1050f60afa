/* SPDX-License-Identifier: MIT */
#include "bench/run/home.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err path_join(char *into, size_t size, const char *folder,
		   const char *name)
{
	int n = snprintf(into, size, "%s/%s", folder, name);

	return n < 0 || (size_t)n >= size ? ERR_LIMIT : ERR_OK;
}

enum err path_make(const char *folder)
{
	char path[PATH_MAX];
	size_t n = strlen(folder);

	if (n == 0 || n >= sizeof(path))
		return ERR_LIMIT;
	memcpy(path, folder, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		path[i] = '\0';
		if (mkdir(path, 0777) != 0 && errno != EEXIST)
			return ERR_IO;
		path[i] = i < n ? '/' : '\0';
	}
	return ERR_OK;
}

static bool is_folder(const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return path_join(path, sizeof(path), folder, name) == ERR_OK &&
	       stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Takes `folder` if the files are in it. */
static bool take(struct home *h, const char *folder)
{
	if (!is_folder(folder, "bench/scenarios") || !realpath(folder, h->data))
		return false;
	h->source_tree = is_folder(folder, "bench/run");
	return true;
}

static bool take_above(struct home *h, const char *executable)
{
	char folder[PATH_MAX], shared[PATH_MAX];
	char *end;

	(void)snprintf(folder, sizeof(folder), "%s", executable);
	while ((end = strrchr(folder, '/'))) {
		*end = '\0';
		if (take(h, folder[0] ? folder : "/"))
			return true;
		if (path_join(shared, sizeof(shared), folder,
			      "share/pushmark") == ERR_OK &&
		    take(h, shared))
			return true;
	}
	return false;
}

enum err home_find(struct home *h, char *message, size_t size)
{
	const char *set = getenv("PUSHMARK_HOME");
	const char *bin = getenv("PUSHMARK_BIN");
	char executable[PATH_MAX];
	ssize_t n =
		readlink("/proc/self/exe", executable, sizeof(executable) - 1);
	char *end;

	*h = (struct home){0};
	executable[n > 0 ? n : 0] = '\0';
	end = strrchr(executable, '/');
	(void)snprintf(h->bin, sizeof(h->bin), "%.*s",
		       end ? (int)(end - executable) : 0, executable);
	if (bin && bin[0] && !realpath(bin, h->bin)) {
		(void)snprintf(message, size, "PUSHMARK_BIN: %s: %s", bin,
			       strerror(errno));
		return ERR_NOTFOUND;
	}
	if (set && set[0]) {
		if (take(h, set))
			return ERR_OK;
		(void)snprintf(message, size,
			       "PUSHMARK_HOME: no bench/scenarios in %s", set);
		return ERR_NOTFOUND;
	}
	if (take_above(h, executable) || take(h, "."))
		return ERR_OK;
	(void)snprintf(message, size,
		       "no bench/scenarios above %s; set PUSHMARK_HOME",
		       h->bin);
	return ERR_NOTFOUND;
}

enum err home_results(const struct home *h, char *into, size_t size)
{
	return path_join(into, size, h->source_tree ? h->data : ".", "results");
}

enum err path_newest(const char *folder, const char *name, char *into,
		     size_t size)
{
	DIR *dir = opendir(folder);
	char newest[NAME_MAX + 1] = "";
	struct dirent *entry;
	char file[PATH_MAX];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    strcmp(entry->d_name, newest) <= 0 ||
		    snprintf(file, sizeof(file), "%s/%s/%s", folder,
			     entry->d_name, name) >= (int)sizeof(file) ||
		    access(file, R_OK) != 0)
			continue;
		(void)snprintf(newest, sizeof(newest), "%s", entry->d_name);
		if (snprintf(into, size, "%s", file) >= (int)size)
			newest[0] = '\0';
	}
	if (dir)
		(void)closedir(dir);
	return newest[0] ? ERR_OK : ERR_NOTFOUND;
}
