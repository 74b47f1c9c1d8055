/* Names in the draft: found, added, and given up where there is no room for others. The writer, who
 * holds writer_trylock. */
#ifndef LBDNS_LEARN_NAMES_H
#define LBDNS_LEARN_NAMES_H

#include "base/name.h"
#include "learn/draft.h"
#include "learn/eligible.h"

#include <stdint.h>

/* Returns the service of a name and writes the name's place. A name that is not known is added with
 * a service of its own, and if there is no room an idle one is given up for it; eligible is what
 * eligible_judge says of it. Returns SERVICES if there is no room, which is counted, and logged
 * once. */
uint32_t names_service(struct draft *draft, const struct name_text *name,
                       const struct eligible *eligible, uint32_t *place);

#endif
