#include "scene.h"

#include "calendar/time.h"
#include "crypto/envelope.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#define ID(n)                                                                                      \
    {                                                                                              \
        {                                                                                          \
            0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, (n)                                 \
        }                                                                                          \
    }
const struct uuid ANA_ID = ID(1), BEN_ID = ID(2), MIA_ID = ID(3), EVE_ID = ID(4), ZOE_ID = ID(5),
                  MAX_ID = ID(6), ORG1 = ID(0x11), ORG2 = ID(0x12);

static char service_dsn[600];

void sql(const char *fmt, ...)
{
    struct buf text CLEANUP(buf_fini);
    va_list ap;
    buf_init(&text, 8192);
    va_start(ap, fmt);
    buf_add_v(&text, fmt, ap);
    va_end(ap);
    assert_int_equal(buf_ok(&text, NULL), ERR_OK);
    database_run(buf_c(&text));
}

static void person(struct uuid id, const char *name, struct uuid organization,
                   const char *permissions)
{
    sql("SELECT dev.create_user('%s@host.example', '%s', '%s');"
        "SELECT dev.grant_permission('%s', '%s', key) FROM unnest('{%s}'::text[]) AS k (key)",
        name, UUID_C(organization), UUID_C(id), UUID_C(id), UUID_C(organization), permissions);
}

static void people(void)
{
    sql("SELECT dev.create_organization('one', '%s'), dev.create_organization('two', '%s')",
        UUID_C(ORG1), UUID_C(ORG2));
    person(ANA_ID, "ana", ORG1, "ce.calendar.view");
    person(BEN_ID, "ben", ORG1, "ce.calendar.view");
    person(MIA_ID, "mia", ORG1, "ce.calendar.view,ce.calendar.view-all");
    person(EVE_ID, "eve", ORG1, "");
    person(ZOE_ID, "zoe", ORG2, "ce.calendar.view,ce.calendar.view-all");
    person(MAX_ID, "max", ORG1, "ce.calendar.view");
    person(MAX_ID, "max", ORG2, "");
}

static int migrate(void)
{
    char command[2048];
    const char *bin = getenv("CALFLEET_BIN_DIR");
    setenv("CALFLEET_PG_DSN", database_dsn(), 1);
    snprintf(command, sizeof command,
             "cd '%s' && '%s/calfleetctl' migrate --host-standin >/dev/null", SOURCE_DIR,
             bin != NULL ? bin : "bin");
    return system(command);
}

int scene_start(void **state)
{
    database_create(state);
    snprintf(service_dsn, sizeof service_dsn, "%s user=calfleet_freebusy", database_dsn());
    if (migrate() != 0) {
        fprintf(stderr, "the database was not migrated; is CALFLEET_BIN_DIR right?\n");
        return -1;
    }
    people();
    return world_start(state);
}

int scene_stop(void **state)
{
    redis_kill();
    world_stop(state);
    return database_drop(state);
}

/* ---- a test's scene -------------------------------------------------------------------------- */

static void (*test_body)(struct scene *s);

static void open_core(struct scene *s)
{
    struct err err = {0};
    s->google = (struct access_provider){.provider = provider_find(STR("google")),
                                         .link = s->world->link,
                                         .client = s->world->client};
    struct pg_opts pg = {.conninfo = service_dsn, .max_connections = 4};
    assert_int_equal(pg_pool_new(co_loop_current(), &pg, &s->fb.pool, &err), ERR_OK);
    s->keys.count = 1;
    s->keys.keys[0].id = 1;
    s->fb.access = access_new(&(struct access_opts){
        .pool = s->fb.pool, .token_keys = &s->keys, .providers = &s->google, .provider_count = 1});
    s->fb.redis = redis_client_of_test();
    s->fb.redis_ms = 300;
    s->fb.live_ms = 3000;
    s->fb.live_max = 4;
    s->fb.group = &s->group;
    freebusy_init(&s->fb);
}

static void in_world(struct world *w)
{
    struct scene *s = xcalloc(1, sizeof *s);
    s->world = w;
    arena_init(&s->arena);
    co_group_init(&s->group, co_loop_current());
    s->base = (co_wall_now() / DAY + 7) * DAY;
    open_core(s);
    test_body(s);
    settle(s);
    co_group_fini(&s->group);
    s->fb.redis = redis_client_free(s->fb.redis, co_after(1000));
    access_free(s->fb.access);
    pg_pool_free(s->fb.pool);
    arena_fini(&s->arena);
    free(s);
}

void scene_run(void (*body)(struct scene *s))
{
    sql("DELETE FROM public.ce_calendar_connections; DELETE FROM calfleet.spans;"
        "DELETE FROM public.ce_calendar_events; DELETE FROM calfleet.slot_holds;"
        "DELETE FROM calfleet.meetings");
    redis_kill();
    redis_start();
    test_body = body;
    world_run(in_world);
}

/* ---- arranging ------------------------------------------------------------------------------- */

const char *at(struct scene *s, int64_t utc_ms)
{
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, 64);
    calendar_print_rfc3339(utc_ms, &text);
    return arena_strf(&s->arena, "'%s'", buf_c(&text)).ptr;
}

static struct str sealed_token(struct scene *s, struct uuid connection)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 8192);
    crypto_envelope_seal(&s->keys, access_token_context(connection, "access_token", &s->arena),
                         s->world->token, &out);
    return arena_str(&s->arena, buf_str(&out));
}

struct linked link_account(struct scene *s, struct uuid user, struct uuid organization,
                           const char *address)
{
    static int64_t number = 0;
    struct linked l = {uuid_random(), uuid_random(), ++number};
    sql("INSERT INTO calfleet.accounts (id, provider, project, subject, shard)"
        " VALUES ('%s', 'google', 'p', '%s', 1)",
        UUID_C(l.account), UUID_C(l.account));
    sql("INSERT INTO public.ce_calendar_connections (id, organization_id, user_id, provider,"
        " account_id, account_email, access_token_encrypted, access_token_expires_at,"
        " calendar_list_read_at) VALUES ('%s', '%s', '%s', 'google', '%s', '%s', '%s',"
        " now() + interval '1 hour', now())",
        UUID_C(l.connection), UUID_C(organization), UUID_C(user), UUID_C(l.account), address,
        sealed_token(s, l.connection).ptr);
    sql("INSERT INTO calfleet.calendars (id, connection_id, account_id, shard,"
        " provider_calendar_id, is_primary, covered, last_read_at, due_at)"
        " OVERRIDING SYSTEM VALUE VALUES (%lld, '%s', '%s', 1, '" ANA "', true,"
        " tstzrange(%s, %s), now() - interval '1 minute', now())",
        (long long)l.calendar, UUID_C(l.connection), UUID_C(l.account), at(s, s->base - 30 * DAY),
        at(s, s->base + 365 * DAY));
    return l;
}

void add_span(struct scene *s, const struct linked *l, int64_t from_at, int64_t to_at,
              const char *show_as)
{
    sql("SELECT calfleet.next_stamp('%s');"
        "INSERT INTO calfleet.spans (event_id, start_at, end_at, connection_id, calendar_id,"
        " show_as) VALUES (gen_random_uuid(), %s, %s, '%s', %lld, '%s')",
        UUID_C(l->connection), at(s, from_at), at(s, to_at), UUID_C(l->connection),
        (long long)l->calendar, show_as);
}

void hold_slot(struct scene *s, const struct linked *of, struct uuid user, int64_t from_at,
               const char *expires, const char *event)
{
    sql("WITH m AS (INSERT INTO calfleet.meetings (organization_id, user_id, connection_id,"
        " calendar_id, provider_event_id, starts_at, ends_at, event_id) VALUES ('%s', '%s', '%s',"
        " %lld, gen_random_uuid()::text, %s, %s, %s) RETURNING id)"
        " INSERT INTO calfleet.slot_holds (meeting_id, organization_id, user_id, occurrence_at,"
        " during, expires_at) SELECT id, '%s', '%s', %s, tstzrange(%s, %s), %s FROM m",
        UUID_C(ORG1), UUID_C(user), UUID_C(of->connection), (long long)of->calendar, at(s, from_at),
        at(s, from_at + HOUR), event, UUID_C(ORG1), UUID_C(user), at(s, from_at), at(s, from_at),
        at(s, from_at + HOUR), expires);
}

/* ---- asking ---------------------------------------------------------------------------------- */

const struct json *ask(struct scene *s, const struct asked_for *q)
{
    struct message_caller caller = {.role = MESSAGE_ROLE_USER, .request_id = uuid_random()};
    struct message_freebusy m = {.time_min = q->from_at, .time_max = q->to_at};
    struct freebusy_answer answer = {0};
    struct str address = str_c(q->address);
    const struct json *tree = NULL;

    MESSAGE_SET(caller, &caller, user, q->asker);
    if (q->organization != NULL) {
        MESSAGE_SET(freebusy, &m, organization, *q->organization);
    }
    if (q->user_count > 0) {
        MESSAGE_SET(freebusy, &m, users, (struct message_uuids){q->users, q->user_count});
    }
    if (q->address != NULL) {
        MESSAGE_SET(freebusy, &m, addresses, (struct message_strs){&address, 1});
    }
    buf_init(&answer.body, 256 * 1024);
    freebusy_answer(&s->fb, &caller, &m, co_after(q->ms > 0 ? q->ms : 10000), &s->arena, &answer);
    s->status = answer.status;
    assert_int_equal(json_parse(&s->arena, buf_str(&answer.body), &tree, NULL), ERR_OK);
    buf_fini(&answer.body);
    return tree;
}

const struct json *ask_day(struct scene *s, struct uuid asker, struct uuid user)
{
    const struct json *answer = ask(s, &(struct asked_for){.asker = asker,
                                                           .organization = &ORG1,
                                                           .users = &user,
                                                           .user_count = 1,
                                                           .from_at = s->base,
                                                           .to_at = s->base + DAY});
    assert_int_equal(s->status, 200);
    return json_get(answer, "people")->first;
}

void settle(struct scene *s)
{
    for (int i = 0; i < 400 && s->group.count > 0; i++) {
        assert_int_equal(co_sleep(5, NULL), ERR_OK);
    }
    assert_int_equal(s->group.count, 0);
}

size_t busy_count(const struct json *person)
{
    const struct json *busy = json_get(person, "busy");
    assert_non_null(busy);
    assert_int_equal(busy->kind, JSON_ARRAY);
    return busy->count;
}

bool is_null(const struct json *person, const char *key)
{
    return json_get(person, key)->kind == JSON_NULL;
}

struct str source_of(const struct json *person)
{
    return json_str_or_empty(json_get(person, "sources")->first, "source");
}

bool has_error(const struct json *person, const char *code)
{
    json_foreach(error, json_get(person, "errors"))
    {
        if (str_eq_c(json_str_or_empty(error, "code"), code)) {
            return true;
        }
    }
    return false;
}

bool is_complete(const struct json *person)
{
    bool complete = true;
    assert_true(json_get_bool(person, "complete", &complete));
    return complete;
}
