/* SPDX-License-Identifier: MIT */
#include "bench/run/method.h"

static const struct method *const methods[] = {
#define METHOD_ROW(upper, lower, kinds) [METHOD_##upper] = &method_##lower,
	METHOD_LIST(METHOD_ROW)
#undef METHOD_ROW
};

const struct method *method_of(const struct scenario *s)
{
	return methods[s->method];
}
