#include "base/reason.h"

const char *leave_reason_text(enum leave_reason reason)
{
	static const char texts[LEAVE_COUNT][16] = {
		[LEAVE_CLAIMED] = "claimed",   [LEAVE_SOCKET] = "not fresh",
		[LEAVE_DATAGRAM] = "datagram", [LEAVE_STALE] = "stale",
		[LEAVE_SEVERAL] = "several",   [LEAVE_GONE] = "gone",
		[LEAVE_BUSY] = "busy",         [LEAVE_OBSERVED] = "observed",
		[LEAVE_OFF] = "off",           [LEAVE_UNSURE] = "not confirmed",
		[LEAVE_PORT] = "other port"};

	return reason < LEAVE_COUNT ? texts[reason] : "";
}
