/* SPDX-License-Identifier: MIT */
#include "bench/run/schema.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "servers/base/check.h"

#define PATTERNS_MAX 16
#define WHOLE_MAX 18446744073709551616.0 /* what 64 bits hold, rounded */
#define LIST_MAX 320
#define PATH_TEXT 320

/* The file itself, so that program and schema are of one version. */
__asm__(".pushsection .rodata\n"
	"schema_text:\n"
	".incbin \"results/schema.json\"\n"
	".byte 0\n"
	".popsection\n");
extern const char schema_text[] __attribute__((visibility("hidden")));

/* A value of the document, and what it is in. */
struct place {
	const struct place *up;
	const cJSON *item;
	size_t index; /* among its siblings */
};

struct checker {
	struct doc *d;
	cJSON *root; /* owned: the schema */
	bool lenient;
	bool quiet; /* whether it fits is only asked */
	struct {
		const cJSON *keyword;
		regex_t regex;
	} patterns[PATTERNS_MAX];
	size_t pattern_count;
};

typedef bool keyword_fn(struct checker *k, const cJSON *value,
			const cJSON *schema, const struct place *p);

static bool check(struct checker *k, const cJSON *schema,
		  const struct place *p);

/* Complaints */

/* "measurements[3].pairs"; cut at the front of what does not fit. */
static size_t write_path(const struct place *p, char *into, size_t size)
{
	size_t at;
	int n;

	if (!p || !p->up)
		return 0;
	at = write_path(p->up, into, size);
	if (p->item->string)
		n = snprintf(into + at, size - at, "%s%.60s", at ? "." : "",
			     p->item->string);
	else
		n = snprintf(into + at, size - at, "[%zu]", p->index);
	return n > 0 && (size_t)n < size - at ? at + (size_t)n : size - 1;
}

/* What files say is shown to people: no control characters. */
static void make_printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

__attribute__((format(printf, 3, 0))) static void
write_error(struct doc *d, const struct place *p, const char *format,
	    va_list args)
{
	char path[PATH_TEXT] = "", what[400];
	size_t at;

	if (doc_failed(d))
		return;
	(void)write_path(p, path, sizeof(path));
	(void)vsnprintf(what, sizeof(what), format, args);
	make_printable(path);
	make_printable(what);
	at = (size_t)snprintf(d->error, sizeof(d->error),
			      "%.300s:%u: ", d->path, doc_line(d, p->item));
	if (path[0])
		at += (size_t)snprintf(d->error + at, sizeof(d->error) - at,
				       "%.160s: ", path);
	(void)snprintf(d->error + at, sizeof(d->error) - at, "%.*s",
		       (int)(sizeof(d->error) - at - 1), what);
}

/* Returns false, as what complains does. */
__attribute__((format(printf, 3, 4))) static bool
wrong(struct checker *k, const struct place *p, const char *format, ...)
{
	va_list args;

	if (k->quiet)
		return false;
	va_start(args, format);
	write_error(k->d, p, format, args);
	va_end(args);
	return false;
}

/* Finds the item below `p` and complains about it there. */
__attribute__((format(printf, 4, 0))) static bool
complain(struct doc *d, const struct place *p, const cJSON *item,
	 const char *format, va_list args)
{
	struct place below = {.up = p};

	if (p->item == item) {
		write_error(d, p, format, args);
		return true;
	}
	for (below.item = p->item->child; below.item;
	     below.item = below.item->next, below.index++) {
		if (complain(d, &below, item, format, args))
			return true;
	}
	return false;
}

void schema_fail(struct doc *d, const struct cJSON *item, const char *format,
		 ...)
{
	const struct place root = {.item = d->root};
	va_list args;

	va_start(args, format);
	(void)complain(d, &root, item ? item : d->root, format, args);
	va_end(args);
}

/* Keywords */

static cJSON_bool is_whole(const cJSON *item)
{
	double value = item->valuedouble;

	return cJSON_IsNumber(item) && floor(value) == value &&
	       fabs(value) <= WHOLE_MAX;
}

static cJSON_bool is_number(const cJSON *item)
{
	return cJSON_IsNumber(item) && isfinite(item->valuedouble);
}

static bool check_type(struct checker *k, const cJSON *value,
		       const cJSON *schema, const struct place *p)
{
	static const struct {
		const char *name, *expected;
		cJSON_bool (*is)(const cJSON *item);
	} types[] = {
		{"integer", "a whole number", is_whole},
		{"number", "a number", is_number},
		{"string", "a text", cJSON_IsString},
		{"object", "an object", cJSON_IsObject},
		{"array", "a list", cJSON_IsArray},
		{"boolean", "true or false", cJSON_IsBool},
		{"null", "null", cJSON_IsNull},
	};

	(void)schema;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (strcmp(types[i].name, value->valuestring) != 0)
			continue;
		return types[i].is(p->item) ||
		       wrong(k, p, "expected %s", types[i].expected);
	}
	CHECK(false);
}

static bool check_minimum(struct checker *k, const cJSON *value,
			  const cJSON *schema, const struct place *p)
{
	(void)schema;
	return !cJSON_IsNumber(p->item) ||
	       p->item->valuedouble >= value->valuedouble ||
	       wrong(k, p, "%.17g is less than %g", p->item->valuedouble,
		     value->valuedouble);
}

static bool check_const(struct checker *k, const cJSON *value,
			const cJSON *schema, const struct place *p)
{
	(void)schema;
	return cJSON_Compare(value, p->item, true) ||
	       wrong(k, p, "expected %g", value->valuedouble);
}

static bool check_enum(struct checker *k, const cJSON *value,
		       const cJSON *schema, const struct place *p)
{
	char list[LIST_MAX] = "";
	const cJSON *one;
	size_t at = 0;

	(void)schema;
	cJSON_ArrayForEach(one, value)
	{
		if (cJSON_Compare(one, p->item, true))
			return true;
		if (at < sizeof(list))
			at += (size_t)snprintf(list + at, sizeof(list) - at,
					       "%s%s", at ? ", " : "",
					       one->valuestring);
	}
	return wrong(k, p, "expected one of %s", list);
}

static regex_t *regex_of(struct checker *k, const cJSON *keyword)
{
	size_t i = 0;

	while (i < k->pattern_count && k->patterns[i].keyword != keyword)
		i++;
	if (i < k->pattern_count)
		return &k->patterns[i].regex;
	CHECK(i < PATTERNS_MAX);
	k->patterns[i].keyword = keyword;
	CHECK(regcomp(&k->patterns[i].regex, keyword->valuestring,
		      REG_EXTENDED | REG_NOSUB) == 0);
	k->pattern_count++;
	return &k->patterns[i].regex;
}

static bool check_pattern(struct checker *k, const cJSON *value,
			  const cJSON *schema, const struct place *p)
{
	(void)schema;
	return !cJSON_IsString(p->item) ||
	       regexec(regex_of(k, value), p->item->valuestring, 0, NULL, 0) ==
		       0 ||
	       wrong(k, p, "\"%.60s\" is not of the form %s",
		     p->item->valuestring, value->valuestring);
}

static bool check_min_length(struct checker *k, const cJSON *value,
			     const cJSON *schema, const struct place *p)
{
	(void)schema;
	return !cJSON_IsString(p->item) ||
	       strlen(p->item->valuestring) >= (size_t)value->valuedouble ||
	       wrong(k, p, "expected a text that is not empty");
}

static bool check_min_properties(struct checker *k, const cJSON *value,
				 const cJSON *schema, const struct place *p)
{
	(void)schema;
	return k->lenient || !cJSON_IsObject(p->item) ||
	       cJSON_GetArraySize(p->item) >= (int)value->valuedouble ||
	       wrong(k, p, "expected an object that is not empty");
}

static bool check_items(struct checker *k, const cJSON *value,
			const cJSON *schema, const struct place *p)
{
	struct place below = {.up = p};

	(void)schema;
	if (!cJSON_IsArray(p->item))
		return true;
	for (below.item = p->item->child; below.item;
	     below.item = below.item->next, below.index++) {
		if (!check(k, value, &below))
			return false;
	}
	return true;
}

static bool check_properties(struct checker *k, const cJSON *value,
			     const cJSON *schema, const struct place *p)
{
	struct place below = {.up = p};

	(void)schema;
	if (!cJSON_IsObject(p->item))
		return true;
	for (below.item = p->item->child; below.item;
	     below.item = below.item->next) {
		const cJSON *own = cJSON_GetObjectItemCaseSensitive(
			value, below.item->string);

		if (own && !check(k, own, &below))
			return false;
	}
	return true;
}

/* Keys that "properties" beside it does not have. */
static bool check_additional(struct checker *k, const cJSON *value,
			     const cJSON *schema, const struct place *p)
{
	const cJSON *own =
		cJSON_GetObjectItemCaseSensitive(schema, "properties");
	struct place below = {.up = p};

	if (!cJSON_IsObject(p->item))
		return true;
	for (below.item = p->item->child; below.item;
	     below.item = below.item->next) {
		if (cJSON_GetObjectItemCaseSensitive(own, below.item->string))
			continue;
		if (cJSON_IsFalse(value) && !k->lenient)
			return wrong(k, &below, "unknown key");
		if (cJSON_IsObject(value) && !check(k, value, &below))
			return false;
	}
	return true;
}

static bool check_names(struct checker *k, const cJSON *value,
			const cJSON *schema, const struct place *p)
{
	struct place below = {.up = p};

	(void)schema;
	if (!cJSON_IsObject(p->item) || k->lenient)
		return true;
	for (below.item = p->item->child; below.item;
	     below.item = below.item->next) {
		cJSON name = {.type = cJSON_String,
			      .valuestring = below.item->string};
		const struct place named = {.item = &name};
		bool quiet = k->quiet, fits;

		k->quiet = true;
		fits = check(k, value, &named);
		k->quiet = quiet;
		if (!fits)
			return wrong(k, &below, "unknown key");
	}
	return true;
}

static bool check_required(struct checker *k, const cJSON *value,
			   const cJSON *schema, const struct place *p)
{
	const cJSON *key;

	(void)schema;
	if (k->lenient || !cJSON_IsObject(p->item))
		return true;
	cJSON_ArrayForEach(key, value)
	{
		if (!cJSON_GetObjectItemCaseSensitive(p->item,
						      key->valuestring))
			return wrong(k, p, "lacks the key \"%s\"",
				     key->valuestring);
	}
	return true;
}

static bool check_dependent(struct checker *k, const cJSON *value,
			    const cJSON *schema, const struct place *p)
{
	const cJSON *key;

	cJSON_ArrayForEach(key, value)
	{
		if (cJSON_GetObjectItemCaseSensitive(p->item, key->string) &&
		    !check_required(k, key, schema, p))
			return false;
	}
	return true;
}

static bool check_any(struct checker *k, const cJSON *value,
		      const cJSON *schema, const struct place *p)
{
	bool quiet = k->quiet, fits = false;
	const cJSON *one;

	(void)schema;
	k->quiet = true;
	cJSON_ArrayForEach(one, value)
	{
		fits = fits || check(k, one, p);
	}
	k->quiet = quiet;
	/* What is wrong with the first, which is what it mostly is. */
	return fits || check(k, value->child, p);
}

static bool check_ref(struct checker *k, const cJSON *value,
		      const cJSON *schema, const struct place *p)
{
	static const char defs[] = "#/$defs/";
	const cJSON *all = cJSON_GetObjectItemCaseSensitive(k->root, "$defs");
	const cJSON *one;

	(void)schema;
	CHECK(strncmp(value->valuestring, defs, strlen(defs)) == 0);
	one = cJSON_GetObjectItemCaseSensitive(all, value->valuestring +
							    strlen(defs));
	CHECK(one);
	return check(k, one, p);
}

/* All */

static keyword_fn *keyword(const char *name)
{
	static const struct {
		const char *name;
		keyword_fn *check; /* NULL: it says nothing of values */
	} known[] = {
		{"type", check_type},
		{"minimum", check_minimum},
		{"description", NULL},
		{"$ref", check_ref},
		{"items", check_items},
		{"properties", check_properties},
		{"additionalProperties", check_additional},
		{"required", check_required},
		{"anyOf", check_any},
		{"enum", check_enum},
		{"const", check_const},
		{"pattern", check_pattern},
		{"minLength", check_min_length},
		{"minProperties", check_min_properties},
		{"propertyNames", check_names},
		{"dependentRequired", check_dependent},
		{"title", NULL},
		{"$schema", NULL},
		{"$defs", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, name) == 0)
			return known[i].check;
	}
	CHECK(false);
}

static bool check_once(struct checker *k, const struct place *p)
{
	struct place below = {.up = p};

	if (!cJSON_IsObject(p->item))
		return true;
	for (below.item = p->item->child; below.item;
	     below.item = below.item->next) {
		if (cJSON_GetObjectItemCaseSensitive(
			    p->item, below.item->string) != below.item)
			return wrong(k, &below, "given twice");
	}
	return true;
}

static bool check(struct checker *k, const cJSON *schema, const struct place *p)
{
	if (!check_once(k, p))
		return false;
	for (const cJSON *c = schema->child; c; c = c->next) {
		keyword_fn *fn = keyword(c->string);

		if (fn && !fn(k, c, schema, p))
			return false;
	}
	return true;
}

enum err schema_check(struct doc *d, bool lenient)
{
	struct checker k = {.d = d, .lenient = lenient};
	const struct place root = {.item = d->root};
	bool fits;

	k.root = cJSON_Parse(schema_text);
	CHECK(k.root);
	fits = check(&k, k.root, &root);
	for (size_t i = 0; i < k.pattern_count; i++)
		regfree(&k.patterns[i].regex);
	cJSON_Delete(k.root);
	return fits ? ERR_OK : ERR_PROTO;
}
