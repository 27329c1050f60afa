/* SPDX-License-Identifier: MIT */
#include "servers/base/err.h"

#include <stddef.h>

#include "servers/base/check.h"

static const char *const err_texts[] = {
#define ERR_ENTRY(name, text) [ERR_##name] = (text),
	ERR_LIST(ERR_ENTRY)
#undef ERR_ENTRY
};

const char *err_text(enum err e)
{
	if ((size_t)e >= ARRAY_SIZE(err_texts))
		return "unknown error";
	return err_texts[e];
}
