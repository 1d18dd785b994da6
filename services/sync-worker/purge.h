/* One purge under way (purge.c: rows and order; purge_provider.c: channels and grant). */
#ifndef SYNC_WORKER_PURGE_H
#define SYNC_WORKER_PURGE_H

#include "worker.h"

struct purge {
    struct worker *worker;
    struct arena *arena;
    int64_t id;
    bool whole; /* a connection; else one calendar */
    struct uuid connection;
    struct uuid account;
    struct str provider;
    const int64_t *calendars;
    size_t calendar_count;
    /* As they were when the connection went; ptr NULL: none. */
    struct str access_sealed;
    struct str refresh_sealed;
    int64_t expires_at;
    bool has_client;
    struct uuid client_row;
    int64_t attempts;
    bool channels_stopped;
    bool revoked;
};

/* One statement in a session of its own. */
CO_FN MUST_CHECK enum err_code purge_exec(struct purge *x, const struct pg_stmt *stmt,
                                          const struct pg_params *params,
                                          const struct pg_result **ret_result, struct err *err);
/* The same for one whose parameter is the purge. */
CO_FN MUST_CHECK enum err_code purge_mark(struct purge *x, const struct pg_stmt *stmt,
                                          struct err *err);

/* Stops the channels that go with it. errs: worth a retry. */
CO_FN MUST_CHECK enum err_code purge_stop_channels(struct purge *x, struct err *err);
/* Revokes the grant, if no connection of the account is left. errs: worth a retry. */
CO_FN MUST_CHECK enum err_code purge_revoke(struct purge *x, struct err *err);

#endif
