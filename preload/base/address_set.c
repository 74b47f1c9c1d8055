#include "base/address_set.h"

uint64_t pool_key(const struct address *endpoints, size_t count)
{
	uint64_t key = hash_mix(count);

	for (size_t i = 0; i < count; i++)
		key = hash_mix(hash_mix(key ^ endpoints[i].high) ^ endpoints[i].low) + i;
	return key;
}

bool pool_is_private(const struct address *endpoints, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!address_is_private(endpoints[i]))
			return false;
	return true;
}

int64_t pool_find(const struct address *endpoints, size_t count, struct address address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct address at = {
			.high = __atomic_load_n(&endpoints[middle].high, __ATOMIC_ACQUIRE),
			.low = __atomic_load_n(&endpoints[middle].low, __ATOMIC_ACQUIRE)};
		int order = address_compare(at, address);

		if (order == 0)
			return (int64_t)middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

bool pool_overlaps(const struct address *a, size_t a_count, const struct address *b, size_t b_count)
{
	for (size_t i = 0, k = 0; i < a_count && k < b_count;) {
		int order = address_compare(a[i], b[k]);

		if (order == 0)
			return true;
		if (order < 0)
			i++;
		else
			k++;
	}
	return false;
}

size_t pool_intersect(const struct address *a, size_t a_count, const struct address *b,
                      size_t b_count, struct address *both)
{
	size_t count = 0;

	for (size_t i = 0, k = 0; i < a_count && k < b_count;) {
		int order = address_compare(a[i], b[k]);

		if (order == 0)
			both[count++] = a[i];
		if (order <= 0)
			i++;
		if (order >= 0)
			k++;
	}
	return count;
}
