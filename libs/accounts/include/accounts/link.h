/* From settings to what access_new takes: the HTTP client and one access_provider for each
 * configured provider. */
#ifndef ACCOUNTS_LINK_H
#define ACCOUNTS_LINK_H

#include "accounts/access.h"
#include "service/config_groups.h"

#define ACCESS_PROVIDERS_MAX 4

struct access_links {
    struct http_client *http;
    struct access_provider providers[ACCESS_PROVIDERS_MAX];
    size_t count;
    struct str issuers[8];
};

/* What is read of a service's settings (GOOGLE_CONFIG, PROVIDER_CONFIG, OAUTH_CONFIG). */
struct access_settings {
    struct str google_client_id;
    const struct config_secret *google_client_secret;
    struct str google_consent_url, google_token_url, google_revoke_url, google_jwks_url;
    struct str google_api_url;
    const struct config_list *google_issuers;
    struct str ca_file;
    int protocol; /* enum http_protocol */
    int64_t connections;
    struct str redirect_url;
};

/* Takes them out of a config struct that has the three groups. */
#define ACCESS_SETTINGS(conf)                                                                      \
    ((struct access_settings){.google_client_id = (conf)->google_client_id,                        \
                              .google_client_secret = &(conf)->google_client_secret,               \
                              .google_consent_url = (conf)->google_consent_url,                    \
                              .google_token_url = (conf)->google_token_url,                        \
                              .google_revoke_url = (conf)->google_revoke_url,                      \
                              .google_jwks_url = (conf)->google_jwks_url,                          \
                              .google_api_url = (conf)->google_api_url,                            \
                              .google_issuers = &(conf)->google_issuers,                           \
                              .ca_file = (conf)->provider_ca_file,                                 \
                              .protocol = (int)(conf)->provider_protocol,                          \
                              .connections = (conf)->provider_connections,                         \
                              .redirect_url = (conf)->oauth_redirect_url})

/* errs: ERR_CONFIG. The result must stay where it is, as long as access_new's result lives. */
MUST_CHECK enum err_code access_links_open(struct co_loop *loop,
                                           const struct access_settings *settings,
                                           struct access_links *ret_links, struct err *err);
/* Takes the platform's client secret from the settings anew. */
void access_links_secret(struct access_links *links, const struct access_settings *settings);
void access_links_close(struct access_links *links);

#endif
