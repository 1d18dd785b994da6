/* Requests about connections: what their handlers share.
 *
 *   commands.c     from a sealed record to a handler, and back to a reply
 *   connect.c      OAuth: start
 *   exchange.c     OAuth: the code for tokens, and the connection that comes of it
 *   connections.c  list, patch, delete, sync now */
#ifndef SYNC_WORKER_COMMANDS_H
#define SYNC_WORKER_COMMANDS_H

#include "worker.h"

#include "messages/messages.h"
#include "json/write.h"

/* What one transaction or one statement of a command may take. */
#define COMMAND_DB_MS 15000
/* The answer's bound: what a reply on the bus can carry, and room for its envelope. */
#define COMMAND_BODY_MAX (KAFKA_RPC_PAYLOAD_MAX - 4096)

/* One request while it is served, and its answer. */
struct command {
    struct worker *worker;
    struct arena *arena;
    struct message_caller caller;
    int status; /* HTTP; 0: no answer yet */
    struct buf body;
    int64_t retry_after_ms; /* 0: not said */
};

/* A handler answers, also to say no, and returns ERR_OK; or fails, and then commands.c says in the
 * caller's terms that it could not be done now.
 * in: message: the struct message_x of its type. */
typedef CO_FN enum err_code (*command_fn)(struct command *c, const void *message, struct err *err);

CO_FN enum err_code command_oauth_start(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_oauth_exchange(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_list(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_patch(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_delete(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_sync_now(struct command *c, const void *message, struct err *err);

/* Answers {"error": {"code", "message"}}; ERR_OK, so that a refusal is one line. code: stable; the
 * text is for people and holds nothing that was sent. */
enum err_code command_refuse(struct command *c, int status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* The organisation that a request is about: the one that it names, else the token's, else the only
 * one of the caller. False: the command is answered (organization_required).
 * errs: Postgres's. */
CO_FN MUST_CHECK enum err_code command_organization(struct command *c, struct pg_session *s,
                                                    const struct uuid *named, bool *ret_known,
                                                    struct uuid *ret_organization, struct err *err);
/* Whether the caller may, in the running transaction. False: the command is answered
 * (permission_denied). */
CO_FN MUST_CHECK enum err_code command_may(struct command *c, struct pg_session *s,
                                           struct uuid organization, const char *permission,
                                           bool *ret_may, struct err *err);
/* Asks the engine of the account's partition to look at all of it. */
CO_FN MUST_CHECK enum err_code command_produce_sync(struct worker *w, struct uuid account,
                                                    enum message_sync_reason reason,
                                                    struct err *err);

/* grant_lease.c: takes the account's lease if nobody holds it; holder: drawn by the taker. */
CO_FN MUST_CHECK enum err_code grant_lease_take(struct worker *w, struct uuid account,
                                                struct uuid holder, int64_t life_ms,
                                                struct arena *arena, bool *ret_taken,
                                                struct err *err);
CO_FN void grant_lease_release(struct worker *w, struct uuid account, struct uuid holder,
                               struct arena *arena);

/* "key": a timestamptz column as RFC 3339 in UTC, or null. */
void command_member_time(struct json_writer *w, const char *key, const struct pg_result *r,
                         size_t row, size_t column);

#define PERMISSION_CONNECT "ce.calendar.connect"
#define PERMISSION_VIEW "ce.calendar.view"

#endif
