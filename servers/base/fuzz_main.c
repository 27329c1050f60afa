/* SPDX-License-Identifier: MIT */
/*
 * Replays inputs through a fuzz entry without a fuzzer. `make test` links it
 * with each x_fuzz.c and runs it over the seeds in corpus/x/, so that what a
 * fuzzer once found stays found on a machine that has none.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED_LIMIT = 1 << 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * Reads the file into memory of exactly its size, so that a sanitizer sees a
 * read past the end. Returns owned memory, or NULL when it cannot be read.
 */
static uint8_t *read_seed(const char *path, size_t *size)
{
	uint8_t *data = NULL;
	long end = -1;
	FILE *file = fopen(path, "rb");

	if (!file)
		return NULL;
	if (fseek(file, 0, SEEK_END) == 0)
		end = ftell(file);
	if (end < 0 || end > SEED_LIMIT || fseek(file, 0, SEEK_SET) != 0)
		goto out;
	*size = (size_t)end;
	/* malloc(0) may be NULL, which would look like a failure. */
	data = malloc(*size > 0 ? *size : 1);
	if (data && fread(data, 1, *size, file) != *size) {
		free(data);
		data = NULL;
	}
out:
	fclose(file);
	return data;
}

int main(int argc, char **argv)
{
	static const uint8_t nothing[1];

	LLVMFuzzerTestOneInput(nothing, 0);
	for (int i = 1; i < argc; i++) {
		size_t size = 0;
		uint8_t *data = read_seed(argv[i], &size);

		if (!data) {
			fprintf(stderr, "%s: cannot read it\n", argv[i]);
			return 1;
		}
		LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	return 0;
}
