/* Names to addresses, in libuv's pool: libpq and others would block the loop on it. */
#ifndef RUNTIME_DNS_H
#define RUNTIME_DNS_H

#include "runtime/co.h"

#include <sys/socket.h>

/* A stream address of a host name or literal address, IPv4 where there is one; port may be NULL.
 * errs: ERR_UNAVAILABLE with ERR_ACT_RETRY, ERR_TIMEOUT, ERR_CANCELED. */
CO_FN MUST_CHECK enum err_code co_resolve(const char *host, const char *port, int64_t deadline,
                                          struct sockaddr_storage *ret_address, struct err *err);

#endif
