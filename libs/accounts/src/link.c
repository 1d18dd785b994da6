#include "accounts/link.h"

#include "providers/jwks.h"
#include "service/context.h"

enum err_code access_links_open(struct co_loop *loop, const struct access_settings *settings,
                                struct access_links *ret_links, struct err *err)
{
    struct access_links *l = ret_links;
    *l = (struct access_links){0};
    struct http_client_opts opts = {
        .ca_file = settings->ca_file.len > 0 ? settings->ca_file.ptr : NULL,
        .max_host_connections = (size_t)settings->connections,
    };
    enum err_code rc = http_client_new(loop, &opts, &l->http, err);
    if (rc != ERR_OK) {
        return rc;
    }
    for (size_t i = 0; i < settings->google_issuers->count && i < ARRAY_LEN(l->issuers); i++) {
        l->issuers[i] = settings->google_issuers->items[i];
    }
    struct access_provider *google = &l->providers[l->count++];
    google->provider = provider_find(STR("google"));
    google->client = (struct provider_client){
        .id = settings->google_client_id,
        .redirect_uri = settings->redirect_url,
    };
    google->link = (struct provider_link){
        .http = l->http,
        .protocol = (enum http_protocol)settings->protocol,
        .ends = {.consent_url = settings->google_consent_url,
                 .token_url = settings->google_token_url,
                 .revoke_url = settings->google_revoke_url,
                 .jwks_url = settings->google_jwks_url,
                 .api_url = settings->google_api_url,
                 .issuers = l->issuers,
                 .issuer_count = MIN(settings->google_issuers->count, ARRAY_LEN(l->issuers))},
        .jwks = provider_jwks_new(),
        .traceparent = request_context_traceparent,
    };
    access_links_secret(l, settings);
    return ERR_OK;
}

void access_links_secret(struct access_links *links, const struct access_settings *settings)
{
    if (links->count > 0) { /* opened; Google is the first */
        links->providers[0].client.secret = config_secret(settings->google_client_secret);
    }
}

void access_links_close(struct access_links *links)
{
    for (size_t i = 0; i < links->count; i++) {
        provider_jwks_free(links->providers[i].link.jwks);
    }
    http_client_free(links->http);
    *links = (struct access_links){0};
}
