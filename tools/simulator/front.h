/* The front end: one address for HTTP/1.1, HTTP/2 by prior knowledge, and with a certificate both
 * over TLS by ALPN.
 *
 * It is not libs/http's server: one port has to speak both versions, and a simulator has to break
 * the protocol on purpose (cut answers, resets after the work was done, silence). Callbacks of
 * libuv, no coroutines: a call is answered at once by sim_handle, or after a timer. */
#ifndef SIMULATOR_FRONT_H
#define SIMULATOR_FRONT_H

#include "base/err.h"
#include "simulator/sim.h"

#include <openssl/ssl.h>
#include <uv.h>

struct front;

struct front_options {
    const char *host;     /* literal IPv4 or IPv6 */
    uint16_t port;        /* 0: any free one */
    const char *tls_cert; /* PEM files; NULL: without TLS */
    const char *tls_key;
};

/* Listens when it returns. errs: ERR_CONFIG (address, certificate), ERR_IO (port in use). */
MUST_CHECK enum err_code front_new(uv_loop_t *loop, struct sim *sim,
                                   const struct front_options *options, struct front **ret_front,
                                   struct err *err);
uint16_t front_port(const struct front *f);
/* Closes everything; the memory goes when the loop has run once more. */
void front_close(struct front *f);

#endif
