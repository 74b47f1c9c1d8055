#include "base/address_set.h"

/* Lets the address at root sink to where both children are smaller. */
static void sift(struct address *heap, size_t root, size_t count)
{
	struct address sinking = heap[root];

	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= count)
			break;
		if (child + 1 < count && address_compare(heap[child], heap[child + 1]) < 0)
			child++;
		if (address_compare(sinking, heap[child]) >= 0)
			break;
		heap[root] = heap[child];
		root = child;
	}
	heap[root] = sinking;
}

size_t address_set_sort(struct address *addresses, size_t count)
{
	size_t kept = 0;

	for (size_t root = count / 2; root-- > 0;)
		sift(addresses, root, count);
	for (size_t end = count; end > 1; end--) {
		struct address largest = addresses[0];

		addresses[0] = addresses[end - 1];
		addresses[end - 1] = largest;
		sift(addresses, 0, end - 1);
	}
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !address_equal(addresses[kept - 1], addresses[i]))
			addresses[kept++] = addresses[i];
	return kept;
}

uint64_t address_set_key(const struct address *endpoints, size_t count)
{
	uint64_t key = hash_mix(count);

	for (size_t i = 0; i < count; i++)
		key = hash_mix(hash_mix(key ^ endpoints[i].high) ^ endpoints[i].low) + i;
	return key;
}

bool address_set_is_private(const struct address *endpoints, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!address_is_private(endpoints[i]) || address_is_loopback(endpoints[i]))
			return false;
	return true;
}

int64_t address_set_find(const struct address *endpoints, size_t count, struct address address)
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

bool address_set_overlaps(const struct address *a, size_t a_count, const struct address *b,
                          size_t b_count)
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

size_t address_set_intersect(const struct address *a, size_t a_count, const struct address *b,
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
