/* Two copies of this library in one process, of two files: an image's own and one that is injected.
 */
#ifndef LBDNS_HOOKS_COPIES_H
#define LBDNS_HOOKS_COPIES_H

/* Returns the file of the copy that goes before this one, which then is to do nothing; NULL: this
 * one acts. Only in the constructor. */
const char *copies_before(void);

#endif
