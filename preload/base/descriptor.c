#include "base/descriptor.h"

_Atomic uint32_t descriptor_generations[DESCRIPTORS];
