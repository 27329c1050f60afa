/* SPDX-License-Identifier: MIT */
#include "bench/load/payload.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>

static const struct payload sample = {
	.run = UINT64_C(0xfedcba9876543210),
	.number = 0xabcd1234,
	.intended_ns = UINT64_C(1234567890123456789),
};

Test(payload, is_json_of_exactly_the_size)
{
	static const size_t sizes[] = {
		PAYLOAD_MIN, PAYLOAD_MIN + 1, 128, 132, 133, 134, 1000,
		5200,	     100000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = malloc(sizes[i] + 1);
		struct payload back;
		cJSON *json;

		cr_assert_not_null(text);
		text[sizes[i]] = '!';
		payload_write(text, sizes[i], &sample);
		cr_assert_eq(text[sizes[i]], '!');
		cr_assert(payload_read(slice_of(text, sizes[i]), &back));
		cr_assert_eq(back.run, sample.run);
		cr_assert_eq(back.number, sample.number);
		cr_assert_eq(back.intended_ns, sample.intended_ns);
		json = cJSON_ParseWithLength(text, sizes[i]);
		cr_assert_not_null(json);
		cr_assert_str_eq(
			cJSON_GetStringValue(cJSON_GetObjectItem(json, "r")),
			"fedcba9876543210");
		cr_assert_str_eq(
			cJSON_GetStringValue(cJSON_GetObjectItem(json, "n")),
			"abcd1234");
		cr_assert_eq(strlen(cJSON_GetStringValue(
				     cJSON_GetObjectItem(json, "f"))),
			     sizes[i] - PAYLOAD_MIN);
		cJSON_Delete(json);
		free(text);
	}
}

Test(payload, refuses_what_it_did_not_write)
{
	char text[128], bad[128];
	struct payload p;

	payload_write(text, sizeof(text), &sample);
	cr_assert(payload_read(slice_of(text, sizeof(text)), &p));
	for (size_t n = 0; n < PAYLOAD_MIN; n++)
		cr_assert_not(payload_read(slice_of(text, n), &p), "%zu", n);
	static const size_t fixed[] = {0, 5, 6, 21, 29, 36, 44, 59, 126, 127};
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		memcpy(bad, text, sizeof(bad));
		bad[fixed[i]] = 'g';
		cr_assert_not(payload_read(slice_of(bad, sizeof(bad)), &p),
			      "%zu", fixed[i]);
	}
}

Test(payload, digest_is_that_of_number_size_and_filler)
{
	struct payload other = sample;
	char a[128], b[128], longer[129];

	payload_write(a, sizeof(a), &sample);
	other.run++;
	other.intended_ns += 5;
	payload_write(b, sizeof(b), &other);
	cr_assert_eq(payload_digest(slice_of(a, 128), sample.number),
		     payload_digest(slice_of(b, 128), other.number));
	cr_assert_neq(payload_hash(slice_of(a, 128)),
		      payload_hash(slice_of(b, 128)));
	cr_assert_neq(payload_digest(slice_of(a, 128), sample.number),
		      payload_digest(slice_of(a, 128), sample.number + 64));
	payload_write(longer, sizeof(longer), &sample);
	cr_assert_neq(payload_digest(slice_of(a, 128), sample.number),
		      payload_digest(slice_of(longer, 129), sample.number));
	b[100] ^= 1;
	cr_assert_neq(payload_digest(slice_of(a, 128), sample.number),
		      payload_digest(slice_of(b, 128), sample.number));
}

Test(payload, hash_sees_every_bit)
{
	char text[131];
	uint64_t whole;

	payload_write(text, sizeof(text), &sample);
	whole = payload_hash(slice_of(text, sizeof(text)));
	for (size_t i = 0; i < sizeof(text) * 8; i++) {
		text[i / 8] ^= (char)(1 << i % 8);
		cr_assert_neq(payload_hash(slice_of(text, sizeof(text))),
			      whole);
		text[i / 8] ^= (char)(1 << i % 8);
	}
}
