/* The lease of an account's grant: who exchanges for it or revokes it is alone. */
#include "commands.h"

#include "observe/log.h"
#include "store/sql.h"

#define LEASE_DB_MS 5000

enum err_code grant_lease_take(struct worker *w, struct uuid account, struct uuid holder,
                               int64_t life_ms, struct arena *arena, bool *ret_taken,
                               struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_text(&p, STR("grant"));
    pg_add_uuid(&p, account);
    pg_add_uuid(&p, holder);
    pg_add_i64(&p, life_ms);
    enum err_code rc = pg_acquire(w->parts.pool, co_after(LEASE_DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_TOKEN_LEASE, &p, co_after(LEASE_DB_MS), arena, &r, err);
    }
    if (rc == ERR_OK) {
        *ret_taken = pg_row_count(r) > 0;
    }
    return rc;
}

void grant_lease_release(struct worker *w, struct uuid account, struct uuid holder,
                         struct arena *arena)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct pg_params p;
    struct err err;
    pg_params_init(&p, arena);
    pg_add_text(&p, STR("grant"));
    pg_add_uuid(&p, account);
    pg_add_uuid(&p, holder);
    if (pg_acquire(w->parts.pool, co_after(LEASE_DB_MS), &s, &err) != ERR_OK ||
        pg_exec(s, &SQL_TOKEN_RELEASE, &p, co_after(LEASE_DB_MS), arena, NULL, &err) != ERR_OK) {
        /* It runs out by itself. */
        LOG_DEBUG("grant.lease.kept", "lease not given back", F_UUID("account", account),
                  F_ERR(&err));
    }
}
