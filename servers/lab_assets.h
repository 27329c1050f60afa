/* SPDX-License-Identifier: MIT */
/* The files of the lab page, as they were when the program was built. */
#ifndef SERVERS_LAB_ASSETS_H
#define SERVERS_LAB_ASSETS_H

#include <stddef.h>

struct lab_asset {
	const char *path, *type;
	const char *begin, *end;
};

extern const struct lab_asset lab_assets[];
extern const size_t lab_asset_count;

#endif
