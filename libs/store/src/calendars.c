#include "store/calendars.h"

#include "store/sql.h"

enum err_code store_due(struct pg_session *s, const int16_t *shards, size_t shard_count,
                        int64_t limit, int64_t deadline, struct arena *arena,
                        struct store_due **ret_rows, size_t *ret_count, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_i16_array(&p, shards, NULL, shard_count);
    pg_add_i64(&p, limit);
    enum err_code rc = pg_exec(s, &SQL_CALENDAR_DUE, &p, deadline, arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    size_t n = pg_row_count(r);
    struct store_due *rows = ARENA_ARRAY(arena, struct store_due, n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct store_due){.calendar = pg_get_i64(r, i, 0),
                                     .account = pg_get_uuid(r, i, 1),
                                     .shard = (int16_t)pg_get_i64(r, i, 2),
                                     .reason = pg_get_str(r, i, 3),
                                     .organization = pg_get_uuid(r, i, 4)};
    }
    *ret_rows = rows;
    *ret_count = n;
    return ERR_OK;
}

static struct str text_or_empty(const struct pg_result *r, size_t row, size_t column)
{
    struct str s = pg_get_str(r, row, column);
    return s.ptr != NULL ? s : STR("");
}

static struct store_calendar read_calendar(const struct pg_result *r, size_t i)
{
    struct str shape = pg_get_bytea(r, i, 12);
    struct str held = pg_get_bytea(r, i, 21);
    return (struct store_calendar){
        .id = pg_get_i64(r, i, 0),
        .connection = pg_get_uuid(r, i, 1),
        .organization = pg_get_uuid(r, i, 2),
        .user = pg_get_uuid(r, i, 3),
        .provider = pg_get_str(r, i, 4),
        .provider_id = pg_get_str(r, i, 5),
        .zone = text_or_empty(r, i, 6),
        .watchable = pg_get_bool(r, i, 8),
        .cursor = text_or_empty(r, i, 9),
        .version = pg_get_i64(r, i, 10),
        .page_cursor = text_or_empty(r, i, 11),
        .query_shape = shape.ptr != NULL ? shape : STR(""),
        .generation = pg_get_i64(r, i, 13),
        .full_read = pg_get_bool(r, i, 14),
        .read_mark = pg_get_i64(r, i, 15),
        .covered = !pg_is_null(r, i, 16),
        .covered_from = pg_get_time(r, i, 16),
        .covered_to = pg_get_time(r, i, 17),
        .due = !pg_is_null(r, i, 18),
        .due_at = pg_get_time(r, i, 18),
        .due_reason = text_or_empty(r, i, 19),
        .fail_count = (int32_t)pg_get_i64(r, i, 20),
        .sweep_held_hash = held.ptr != NULL ? held : STR(""),
        .change_counter = pg_get_i64(r, i, 22),
        .poll_minutes = (int32_t)pg_get_i64(r, i, 23),
        .channel_expires_at = pg_get_time(r, i, 24),
    };
}

enum err_code store_calendars_open(struct pg_session *s, struct uuid account,
                                   const int64_t *calendars, size_t count, int64_t deadline,
                                   struct arena *arena, struct store_calendar **ret_calendars,
                                   size_t *ret_count, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, account);
    pg_add_i64_array(&p, calendars, NULL, count);
    enum err_code rc = pg_exec(s, &SQL_CALENDAR_OPEN, &p, deadline, arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    size_t n = pg_row_count(r);
    struct store_calendar *list = ARENA_ARRAY(arena, struct store_calendar, n);
    for (size_t i = 0; i < n; i++) {
        list[i] = read_calendar(r, i);
    }
    *ret_calendars = list;
    *ret_count = n;
    return ERR_OK;
}

enum err_code store_full_read_begin(struct pg_session *s, struct store_calendar *c,
                                    struct str query_shape, int64_t deadline, struct arena *arena,
                                    struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_i64(&p, c->id);
    pg_add_i64(&p, c->version);
    pg_add_i64(&p, c->change_counter);
    pg_add_bytea(&p, query_shape);
    enum err_code rc = pg_exec(s, &SQL_CALENDAR_BEGIN_FULL_READ, &p, deadline, arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (pg_row_count(r) == 0) {
        return ERR_SET(err, ERR_CONFLICT, "another run was first");
    }
    c->version = pg_get_i64(r, 0, 0);
    c->generation = pg_get_i64(r, 0, 1);
    c->full_read = true;
    c->read_mark = c->change_counter;
    c->cursor = c->page_cursor = STR("");
    return ERR_OK;
}

enum err_code store_calendar_fail(struct pg_session *s, const struct store_calendar *c,
                                  int64_t due_at, const char *code, struct str words,
                                  int64_t deadline, struct arena *arena, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_i64(&p, c->id);
    pg_add_time(&p, due_at);
    pg_add_text(&p, str_c(code));
    pg_add_text(&p, words);
    if (c->due) {
        pg_add_time(&p, c->due_at);
    } else {
        pg_add_null(&p);
    }
    return pg_exec(s, &SQL_CALENDAR_FAIL, &p, deadline, arena, NULL, err);
}

enum err_code store_account_park(struct pg_session *s, struct uuid account, int64_t due_at,
                                 const char *code, struct str words, int64_t deadline,
                                 struct arena *arena, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, account);
    pg_add_time(&p, due_at);
    pg_add_text(&p, str_c(code));
    pg_add_text(&p, words);
    return pg_exec(s, &SQL_ACCOUNT_PARK, &p, deadline, arena, NULL, err);
}
