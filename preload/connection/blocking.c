#include "connection/blocking.h"

#include "base/poison.h"

_Atomic uint32_t blocking_last;
