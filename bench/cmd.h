/* SPDX-License-Identifier: MIT */
/*
 * The commands of `pushmark`. Each takes what stands after its name (argv[0]
 * is the name itself) and returns the exit status of the program.
 */
#ifndef BENCH_CMD_H
#define BENCH_CMD_H

enum {
	CMD_OK = 0,
	CMD_FAILED = 1,	       /* something did not work or is not valid */
	CMD_USAGE = 2,	       /* the command line or a file of ours */
	CMD_INTERRUPTED = 130, /* Ctrl-C; what was finished is kept */
};

int cmd_run(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_link(int argc, char **argv);

/* "pushmark run: text" on standard error; returns CMD_USAGE. */
__attribute__((format(printf, 2, 3))) int cmd_usage(const char *name,
						    const char *format, ...);

#endif
