/* The command line. */
#ifndef SIMULATOR_OPTIONS_H
#define SIMULATOR_OPTIONS_H

#include "base/vec.h"
#include "simulator/sim.h"

struct options {
    char *host;
    uint16_t port;
    const char *port_file; /* NULL: none */
    const char *tls_cert;  /* NULL: clear */
    const char *tls_key;
    const char *public_url; /* NULL: of the address */
    const char *client_id;
    const char *client_secret;
    const char *account;
    const char *zone;
    int64_t ready_fd;
    int64_t latency_ms;
    int64_t token_ttl_s;
    int64_t seed;
    bool allow_http_webhooks;
    bool auto_consent;
    VEC(const char *) ics;
};

enum options_result { OPTIONS_RUN, OPTIONS_DONE, OPTIONS_WRONG };

/* Prints help and complaints. */
enum options_result options_read(int argc, char **argv, struct options *ret_options);
void options_fini(struct options *o);

#endif
