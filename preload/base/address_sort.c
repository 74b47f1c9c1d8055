#include "base/address_sort.h"

/* Lets the address at root sink to where both children are smaller. */
static void address_sift(struct address *heap, size_t root, size_t count)
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

size_t address_sort_unique(struct address *addresses, size_t count)
{
	size_t kept = 0;

	for (size_t root = count / 2; root-- > 0;)
		address_sift(addresses, root, count);
	for (size_t end = count; end > 1; end--) {
		struct address largest = addresses[0];

		addresses[0] = addresses[end - 1];
		addresses[end - 1] = largest;
		address_sift(addresses, 0, end - 1);
	}
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || !address_equal(addresses[kept - 1], addresses[i]))
			addresses[kept++] = addresses[i];
	return kept;
}
