/* What the files of Google's verbs share. */
#ifndef GOOGLE_INT_H
#define GOOGLE_INT_H

#include "base/encode.h"
#include "providers/provider.h"
#include "providers/transport.h"

/* Where no longer pages are asked for.  src: events.list, calendarList.list, maxResults */
#define GOOGLE_EVENTS_PAGE_MAX 2500
#define GOOGLE_CALENDARS_PAGE_MAX 250
#define GOOGLE_URL_MAX_BYTES 8192

/* What Google's refusals mean: the one table. Pure. */
enum err_code google_classify(const struct provider_call *call, int status, const struct json *body,
                              struct err *err);

/* A URL in the making: path segments are encoded, then query fields. */
struct google_url {
    struct buf text;
    bool has_query;
};

void google_url_init(struct google_url *u, const struct provider_session *s);
void google_url_segment(struct google_url *u, const char *fixed); /* "/events" */
void google_url_id(struct google_url *u, struct str id);          /* "/" and the id, encoded */
void google_url_query(struct google_url *u, const char *name, struct str value);
void google_url_query_i64(struct google_url *u, const char *name, int64_t value);
/* Moves the text into the arena, with prettyPrint=false at its end. errs: ERR_INVALID + DROP: too
 * long. */
MUST_CHECK enum err_code google_url_take(struct google_url *u, struct arena *arena,
                                         struct str *ret_url, struct err *err);

/* ---- the slots, by file ---------------------------------------------------------------------- */

/* oauth.c */
enum err_code google_consent_url(const struct provider_endpoints *ends,
                                 const struct provider_consent *req, struct buf *out,
                                 struct err *err);
CO_FN enum err_code google_exchange(struct provider_link *link,
                                    const struct provider_client *client, struct str code,
                                    struct str verifier, int64_t deadline, struct arena *arena,
                                    struct provider_tokens *ret_tokens, struct err *err);
CO_FN enum err_code google_refresh(struct provider_link *link, const struct provider_client *client,
                                   struct str refresh_token, int64_t deadline, struct arena *arena,
                                   struct provider_tokens *ret_tokens, struct err *err);
CO_FN enum err_code google_revoke(struct provider_link *link, struct str token, int64_t deadline,
                                  struct err *err);
CO_FN enum err_code google_identify(struct provider_link *link,
                                    const struct provider_client *client, struct str id_token,
                                    struct str nonce, int64_t deadline, struct arena *arena,
                                    struct provider_identity *ret_identity, struct err *err);
uint32_t google_grants(struct str scope);

/* list.c */
CO_FN enum err_code google_list_calendars(struct provider_session *s,
                                          provider_calendar_fn on_calendar, void *arg,
                                          int64_t deadline, struct err *err);
CO_FN enum err_code google_list_changes(struct provider_session *s,
                                        const struct provider_changes_req *req, int64_t deadline,
                                        struct arena *arena, struct provider_page *ret_page,
                                        struct err *err);

/* write.c */
CO_FN enum err_code google_get(struct provider_session *s, struct str calendar_id,
                               struct str event_id, int64_t deadline, struct arena *arena,
                               struct calendar_event *ret_event, struct err *err);
CO_FN enum err_code google_put(struct provider_session *s, const struct provider_put_req *req,
                               int64_t deadline, struct arena *arena,
                               struct calendar_event *ret_event, struct err *err);
CO_FN enum err_code google_remove(struct provider_session *s, const struct provider_remove_req *req,
                                  int64_t deadline, struct err *err);

/* free_busy.c */
CO_FN enum err_code google_free_busy(struct provider_session *s,
                                     const struct provider_free_busy_req *req, int64_t deadline,
                                     struct arena *arena, struct provider_busy *ret_busy,
                                     struct err *err);

/* watch.c */
CO_FN enum err_code google_watch(struct provider_session *s, const struct provider_watch_req *req,
                                 int64_t deadline, struct arena *arena,
                                 struct provider_channel *ret_channel, struct err *err);
CO_FN enum err_code google_unwatch(struct provider_session *s,
                                   const struct provider_channel *channel, int64_t deadline,
                                   struct err *err);

#endif
