/* People and the slots that a meeting takes of them. Overlap is forbidden by the table's exclusion
 * constraint; what is read here before only finds what is in calendars, and whose slots were taken.
 */
#include "calendar/span.h"
#include "scheduler.h"
#include "scheduler/sql.h"

/* ---- people --------------------------------------------------------------------------------- */

static bool find_address(const struct pg_result *r, struct uuid user, struct str *ret_address)
{
    for (size_t i = 0; i < pg_row_count(r); i++) {
        if (uuid_eq(pg_get_uuid(r, i, 0), user)) {
            *ret_address = pg_get_str(r, i, 1);
            return true;
        }
    }
    return false;
}

static bool find_user(const struct pg_result *r, struct str address, struct uuid *ret_user)
{
    for (size_t i = 0; i < pg_row_count(r); i++) {
        if (str_eq(pg_get_str(r, i, 1), address)) {
            *ret_user = pg_get_uuid(r, i, 0);
            return true;
        }
    }
    return false;
}

static CO_FN enum err_code read_addresses(struct command *c, struct pg_session *s,
                                          struct uuid organization,
                                          const struct message_uuids *users,
                                          const struct str *addresses, size_t address_count,
                                          const struct pg_result **ret_rows, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, organization);
    pg_add_uuid_array(&p, users->ptr, NULL, users->len);
    pg_add_text_array(&p, addresses, address_count);
    return pg_exec(s, &SQL_PERSON_ADDRESSES, &p, co_after(DB_MS), c->arena, ret_rows, err);
}

enum err_code slots_people(struct command *c, struct pg_session *s, struct uuid organization,
                           struct uuid organizer, const struct message_uuids *users,
                           const struct message_strs *addresses, struct plan_people *ret_people,
                           bool *ret_known, struct err *err)
{
    const struct pg_result *r;
    size_t most = 1 + users->len + addresses->len;
    struct str *normal = ARENA_ARRAY(c->arena, struct str, addresses->len);
    *ret_known = most <= PLAN_PEOPLE_MAX;
    if (!*ret_known) {
        return command_refuse(c, 400, "too_many", "A meeting has at most %d people.",
                              PLAN_PEOPLE_MAX);
    }
    for (size_t i = 0; i < addresses->len; i++) {
        normal[i] = plan_address(addresses->ptr[i], c->arena);
    }
    enum err_code rc = read_addresses(c, s, organization, users, normal, addresses->len, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct plan_people people = {.ptr = ARENA_ARRAY(c->arena, struct plan_person, most)};
    plan_add(&people,
             (struct plan_person){.is_user = true, .user = organizer, .role = "organizer"});
    for (size_t i = 0; i < users->len; i++) {
        struct plan_person p = {.is_user = true, .user = users->ptr[i], .role = "required"};
        if (!uuid_eq(p.user, organizer) && !find_address(r, p.user, &p.address)) {
            *ret_known = false;
            return command_refuse(c, 422, "attendee_unreachable",
                                  "An attendee has no connected calendar in this organisation, so "
                                  "no address to be invited at.");
        }
        plan_add(&people, p);
    }
    for (size_t i = 0; i < addresses->len; i++) {
        struct plan_person p = {.address = normal[i], .role = "required"};
        p.is_user = find_user(r, normal[i], &p.user);
        plan_add(&people, p);
    }
    *ret_people = people;
    return ERR_OK;
}

enum err_code slots_write_people(struct pg_session *s, struct uuid meeting,
                                 const struct plan_people *people, struct arena *arena,
                                 struct err *err)
{
    size_t n = people->len;
    struct str *names = ARENA_ARRAY(arena, struct str, n);
    struct uuid *users = ARENA_ARRAY(arena, struct uuid, n);
    bool *nobody = ARENA_ARRAY(arena, bool, n);
    struct str *addresses = ARENA_ARRAY(arena, struct str, n);
    struct str *roles = ARENA_ARRAY(arena, struct str, n);
    struct pg_params p;
    for (size_t i = 0; i < n; i++) {
        const struct plan_person *person = &people->ptr[i];
        names[i] = plan_person_name(person, arena);
        users[i] = person->user;
        nobody[i] = !person->is_user;
        addresses[i] = person->address.len > 0 ? person->address : (struct str){0};
        roles[i] = str_c(person->role);
    }
    pg_params_init(&p, arena);
    pg_add_uuid(&p, meeting);
    pg_add_text_array(&p, names, n);
    pg_add_uuid_array(&p, users, nobody, n);
    pg_add_text_array(&p, addresses, n);
    pg_add_text_array(&p, roles, n);
    return pg_exec(s, &SQL_MEETING_PEOPLE, &p, co_after(DB_MS), arena, NULL, err);
}

enum err_code slots_read_people(struct pg_session *s, struct uuid meeting, struct arena *arena,
                                struct plan_people *ret_people, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, meeting);
    enum err_code rc = pg_exec(s, &SQL_MEETING_PARTICIPANTS, &p, co_after(DB_MS), arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    size_t n = pg_row_count(r);
    struct plan_people people = {.ptr = ARENA_ARRAY(arena, struct plan_person, n), .len = n};
    for (size_t i = 0; i < n; i++) {
        struct str address = pg_get_str(r, i, 2);
        people.ptr[i] = (struct plan_person){
            .is_user = !pg_is_null(r, i, 1),
            .user = pg_get_uuid(r, i, 1),
            .address = address.ptr != NULL ? address : STR(""),
            .role = str_eq_c(pg_get_str(r, i, 3), "organizer") ? "organizer" : "required"};
    }
    *ret_people = people;
    return ERR_OK;
}

/* ---- what is in the way --------------------------------------------------------------------- */

static size_t blocking(struct str *names)
{
    static const enum calendar_show_as all[] = {CALENDAR_BUSY, CALENDAR_FREE,
                                                CALENDAR_SHOW_TENTATIVE, CALENDAR_OUT_OF_OFFICE,
                                                CALENDAR_WORKING_ELSEWHERE};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (calendar_blocks(all[i])) {
            names[n++] = str_c(calendar_show_as_name(all[i]));
        }
    }
    return n;
}

static void add_users(struct pg_params *p, const struct plan_people *people, struct arena *arena)
{
    struct uuid *users = ARENA_ARRAY(arena, struct uuid, people->len);
    size_t n = 0;
    for (size_t i = 0; i < people->len; i++) {
        if (people->ptr[i].is_user) {
            users[n++] = people->ptr[i].user;
        }
    }
    pg_add_uuid_array(p, users, NULL, n);
}

static void add_times(struct pg_params *p, const struct plan_times *times, struct arena *arena)
{
    int64_t *starts = ARENA_ARRAY(arena, int64_t, times->len);
    int64_t *ends = ARENA_ARRAY(arena, int64_t, times->len);
    for (size_t i = 0; i < times->len; i++) {
        starts[i] = times->ptr[i].start_at;
        ends[i] = times->ptr[i].end_at;
    }
    pg_add_time_array(p, starts, NULL, times->len);
    pg_add_time_array(p, ends, NULL, times->len);
}

static void put_time(struct json_writer *w, const char *key, int64_t at)
{
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, 64);
    calendar_print_rfc3339(at, &text);
    json_member_str(w, key, buf_str(&text));
}

/* Only times: what it is that somebody does is in no answer of ours. */
static enum err_code refuse_busy(struct command *c, const struct pg_result *r)
{
    struct json_writer w = {.out = &c->body};
    buf_reset(&c->body);
    json_open(&w, '{');
    json_key(&w, "error");
    json_open(&w, '{');
    json_member_c(&w, "code", "busy");
    json_member_c(&w, "message", "Somebody is busy at that time.");
    json_key(&w, "busy");
    json_open(&w, '[');
    for (size_t i = 0; i < pg_row_count(r); i++) {
        struct uuid user = pg_get_uuid(r, i, 0);
        json_open(&w, '{');
        json_member_c(&w, "user_id", UUID_C(user));
        put_time(&w, "start", pg_get_time(r, i, 1));
        put_time(&w, "end", pg_get_time(r, i, 2));
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    json_close(&w, '}');
    c->status = 409;
    return ERR_OK;
}

enum err_code slots_free(struct command *c, struct pg_session *s, const struct slots *slots,
                         bool *ret_free, struct err *err)
{
    struct str blocks[8];
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, slots->asker);
    pg_add_uuid(&p, slots->organization);
    add_users(&p, &slots->people, c->arena);
    add_times(&p, &slots->times, c->arena);
    pg_add_text_array(&p, blocks, blocking(blocks));
    if (uuid_is_nil(slots->event)) {
        pg_add_null(&p);
    } else {
        pg_add_uuid(&p, slots->event);
    }
    enum err_code rc = pg_exec(s, &SQL_PERSON_BUSY, &p, co_after(DB_MS), c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    *ret_free = pg_row_count(r) == 0;
    return *ret_free ? ERR_OK : refuse_busy(c, r);
}

enum err_code slots_refuse(struct command *c, struct pg_session *s, const struct slots *slots,
                           struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, slots->asker);
    pg_add_uuid(&p, slots->organization);
    add_users(&p, &slots->people, c->arena);
    add_times(&p, &slots->times, c->arena);
    pg_add_uuid(&p, slots->meeting);
    enum err_code rc = pg_exec(s, &SQL_HOLD_TAKEN, &p, co_after(DB_MS), c->arena, &r, err);
    return rc == ERR_OK ? refuse_busy(c, r) : rc;
}

/* ---- holds ---------------------------------------------------------------------------------- */

bool slots_are_taken(const struct err *err)
{
    return err->sys == PG_SQLSTATE('2', '3', 'P', '0', '1');
}

static CO_FN enum err_code make_room(struct pg_session *s, const struct slots *slots,
                                     struct arena *arena, struct err *err)
{
    struct str *names = ARENA_ARRAY(arena, struct str, slots->people.len);
    struct pg_params p;
    for (size_t i = 0; i < slots->people.len; i++) {
        names[i] = plan_person_name(&slots->people.ptr[i], arena);
    }
    pg_params_init(&p, arena);
    pg_add_uuid(&p, slots->organization);
    pg_add_text_array(&p, names, slots->people.len);
    enum err_code rc = pg_exec(s, &SQL_HOLD_EXPIRE, &p, co_after(DB_MS), arena, NULL, err);
    if (rc == ERR_OK) {
        pg_params_init(&p, arena);
        pg_add_uuid(&p, slots->meeting);
        rc = pg_exec(s, &SQL_HOLD_DROP, &p, co_after(DB_MS), arena, NULL, err);
    }
    return rc;
}

enum err_code slots_take(struct pg_session *s, const struct slots *slots, struct arena *arena,
                         size_t *ret_count, struct err *err)
{
    struct pg_params p;
    enum err_code rc = make_room(s, slots, arena, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct plan_holds h = plan_holds(&slots->people, &slots->times, arena);
    pg_params_init(&p, arena);
    pg_add_uuid(&p, slots->meeting);
    pg_add_uuid(&p, slots->organization);
    pg_add_uuid_array(&p, h.users, h.no_user, h.len);
    pg_add_bytea_array(&p, h.hashes, h.len);
    pg_add_time_array(&p, h.starts, NULL, h.len);
    pg_add_time_array(&p, h.ends, NULL, h.len);
    pg_add_bool(&p, slots->overridden);
    if (slots->expires_ms > 0) {
        pg_add_i64(&p, slots->expires_ms);
    } else {
        pg_add_null(&p);
    }
    rc = pg_exec(s, &SQL_HOLD_INSERT, &p, co_after(DB_MS), arena, NULL, err);
    if (rc == ERR_OK) {
        *ret_count = h.len;
    }
    return rc;
}
