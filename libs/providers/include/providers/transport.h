/* The one way to a provider's API: token, budget, headers, bounds, metrics, and what a failure
 * means. Verbs say what to ask and read the answer; they decide nothing about failures.
 *
 * An answer that is not 2xx goes to the provider's classifier, a pure function. The caller's
 * retries, and their jitter, are the caller's: here one call is one attempt, save the replay after
 * a refused token. */
#ifndef PROVIDERS_TRANSPORT_H
#define PROVIDERS_TRANSPORT_H

#include "providers/session.h"
#include "json/json.h"

struct provider_call;

/* Fills err from an answer that is not 2xx; returns its code, never ERR_OK. body: NULL where it is
 * no JSON object (HTML, empty, cut). Text that the provider wrote does not go into err. */
typedef enum err_code (*provider_classify_fn)(const struct provider_call *call, int status,
                                              const struct json *body, struct err *err);

struct provider_call {
    const char *verb;   /* static: "google.list_changes", the label of metrics */
    const char *method; /* NULL: GET */
    struct str url;
    struct str body;     /* JSON; ptr NULL: none */
    struct str if_match; /* an etag as the provider gave it; empty: not sent */
    int32_t cost;        /* in the budget's units; 0: 1 */
    bool writes;         /* changes something: a failure after sending is in doubt, ERR_IO */
    int64_t deadline;
    size_t max_body_bytes; /* of the answer, decompressed */
    http_body_fn on_body;  /* NULL: into the response */
    void *on_body_arg;
    provider_classify_fn classify;
};

/* Asks. 2xx is ERR_OK, whatever the body.
 * owns: the response lives in arena.
 * errs: as session.h says. The session's arena gets the token, so it must outlive the session.
 * co: suspends. */
CO_FN MUST_CHECK enum err_code
provider_transport(struct provider_session *s, const struct provider_call *call,
                   struct arena *arena, struct http_response *ret_response, struct err *err);

/* The same, and the body as one JSON object in arena; ERR_PROTO + RETRY where it is none (ERR_IO
 * where the call writes). */
CO_FN MUST_CHECK enum err_code
provider_transport_json(struct provider_session *s, const struct provider_call *call,
                        struct arena *arena, const struct json **ret_body, struct err *err);

/* What a status means where the provider said nothing more: for the classifiers. Pure. */
enum err_code provider_classify_status(int status, struct err *err);

/* Milliseconds from a Retry-After: whole seconds, or an HTTP date after now_at. At least 1 and at
 * most a day; 0: it says nothing. Pure.  src: RFC 9110 10.2.3, 5.6.7 */
int32_t provider_retry_after_ms(struct str value, int64_t now_at);

/* The body as a JSON object; NULL if it is none. Pure. */
const struct json *provider_json_object(struct arena *arena, struct str body);

/* A provider's own word for use in an error text: letters, digits, '.', '_', '-' and blank, at most
 * 64 bytes; what else there is is left out. In arena. Pure. */
struct str provider_word(struct arena *arena, struct str text);

#endif
