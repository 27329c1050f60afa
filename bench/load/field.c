/* SPDX-License-Identifier: MIT */
#include "bench/load/field.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/base/check.h"

#define EXACT_DOUBLE 9007199254740992.0 /* 2^53 */

/* Writing */

static cJSON *hex_json(uint64_t value)
{
	char text[17];

	(void)snprintf(text, sizeof(text), "%016" PRIx64, value);
	return cJSON_CreateString(text);
}

static cJSON *write_field(const struct field *f, const void *at)
{
	switch (f->type) {
	case FIELD_TYPE_U64:
		return cJSON_CreateNumber((double)*(const uint64_t *)at);
	case FIELD_TYPE_HEX:
		return hex_json(*(const uint64_t *)at);
	case FIELD_TYPE_U32:
		return cJSON_CreateNumber(*(const uint32_t *)at);
	case FIELD_TYPE_INT:
		return cJSON_CreateNumber(*(const int *)at);
	case FIELD_TYPE_DOUBLE:
		return cJSON_CreateNumber(*(const double *)at);
	case FIELD_TYPE_BOOL:
		return cJSON_CreateBool(*(const bool *)at);
	case FIELD_TYPE_CHOICE:
		return cJSON_CreateString(f->names[*(const unsigned *)at]);
	case FIELD_TYPE_TEXT:
		return cJSON_CreateString(at);
	case FIELD_TYPE_HIST:
		return hist_to_json(at);
	case FIELD_TYPE_END:
		break;
	}
	return NULL;
}

struct cJSON *field_to_json(const struct field *table, const void *from)
{
	cJSON *json = cJSON_CreateObject();

	for (const struct field *f = table; f->type != FIELD_TYPE_END; f++) {
		cJSON *item = write_field(f, (const char *)from + f->offset);

		CHECK(cJSON_AddItemToObject(json, f->name, item));
	}
	return json;
}

/* Reading */

static bool read_number(const cJSON *item, double min, double max, double *out)
{
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= min) ||
	    !(item->valuedouble <= max))
		return false;
	*out = item->valuedouble;
	return true;
}

static bool read_hex(const cJSON *item, uint64_t *out)
{
	char *end;

	if (!cJSON_IsString(item) || strlen(item->valuestring) != 16 ||
	    strspn(item->valuestring, "0123456789abcdef") != 16)
		return false;
	*out = strtoull(item->valuestring, &end, 16);
	return *end == '\0';
}

static bool read_text(const struct field *f, const cJSON *item, char *into)
{
	size_t n;

	if (!cJSON_IsString(item))
		return false;
	n = strlen(item->valuestring);
	if (n >= f->size)
		return false;
	memcpy(into, item->valuestring, n + 1);
	return true;
}

static bool read_choice(const struct field *f, const cJSON *item,
			unsigned *into)
{
	if (!cJSON_IsString(item))
		return false;
	for (unsigned i = 0; f->names[i]; i++) {
		if (strcmp(f->names[i], item->valuestring) == 0) {
			*into = i;
			return true;
		}
	}
	return false;
}

static bool read_counting(const struct field *f, const cJSON *item, void *at)
{
	double value;

	switch (f->type) {
	case FIELD_TYPE_U64:
		if (!read_number(item, 0, EXACT_DOUBLE, &value))
			return false;
		*(uint64_t *)at = (uint64_t)value;
		return true;
	case FIELD_TYPE_U32:
		if (!read_number(item, 0, UINT32_MAX, &value))
			return false;
		*(uint32_t *)at = (uint32_t)value;
		return true;
	default:
		if (!read_number(item, INT32_MIN, INT32_MAX, &value))
			return false;
		*(int *)at = (int)value;
		return true;
	}
}

static bool read_field(const struct field *f, const cJSON *item, void *at)
{
	switch (f->type) {
	case FIELD_TYPE_HEX:
		return read_hex(item, at);
	case FIELD_TYPE_DOUBLE:
		return read_number(item, -HUGE_VAL, HUGE_VAL, at);
	case FIELD_TYPE_BOOL:
		if (!cJSON_IsBool(item))
			return false;
		*(bool *)at = cJSON_IsTrue(item);
		return true;
	case FIELD_TYPE_CHOICE:
		return read_choice(f, item, at);
	case FIELD_TYPE_TEXT:
		return read_text(f, item, at);
	case FIELD_TYPE_HIST:
		return hist_from_json(at, item) == ERR_OK;
	default:
		return read_counting(f, item, at);
	}
}

enum err field_from_json(const struct field *table, void *into,
			 const struct cJSON *json)
{
	for (const struct field *f = table; f->type != FIELD_TYPE_END; f++) {
		const cJSON *item =
			cJSON_GetObjectItemCaseSensitive(json, f->name);

		if (!item || !read_field(f, item, (char *)into + f->offset))
			return ERR_PROTO;
	}
	return ERR_OK;
}
