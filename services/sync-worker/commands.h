/* Requests about connections: what their handlers share.
 *
 *   commands.c     which handler serves what, and what they share
 *   connect.c      OAuth: start
 *   exchange.c     OAuth: the code for tokens, and the connection that comes of it
 *   connections.c  list, patch, delete, sync now */
#ifndef SYNC_WORKER_COMMANDS_H
#define SYNC_WORKER_COMMANDS_H

#include "worker.h"

#include "commands/commands.h"
#include "json/write.h"

static inline struct worker *command_worker(const struct command *c)
{
    return c->ctx;
}

CO_FN enum err_code command_oauth_start(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_oauth_exchange(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_list(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_patch(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_delete(struct command *c, const void *message, struct err *err);
CO_FN enum err_code command_sync_now(struct command *c, const void *message, struct err *err);

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
