/* Settings that several services share, as fragments for a service's own list:
 *
 *   #define INGEST_CONFIG(C) KAFKA_CONFIG(C) BUS_CONFIG(C) C(listen, ADDRESS, ...)
 *
 * A service lists only what it uses: what is not in its table cannot be given to it. */
#ifndef SERVICE_CONFIG_GROUPS_H
#define SERVICE_CONFIG_GROUPS_H

#include "config/config.h"

#define KAFKA_CONFIG(C)                                                                            \
    C(kafka_brokers, LIST, "", 1, 64, "", CONFIG_REQUIRED, "bootstrap brokers, `host:port`")       \
    C(kafka_client_id, STRING, "calfleet", 1, 249, "", 0, "what the brokers log and count by")     \
    C(kafka_settings, LIST, "", 0, 64, "", 0,                                                      \
      "properties of librdkafka, passed through: `security.protocol=SASL_SSL,...`; after ours, "   \
      "so they win; printed, so nothing secret")                                                   \
    C(kafka_secret_settings, LIST, "", 0, 64, "", CONFIG_HIDDEN,                                   \
      "the same for those that are secret (`sasl.password=...`), one a line in a file")

#define BUS_CONFIG(C)                                                                              \
    C(bus_keys, KEYRING, "", 1, 16, "", CONFIG_REQUIRED,                                           \
      "keys that requests and replies are sealed with on the bus; the same for all services")      \
    C(bus_partitions, INT, "48", 1, 960, "partitions", 0,                                          \
      "partitions of each topic, a divisor of 960; the same for all services")

#define POSTGRES_CONFIG(C)                                                                         \
    C(postgres_dsn, STRING, "", 1, 4096, "", CONFIG_REQUIRED | CONFIG_HIDDEN,                      \
      "connection string, `host=... dbname=... user=... password=...` or `postgresql://...`")      \
    C(postgres_pool, INT, "8", 1, 200, "sessions", 0, "most sessions that one process opens")      \
    C(postgres_connect_timeout, DURATION, "5s", 100, 60000, "", 0, "bound on opening a session")   \
    C(postgres_statement_timeout, DURATION, "15s", 100, 600000, "", 0,                             \
      "bound that the server puts on one statement")

#define REDIS_CONFIG(C)                                                                            \
    C(redis_address, ADDRESS, "", 0, 0, "", CONFIG_REQUIRED, "`host:port`")                        \
    C(redis_user, STRING, "", 0, 128, "", 0, "for ACLs; unset: the default user")                  \
    C(redis_password, SECRET, "", 1, 1024, "", 0, "unset: no AUTH is sent")                        \
    C(redis_database, INT, "0", 0, 15, "", 0, "number of the database")                            \
    C(redis_timeout, DURATION, "500ms", 10, 30000, "", 0,                                          \
      "bound on one command; what Redis cannot answer in time is done without it")

/* The platform's own OAuth client and where Google lives. */
#define GOOGLE_CONFIG(C)                                                                           \
    C(google_client_id, STRING, "", 1, 512, "", CONFIG_REQUIRED,                                   \
      "OAuth client of the platform (also read: `GOOGLE_CALENDAR_CLIENT_ID`)")                     \
    C(google_client_secret, SECRET, "", 1, 512, "", CONFIG_REQUIRED,                               \
      "its secret (also read: `GOOGLE_CALENDAR_CLIENT_SECRET`)")                                   \
    C(google_consent_url, URL, "https://accounts.google.com/o/oauth2/v2/auth", 1, 2048,            \
      "https|http", 0, "consent page")                                                             \
    C(google_token_url, URL, "https://oauth2.googleapis.com/token", 1, 2048, "https|http", 0,      \
      "token endpoint")                                                                            \
    C(google_revoke_url, URL, "https://oauth2.googleapis.com/revoke", 1, 2048, "https|http", 0,    \
      "revocation endpoint")                                                                       \
    C(google_jwks_url, URL, "https://www.googleapis.com/oauth2/v3/certs", 1, 2048, "https|http",   \
      0, "keys that ID tokens are signed with")                                                    \
    C(google_issuers, LIST, "https://accounts.google.com,accounts.google.com", 1, 8, "", 0,        \
      "issuers accepted in ID tokens")                                                             \
    C(google_api_url, URL, "https://www.googleapis.com/calendar/v3", 1, 2048, "https|http", 0,     \
      "base of the Calendar API")

/* How providers are called, and where they call us. */
#define PROVIDER_CONFIG(C)                                                                         \
    C(provider_ca_file, STRING, "", 0, 4096, "", 0,                                                \
      "PEM file of the authorities that sign the providers' certificates; unset: the system's")    \
    C(provider_protocol, ENUM, "auto", 0, 0, "auto|http1|h2c", 0,                                  \
      "`auto`: HTTP/2 where TLS negotiates it, else HTTP/1.1; `h2c`: HTTP/2 in clear, for the "    \
      "simulator")                                                                                 \
    C(provider_timeout, DURATION, "30s", 100, 300000, "", 0, "bound on one provider call")         \
    C(provider_connections, INT, "16", 1, 1024, "connections", 0,                                  \
      "most connections to one host of a provider")                                                \
    C(webhook_url, URL, "", 1, 2048, "https|http", 0,                                              \
      "where providers send change notices, as seen from outside; unset: no channels are opened, " \
      "calendars are polled")

#define OAUTH_CONFIG(C)                                                                            \
    C(oauth_redirect_url, URL, "", 1, 2048, "https|http", CONFIG_REQUIRED,                         \
      "the callback as registered with the providers, `https://.../calendar-oauth-callback`")

/* Only the services that may open a token. */
#define TOKEN_CONFIG(C)                                                                            \
    C(token_keys, KEYRING, "", 1, 16, "", CONFIG_REQUIRED,                                         \
      "keys that providers' tokens are encrypted with at rest")

#define WEBHOOK_CONFIG(C)                                                                          \
    C(webhook_keys, KEYRING, "", 1, 16, "", CONFIG_REQUIRED,                                       \
      "keys that the secrets of push channels are derived from; one may go when no live channel "  \
      "carries its id")

#define JWT_CONFIG(C)                                                                              \
    C(jwt_secret, SECRET, "", 32, 4096, "", CONFIG_REQUIRED,                                       \
      "shared secret (HS256) that users' and the service role's tokens are signed with")           \
    C(jwt_issuers, LIST, "", 0, 8, "", 0, "accepted issuers; unset: not checked")                  \
    C(jwt_audience, STRING, "", 0, 512, "", 0, "wanted audience; unset: not checked")              \
    C(jwt_skew, DURATION, "30s", 0, 300000, "", 0, "tolerance for the clocks' difference")         \
    C(service_key, SECRET, "", 32, 4096, "", 0,                                                    \
      "opaque key that the service role may use in place of a token; unset: none")

#endif
