/* A function of libc's that clients find in us. exports.map names them all. */
#ifndef LBDNS_HOOKS_HOOK_H
#define LBDNS_HOOKS_HOOK_H

#define HOOK __attribute__((visibility("default")))

#endif
