/* For the fuzz programs: one for each way that bytes from outside come in.
 *
 * What does not hold ends the program, and libFuzzer keeps the input. */
#ifndef LBDNS_FUZZ_H
#define LBDNS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

#define HOLDS(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The bytes that are left of an input; zeros follow the last. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint64_t input_number(struct input *input, unsigned bytes)
{
	uint64_t number = 0;

	for (; bytes > 0; bytes--) {
		number = number << 8 | (input->left ? *input->at : 0);
		if (input->left) {
			input->at++;
			input->left--;
		}
	}
	return number;
}

#endif
