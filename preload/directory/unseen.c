#include "directory/unseen.h"

#include "base/poison.h"

_Atomic uint32_t unseen_count;

void unseen_begin(void)
{
	atomic_fetch_add(&unseen_count, 1);
}

void unseen_end(void)
{
	atomic_fetch_sub(&unseen_count, 1);
}
