/* What ingest can be told. There is no row for a database, Redis, a token key or a provider's
 * secret: what is not in this table cannot be given to the process. */
#ifndef INGEST_SETTINGS_H
#define INGEST_SETTINGS_H

#include "service/config_groups.h"

#define INGEST_CONFIG(C)                                                                           \
    KAFKA_CONFIG(C)                                                                                \
    BUS_CONFIG(C)                                                                                  \
    WEBHOOK_CONFIG(C)                                                                              \
    JWT_CONFIG(C)                                                                                  \
    C(listen, ADDRESS, ":8080", 0, 0, "", 0,                                                       \
      "where the routes are served, in clear (TLS is the ingress's); port 0 lets the system "      \
      "choose, the log says what it chose")                                                        \
    C(public_url, URL, "", 1, 2048, "https|http", 0,                                               \
      "how the routes are reached from outside, for `/openapi.json`; unset: its own origin")       \
    C(cors_origins, LIST, "", 0, 64, "", 0,                                                        \
      "origins whose pages may call, `https://app.example.org`, compared as a whole; unset: none") \
    C(app_return_urls, LIST, "", 1, 16, "", CONFIG_REQUIRED,                                       \
      "pages of the app that the browser may be sent to after consent; the first is where the "    \
      "callback sends it")                                                                         \
    C(request_timeout, DURATION, "10s", 100, 110000, "", 0,                                        \
      "bound on the answer to a user's request")                                                   \
    C(webhook_timeout, DURATION, "2s", 100, 30000, "", 0,                                          \
      "bound on Kafka's report for a notice; then 503, and the provider sends it again")           \
    C(max_body, SIZE, "64KiB", 1024, 1048576, "", 0, "largest body of a request")                  \
    C(max_connections, INT, "4096", 16, 30000, "connections", 0,                                   \
      "open connections of clients; further ones are closed at once")

CONFIG_STRUCT(ingest_config, INGEST_CONFIG)
const struct config_table *ingest_config_table(void);

#endif
