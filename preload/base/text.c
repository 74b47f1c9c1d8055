#include "base/text.h"

char *text_number(uint64_t value, char *text)
{
	uint64_t scale = 1;
	char *end = text;

	while (value / scale >= 10)
		scale *= 10;
	for (; scale > 0; scale /= 10)
		*end++ = (char)('0' + value / scale % 10);
	*end = '\0';
	return text;
}
