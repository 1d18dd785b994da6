/* What an owner does with a connection: list, change, disconnect, sync now. Each is one transaction
 * that begins under the caller's row-level security; somebody else's connection does not exist. */
#include "commands.h"

#include "observe/log.h"
#include "store/sql.h"

#define CALENDARS_MAX 500

static enum err_code not_found(struct command *c)
{
    return command_refuse(c, 404, "not_found", "You have no such connection.");
}

/* From the caller's rights back to the service's own, for the tables that are ours. */
static enum err_code be_service(struct pg_session *s, struct err *err)
{
    return pg_exec_simple(s, "RESET ROLE", co_after(COMMAND_DB_MS), err);
}

static enum err_code begin_as_caller(struct command *c, struct pg_session **ret_session,
                                     struct err *err)
{
    enum err_code rc =
        pg_acquire(command_worker(c)->parts.pool, co_after(COMMAND_DB_MS), ret_session, err);
    if (rc == ERR_OK) {
        rc = pg_begin_as(*ret_session, PG_READ_COMMITTED, c->caller.user, "authenticated",
                         (struct str){0}, co_after(COMMAND_DB_MS), err);
    }
    return rc;
}

/* Runs a statement on one connection as the caller, then asks for the permission in the
 * organisation of the row that came back (column `organization`). *ret_goes_on: false: answered. */
static enum err_code own_row(struct command *c, struct pg_session *s, const struct pg_stmt *stmt,
                             const struct pg_params *params, size_t organization,
                             const char *permission, const struct pg_result **ret_row,
                             bool *ret_goes_on, struct err *err)
{
    *ret_goes_on = false;
    enum err_code rc = pg_exec(s, stmt, params, co_after(COMMAND_DB_MS), c->arena, ret_row, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (pg_row_count(*ret_row) == 0) {
        return not_found(c);
    }
    rc = be_service(s, err);
    if (rc == ERR_OK) {
        rc =
            command_may(c, s, pg_get_uuid(*ret_row, 0, organization), permission, ret_goes_on, err);
    }
    return rc;
}

/* ---- list ----------------------------------------------------------------------------------- */

static void member_text(struct json_writer *w, const char *key, const struct pg_result *r,
                        size_t row, size_t column)
{
    json_key(w, key);
    if (pg_is_null(r, row, column)) {
        json_put_null(w);
    } else {
        json_put_str(w, pg_get_str(r, row, column));
    }
}

/* Columns of SQL_CALENDAR_OF_CONNECTIONS. */
enum {
    K_CONNECTION,
    K_ID,
    K_NAME,
    K_ZONE,
    K_ROLE,
    K_PRIMARY,
    K_SYNCED,
    K_BUSY,
    K_WATCHABLE,
    K_WATCHED,
    K_READ_AT,
    K_DUE_AT,
    K_PARKED_UNTIL,
    K_PARK_REASON
};
/* Columns of SQL_CONNECTION_OWN. */
enum {
    C_ID,
    C_ORGANIZATION,
    C_PROVIDER,
    C_EMAIL,
    C_STATUS,
    C_STATUS_REASON,
    C_ENABLED,
    C_POLICY,
    C_SYNCED_AT,
    C_CREATED_AT
};

static bool is_parked(const struct pg_result *r, size_t row)
{
    return !pg_is_null(r, row, K_PARK_REASON) && pg_get_bool(r, row, K_SYNCED);
}

/* What its owner can do about a calendar that is not read; by the reason's stable code. */
static const char *parked_step(struct str reason)
{
    if (str_eq_c(reason, "auth")) {
        return "Connect this account again: the provider no longer accepts our access.";
    }
    if (str_eq_c(reason, "denied") || str_eq_c(reason, "not_found") || str_eq_c(reason, "gone")) {
        return "The provider does not show us this calendar: check how it is shared, or do not "
               "choose it.";
    }
    if (str_eq_c(reason, "throttled")) {
        return "The provider limits how often it may be asked. It is read again by itself.";
    }
    if (str_eq_c(reason, "config")) {
        return "Tell your administrator: the connection to the provider is not set up rightly.";
    }
    return "The provider could not be read. It is tried again by itself; \"sync now\" tries at "
           "once.";
}

static void put_calendar(struct json_writer *w, const struct pg_result *r, size_t row)
{
    json_open(w, '{');
    json_member_i64(w, "id", pg_get_i64(r, row, K_ID));
    member_text(w, "name", r, row, K_NAME);
    member_text(w, "time_zone", r, row, K_ZONE);
    member_text(w, "role", r, row, K_ROLE);
    json_member_bool(w, "is_primary", pg_get_bool(r, row, K_PRIMARY));
    json_member_bool(w, "synced", pg_get_bool(r, row, K_SYNCED));
    json_member_bool(w, "counts_as_busy", pg_get_bool(r, row, K_BUSY));
    json_member_bool(w, "watchable", pg_get_bool(r, row, K_WATCHABLE));
    json_member_bool(w, "watched", pg_get_bool(r, row, K_WATCHED));
    command_member_time(w, "last_read_at", r, row, K_READ_AT);
    command_member_time(w, "next_due_at", r, row, K_DUE_AT);
    if (is_parked(r, row)) {
        json_member_str(w, "parked_reason", pg_get_str(r, row, K_PARK_REASON));
        command_member_time(w, "parked_until", r, row, K_PARKED_UNTIL);
        json_member_c(w, "next_step", parked_step(pg_get_str(r, row, K_PARK_REASON)));
    }
    json_close(w, '}');
}

/* What there is to do about the connection as a whole; NULL: it is well. */
static const char *next_step(const struct pg_result *own, size_t row, const struct pg_result *r)
{
    size_t count = 0;
    size_t synced = 0;
    size_t unread = 0;
    const char *parked = NULL;
    for (size_t i = 0; i < pg_row_count(r); i++) {
        if (!uuid_eq(pg_get_uuid(r, i, K_CONNECTION), pg_get_uuid(own, row, C_ID))) {
            continue;
        }
        count++;
        synced += pg_get_bool(r, i, K_SYNCED);
        unread += pg_get_bool(r, i, K_SYNCED) && pg_is_null(r, i, K_READ_AT);
        if (parked == NULL && is_parked(r, i)) {
            parked = parked_step(pg_get_str(r, i, K_PARK_REASON));
        }
    }
    struct str status = pg_get_str(own, row, C_STATUS);
    if (str_eq_c(status, "reauthorize")) {
        return "Connect this account again: the provider no longer accepts our access.";
    }
    if (str_eq_c(status, "disconnecting")) {
        return "It is being disconnected. There is nothing to do.";
    }
    if (!pg_get_bool(own, row, C_ENABLED)) {
        return "Syncing is paused. Resume it to see changes again.";
    }
    if (count == 0) {
        return "The list of calendars is being read. Look again in a minute.";
    }
    if (synced == 0) {
        return "No calendar is chosen. Choose at least one to sync.";
    }
    if (parked != NULL) {
        return parked;
    }
    return unread > 0 ? "The first import is under way. Look again in a minute." : NULL;
}

static void put_connection(struct json_writer *w, const struct pg_result *own, size_t row,
                           const struct pg_result *calendars)
{
    struct uuid id = pg_get_uuid(own, row, C_ID);
    const char *step = next_step(own, row, calendars);
    json_open(w, '{');
    json_member_c(w, "id", UUID_C(id));
    json_member_c(w, "organization_id", UUID_C(pg_get_uuid(own, row, C_ORGANIZATION)));
    member_text(w, "provider", own, row, C_PROVIDER);
    member_text(w, "account_email", own, row, C_EMAIL);
    member_text(w, "status", own, row, C_STATUS);
    member_text(w, "status_reason", own, row, C_STATUS_REASON);
    json_member_bool(w, "sync_enabled", pg_get_bool(own, row, C_ENABLED));
    member_text(w, "conflict_policy", own, row, C_POLICY);
    command_member_time(w, "last_sync_at", own, row, C_SYNCED_AT);
    command_member_time(w, "created_at", own, row, C_CREATED_AT);
    json_key(w, "next_step");
    if (step != NULL) {
        json_put_str(w, str_c(step));
    } else {
        json_put_null(w);
    }
    json_key(w, "calendars");
    json_open(w, '[');
    for (size_t i = 0; i < pg_row_count(calendars); i++) {
        if (uuid_eq(pg_get_uuid(calendars, i, K_CONNECTION), id)) {
            put_calendar(w, calendars, i);
        }
    }
    json_close(w, ']');
    json_close(w, '}');
}

static enum err_code put_list(struct command *c, struct pg_session *s, const struct pg_result *own,
                              struct err *err)
{
    size_t n = pg_row_count(own);
    struct uuid *ids = ARENA_ARRAY(c->arena, struct uuid, n);
    const struct pg_result *calendars;
    struct pg_params p;
    for (size_t i = 0; i < n; i++) {
        ids[i] = pg_get_uuid(own, i, C_ID);
    }
    pg_params_init(&p, c->arena);
    pg_add_uuid_array(&p, ids, NULL, n);
    enum err_code rc = pg_exec(s, &SQL_CALENDAR_OF_CONNECTIONS, &p, co_after(COMMAND_DB_MS),
                               c->arena, &calendars, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct json_writer w = {.out = &c->body};
    json_open(&w, '{');
    json_key(&w, "connections");
    json_open(&w, '[');
    for (size_t i = 0; i < n; i++) {
        put_connection(&w, own, i, calendars);
    }
    json_close(&w, ']');
    json_close(&w, '}');
    c->status = 200;
    return ERR_OK;
}

/* The whole list is of one organisation; a single connection names its own. */
static enum err_code list_organization(struct command *c, const struct message_connections_list *m,
                                       struct uuid *ret_organization, bool *ret_known,
                                       struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc = pg_acquire(command_worker(c)->parts.pool, co_after(COMMAND_DB_MS), &s, err);
    if (rc != ERR_OK) {
        return rc;
    }
    return command_organization(
        c, s, MESSAGE_HAS(connections_list, m, organization) ? &m->organization : NULL, ret_known,
        ret_organization, err);
}

enum err_code command_list(struct command *c, const void *message, struct err *err)
{
    const struct message_connections_list *m = message;
    bool one = MESSAGE_HAS(connections_list, m, connection);
    bool goes_on = true;
    struct uuid organization = {{0}};
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *own = NULL;
    struct pg_params p;
    enum err_code rc = ERR_OK;

    if (!one) {
        rc = list_organization(c, m, &organization, &goes_on, err);
    }
    if (rc != ERR_OK || !goes_on) {
        return rc;
    }
    pg_params_init(&p, c->arena);
    if (one) {
        pg_add_uuid(&p, m->connection);
        pg_add_null(&p);
    } else {
        pg_add_null(&p);
        pg_add_uuid(&p, organization);
    }
    rc = begin_as_caller(c, &s, err);
    if (rc == ERR_OK && one) {
        rc = own_row(c, s, &SQL_CONNECTION_OWN, &p, C_ORGANIZATION, PERMISSION_VIEW, &own, &goes_on,
                     err);
    } else if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_CONNECTION_OWN, &p, co_after(COMMAND_DB_MS), c->arena, &own, err);
        if (rc == ERR_OK) {
            rc = be_service(s, err);
        }
        if (rc == ERR_OK) {
            rc = command_may(c, s, organization, PERMISSION_VIEW, &goes_on, err);
        }
    }
    if (rc == ERR_OK && goes_on) {
        rc = put_list(c, s, own, err);
    }
    return rc;
}

/* ---- change --------------------------------------------------------------------------------- */

static bool is_choice(int64_t value)
{
    return value >= -1 && value <= 1;
}

static bool patch_is_valid(const struct message_connection_patch *m)
{
    if (MESSAGE_HAS(connection_patch, m, conflict_policy) &&
        !str_eq_c(m->conflict_policy, "provider") && !str_eq_c(m->conflict_policy, "local") &&
        !str_eq_c(m->conflict_policy, "newest")) {
        return false;
    }
    size_t n = m->calendars.len;
    if (n > CALENDARS_MAX || m->synced.len != n || m->counts_as_busy.len != n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_choice(m->synced.ptr[i]) || !is_choice(m->counts_as_busy.ptr[i])) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (m->calendars.ptr[k] == m->calendars.ptr[i]) {
                return false;
            }
        }
    }
    return true;
}

/* The connection is locked already; its counter comes before its calendars. */
static enum err_code choose_calendars(struct command *c, struct pg_session *s,
                                      const struct message_connection_patch *m, bool *ret_all,
                                      struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, m->connection);
    enum err_code rc =
        pg_exec(s, &SQL_CONNECTION_NEXT_STAMP, &p, co_after(COMMAND_DB_MS), c->arena, NULL, err);
    if (rc != ERR_OK) {
        return rc;
    }
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, m->connection);
    pg_add_i64_array(&p, m->calendars.ptr, NULL, m->calendars.len);
    pg_add_i64_array(&p, m->synced.ptr, NULL, m->calendars.len);
    pg_add_i64_array(&p, m->counts_as_busy.ptr, NULL, m->calendars.len);
    rc = pg_exec(s, &SQL_CALENDAR_CHOOSE, &p, co_after(COMMAND_DB_MS), c->arena, &r, err);
    if (rc == ERR_OK) {
        *ret_all = pg_row_count(r) == m->calendars.len;
    }
    return rc;
}

static enum err_code patch(struct command *c, struct pg_session *s,
                           const struct message_connection_patch *m, struct err *err)
{
    const struct pg_result *r;
    bool goes_on;
    bool all = true;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, m->connection);
    if (MESSAGE_HAS(connection_patch, m, sync_enabled)) {
        pg_add_bool(&p, m->sync_enabled);
    } else {
        pg_add_null(&p);
    }
    if (MESSAGE_HAS(connection_patch, m, conflict_policy)) {
        pg_add_text(&p, m->conflict_policy);
    } else {
        pg_add_null(&p);
    }
    enum err_code rc =
        own_row(c, s, &SQL_CONNECTION_PATCH_OWN, &p, 0, PERMISSION_CONNECT, &r, &goes_on, err);
    if (rc != ERR_OK || !goes_on) {
        return rc;
    }
    if (m->calendars.len > 0) {
        rc = choose_calendars(c, s, m, &all, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    if (!all) {
        return command_refuse(c, 404, "calendar_not_found",
                              "One of these calendars is none of this connection's.");
    }
    return pg_commit(s, co_after(COMMAND_DB_MS), err);
}

/* The connection as it stands now; gone meanwhile: as if it had never been. */
static enum err_code answer_with(struct command *c, struct pg_session *s, struct uuid connection,
                                 struct err *err)
{
    const struct pg_result *own;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, connection);
    pg_add_null(&p);
    enum err_code rc = pg_begin_as(s, PG_READ_COMMITTED, c->caller.user, "authenticated",
                                   (struct str){0}, co_after(COMMAND_DB_MS), err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_CONNECTION_OWN, &p, co_after(COMMAND_DB_MS), c->arena, &own, err);
    }
    if (rc == ERR_OK && pg_row_count(own) == 0) {
        return not_found(c);
    }
    if (rc == ERR_OK) {
        rc = be_service(s, err);
    }
    return rc == ERR_OK ? put_list(c, s, own, err) : rc;
}

enum err_code command_patch(struct command *c, const void *message, struct err *err)
{
    const struct message_connection_patch *m = message;
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    if (!patch_is_valid(m)) {
        return command_refuse(c, 400, "invalid_field", "That is no valid change.");
    }
    enum err_code rc = begin_as_caller(c, &s, err);
    if (rc == ERR_OK) {
        rc = patch(c, s, m, err);
    }
    if (rc != ERR_OK || c->status != 0) {
        return rc;
    }
    if (command_worker(c)->sync != NULL) {
        kafka_engine_wake(command_worker(c)->sync); /* what became due may be ours */
    }
    return answer_with(c, s, m->connection, err);
}

enum err_code command_delete(struct command *c, const void *message, struct err *err)
{
    const struct message_connection_delete *m = message;
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    bool goes_on = false;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, m->connection);
    enum err_code rc = begin_as_caller(c, &s, err);
    if (rc == ERR_OK) {
        rc =
            own_row(c, s, &SQL_CONNECTION_DELETE_OWN, &p, 0, PERMISSION_CONNECT, &r, &goes_on, err);
    }
    if (rc == ERR_OK && goes_on) {
        rc = pg_commit(s, co_after(COMMAND_DB_MS), err);
    }
    if (rc == ERR_OK && goes_on) {
        LOG_INFO("connection.deleted", "a connection was disconnected",
                 F_UUID("conn", m->connection));
        buf_add_c(&c->body, "{\"disconnected\":true}");
        c->status = 200;
    }
    return rc;
}

/* ---- sync now ------------------------------------------------------------------------------- */

/* What the run will look at is due before the record is there. */
static enum err_code hurry(struct command *c, struct pg_session *s, struct uuid connection,
                           struct uuid *ret_account, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, connection);
    enum err_code rc =
        pg_exec(s, &SQL_CONNECTION_ACCOUNT, &p, co_after(COMMAND_DB_MS), c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (pg_row_count(r) == 0) {
        return ERR_SET_ACT(err, ERR_CONFLICT, ERR_ACT_RETRY, "the connection went meanwhile");
    }
    *ret_account = pg_get_uuid(r, 0, 0);
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, *ret_account);
    rc = pg_exec(s, &SQL_ACCOUNT_UNPARK, &p, co_after(COMMAND_DB_MS), c->arena, NULL, err);
    if (rc != ERR_OK) {
        return rc;
    }
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, connection);
    pg_add_i64_array(&p, NULL, NULL, 0);
    pg_add_text(&p, STR("user"));
    rc = pg_exec(s, &SQL_CALENDAR_DUE_NOW, &p, co_after(COMMAND_DB_MS), c->arena, NULL, err);
    return rc == ERR_OK ? pg_commit(s, co_after(COMMAND_DB_MS), err) : rc;
}

enum err_code command_sync_now(struct command *c, const void *message, struct err *err)
{
    const struct message_sync_now *m = message;
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *own;
    struct uuid account;
    bool goes_on = false;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, m->connection);
    pg_add_null(&p);
    enum err_code rc = begin_as_caller(c, &s, err);
    if (rc == ERR_OK) {
        rc = own_row(c, s, &SQL_CONNECTION_OWN, &p, C_ORGANIZATION, PERMISSION_VIEW, &own, &goes_on,
                     err);
    }
    if (rc != ERR_OK || !goes_on) {
        return rc;
    }
    if (!str_eq_c(pg_get_str(own, 0, C_STATUS), "active")) {
        return command_refuse(c, 409, "reauthorize", "Connect this account again first.");
    }
    if (!pg_get_bool(own, 0, C_ENABLED)) {
        return command_refuse(c, 409, "paused", "Syncing is paused. Resume it first.");
    }
    rc = hurry(c, s, m->connection, &account, err);
    if (rc == ERR_OK) {
        struct err why;
        pg_release_ptr(&s);
        if (command_produce_sync(command_worker(c), account, MESSAGE_SYNC_USER, &why) != ERR_OK) {
            /* The rows are due: the account's owner finds them without the record. */
            LOG_WARN("command.sync_now.quiet", "the wish was stored but not told on the bus",
                     F_UUID("conn", m->connection), F_ERR(&why));
        }
        buf_add_c(&c->body, "{\"queued\":true}");
        c->status = 202;
    }
    return rc;
}
