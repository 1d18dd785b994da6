/* The token endpoint, the same for every provider that speaks OAuth 2.0.
 *
 * What is at stake is the difference between "this grant is dead" (the person must connect again)
 * and "nobody could answer" (which says nothing about the grant): only an answer in the form of
 * RFC 6749 5.2 with an error that names the grant is the former. */
#ifndef PROVIDERS_OAUTH_H
#define PROVIDERS_OAUTH_H

#include "providers/provider.h"

/* Tokens from the endpoint's answer. now_at: UTC ms, when the question was asked. Pure.
 * owns: the texts live in arena.
 * errs: ERR_AUTH + REAUTH with the provider's words; ERR_CONFIG + CONFIG; ERR_THROTTLED,
 * ERR_UNAVAILABLE, ERR_PROTO, each + RETRY. */
MUST_CHECK enum err_code provider_oauth_read(int status, struct str body, int64_t now_at,
                                             struct arena *arena,
                                             struct provider_tokens *ret_tokens, struct err *err);

/* What the client proves itself with, then grant_type and the rest: the forms. Pure. */
void provider_oauth_code_form(const struct provider_client *client, struct str code,
                              struct str verifier, struct buf *out);
void provider_oauth_refresh_form(const struct provider_client *client, struct str refresh_token,
                                 struct buf *out);

/* Posts a form and reads the tokens. verb: static, for metrics. once: the form spends something
 * (a code), so it is sent at most once.
 * errs: as provider_oauth_read; ERR_IO, ERR_TIMEOUT, each + RETRY. co: suspends. */
CO_FN MUST_CHECK enum err_code provider_oauth_token(struct provider_link *link, const char *verb,
                                                    struct str form, bool once, int64_t deadline,
                                                    struct arena *arena,
                                                    struct provider_tokens *ret_tokens,
                                                    struct err *err);

/* Posts a form to any of the endpoints and gives the answer, whatever its status.
 * owns: the response lives in arena. errs: as http_fetch. co: suspends. */
CO_FN MUST_CHECK enum err_code provider_oauth_post(struct provider_link *link, const char *verb,
                                                   struct str url, struct str form, bool once,
                                                   int64_t deadline, struct arena *arena,
                                                   struct http_response *ret_response,
                                                   struct err *err);

/* Whether a scope text (separated by blanks) holds a scope. Pure. */
bool provider_scope_has(struct str scopes, const char *scope);

#endif
