/* Every field of every body: what is refused, with which code, and what becomes of what is good. */
#include "messages/topics.h"
#include "question.h"
#include "ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define NOW INT64_C(1800000000000)
#define USER "11111111-2222-4333-8444-555555555555"
#define A "aaaaaaaa-2222-4333-8444-555555555555"
#define B "bbbbbbbb-2222-4333-8444-555555555555"
#define WINDOW "\"time_min\":\"2026-05-01T00:00:00Z\",\"time_max\":\"2026-05-08T00:00:00Z\""
#define CREATE                                                                                     \
    "\"action\":\"create\",\"title\":\"t\",\"start_at\":\"2026-05-01T09:00:00Z\",\"idempotency_"   \
    "key\":\"k\""
#define CHANGE "\"action\":\"change\",\"meeting_id\":\"" A "\",\"idempotency_key\":\"k\""
#define APP "https://app.example.org/calendar"

struct world {
    struct arena arena;
    struct message_caller caller;
    struct crypto_keyring ring;
    struct asked asked;
    struct question q;
    struct refusal refusal;
};

static const struct str return_urls[] = {{APP, sizeof APP - 1}};

static void world_open(struct world *w)
{
    memset(w, 0, sizeof *w);
    arena_init(&w->arena);
    w->caller.role = MESSAGE_ROLE_USER;
    w->ring = (struct crypto_keyring){.count = 1, .keys = {{.id = 3}}};
    assert_true(uuid_parse(STR(USER), &w->caller.user));
    w->asked = (struct asked){
        .caller = &w->caller,
        .return_urls = return_urls,
        .return_url_count = 1,
        .bus_keys = &w->ring,
        .now_at = NOW,
        .arena = &w->arena,
    };
    assert_true(uuid_parse(STR(B), &w->asked.id));
}

static bool ask(struct world *w, question_fn fn, struct str body)
{
    w->asked.body = body;
    return fn(&w->asked, &w->q, &w->refusal);
}

/* ---- what is refused ----------------------------------------------------------------------- */

static const struct refused {
    question_fn fn;
    const char *body;
    const char *code;
} refused[] = {
    {question_freebusy, "", "invalid_json"},
    {question_freebusy, "[]", "invalid_json"},
    {question_freebusy, "{" WINDOW, "invalid_json"},
    {question_freebusy, "{\"users\":[\"" A "\"],\"users\":[]," WINDOW "}", "invalid_json"},
    {question_freebusy, "{\"addresses\":[\"\xff@b.c\"]," WINDOW "}", "invalid_json"},
    {question_freebusy, "{\"users\":[\"" A "\"]," WINDOW ",\"more\":1}", "unknown_field"},
    {question_freebusy, "{" WINDOW "}", "missing_field"},
    {question_freebusy, "{\"users\":[]," WINDOW "}", "missing_field"},
    {question_freebusy, "{\"users\":\"" A "\"," WINDOW "}", "invalid_field"},
    {question_freebusy, "{\"users\":[1]," WINDOW "}", "invalid_field"},
    {question_freebusy, "{\"users\":[\"x\"]," WINDOW "}", "invalid_field"},
    {question_freebusy, "{\"users\":null," WINDOW "}", "invalid_field"},
    {question_freebusy, "{\"addresses\":[\"nobody\"]," WINDOW "}", "invalid_field"},
    {question_freebusy, "{\"addresses\":[\"a@b@c\"]," WINDOW "}", "invalid_field"},
    {question_freebusy, "{\"addresses\":[\"a b@c\"]," WINDOW "}", "invalid_field"},
    {question_freebusy, "{\"addresses\":[\"a@\"]," WINDOW "}", "invalid_field"},
    {question_freebusy, "{\"addresses\":[\"\"]," WINDOW "}", "invalid_field"},
    {question_freebusy, "{\"organization_id\":\"x\",\"users\":[\"" A "\"]," WINDOW "}",
     "invalid_field"},
    {question_freebusy, "{\"users\":[\"" A "\"],\"time_min\":\"2026-05-01T00:00:00Z\"}",
     "missing_field"},
    {question_freebusy,
     "{\"users\":[\"" A "\"],\"time_min\":1,\"time_max\":\"2026-05-01T00:00:00Z\"}",
     "invalid_field"},
    {question_freebusy,
     "{\"users\":[\"" A "\"],\"time_min\":\"tomorrow\",\"time_max\":\"2026-05-01T00:00:00Z\"}",
     "invalid_field"},
    {question_freebusy,
     "{\"users\":[\"" A
     "\"],\"time_min\":\"2026-05-01T00:00:00Z\",\"time_max\":\"2026-05-01T00:00:00Z\"}",
     "invalid_window"},
    {question_freebusy,
     "{\"users\":[\"" A
     "\"],\"time_min\":\"2026-05-01T00:00:00Z\",\"time_max\":\"2027-05-02T00:00:01Z\"}",
     "window_too_long"},

    {question_schedule, "{}", "missing_field"},
    {question_schedule, "{\"action\":1}", "invalid_field"},
    {question_schedule, "{\"action\":\"move\"}", "invalid_field"},
    {question_schedule, "{\"action\":\"create\"}", "missing_field"},
    {question_schedule, "{" CREATE ",\"meeting_id\":\"" A "\"}", "unknown_field"},
    {question_schedule, "{" CREATE ",\"organization_id\":7}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"connection_id\":\"x\"}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"calendar_id\":0}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"calendar_id\":1.5}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"calendar_id\":\"1\"}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"description\":[]}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"location\":{}}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"end_at\":\"2026-05-01T09:00:00Z\"}", "invalid_window"},
    {question_schedule, "{" CREATE ",\"end_at\":\"2028-05-01T09:00:00Z\"}", "window_too_long"},
    {question_schedule, "{" CREATE ",\"end_at\":\"2026-05-01\"}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"zone\":\"../etc\"}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"zone\":\"\"}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"attendee_addresses\":[\"x\"]}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"attendee_users\":[\"x\"]}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"notify_attendees\":\"yes\"}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"conference\":1}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"allow_overlap\":null}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"recurrence\":[\"FREQ=DAILY\"]}", "invalid_field"},
    {question_schedule, "{" CREATE ",\"recurrence\":[\"RRULE:FREQ=DAILY\\nRRULE:X\"]}",
     "invalid_field"},
    {question_schedule,
     "{\"action\":\"create\",\"title\":\" \",\"start_at\":\"2026-05-01T09:00:00Z\",\"idempotency_"
     "key\":\"k\"}",
     "invalid_field"},
    {question_schedule,
     "{\"action\":\"create\",\"title\":\"t\",\"start_at\":\"2026-05-01T09:00:00Z\"}",
     "missing_field"},
    {question_schedule,
     "{\"action\":\"create\",\"title\":\"t\",\"start_at\":\"2026-05-01T09:00:00Z\",\"idempotency_"
     "key\":\"a b\"}",
     "invalid_field"},
    {question_schedule, "{" CHANGE "}", "missing_field"},
    {question_schedule, "{" CHANGE ",\"title\":\"\"}", "invalid_field"},
    {question_schedule, "{" CHANGE ",\"conference\":true}", "unknown_field"},
    {question_schedule,
     "{" CHANGE ",\"start_at\":\"2026-05-01T09:00:00Z\",\"end_at\":\"2026-05-01T08:00:00Z\"}",
     "invalid_window"},
    {question_schedule, "{\"action\":\"change\",\"title\":\"t\",\"idempotency_key\":\"k\"}",
     "missing_field"},
    {question_schedule, "{\"action\":\"cancel\"}", "missing_field"},
    {question_schedule, "{\"action\":\"cancel\",\"meeting_id\":\"" A "\",\"title\":\"t\"}",
     "unknown_field"},

    {question_sync_now, "{\"mode\":\"connection\"}", "missing_field"},
    {question_sync_now, "{\"mode\":\"connection\",\"connection_id\":\"x\"}", "invalid_field"},
    {question_sync_now, "{\"mode\":\"connection\",\"connection_id\":\"" A "\",\"x\":1}",
     "unknown_field"},

    {question_oauth_start, "{}", "missing_field"},
    {question_oauth_start, "{\"provider\":\"caldav\"}", "unsupported_provider"},
    {question_oauth_start, "{\"provider\":\"google\",\"organization_id\":\"x\"}", "invalid_field"},
    {question_oauth_start, "{\"provider\":\"google\",\"return_to\":\"https://evil.example\"}",
     "invalid_field"},
    {question_oauth_start, "{\"provider\":\"google\",\"return_to\":\"" APP "/x\"}",
     "invalid_field"},
    {question_oauth_start, "{\"provider\":\"google\",\"login_hint\":\"me\"}", "invalid_field"},
    {question_oauth_start, "{\"provider\":\"google\",\"state\":\"x\"}", "unknown_field"},

    {question_oauth_exchange, "{}", "missing_field"},
    {question_oauth_exchange, "{\"ticket\":7}", "invalid_field"},
    {question_oauth_exchange, "{\"ticket\":\"v1.3.AAAA\"}", "invalid_ticket"},
    {question_oauth_exchange, "{\"ticket\":\"x\",\"code\":\"y\"}", "unknown_field"},

    {question_connection_patch, "{}", "missing_field"},
    {question_connection_patch, "{\"sync_enabled\":0}", "invalid_field"},
    {question_connection_patch, "{\"conflict_policy\":\"mine\"}", "invalid_field"},
    {question_connection_patch, "{\"calendars\":{}}", "invalid_field"},
    {question_connection_patch, "{\"calendars\":[1]}", "invalid_field"},
    {question_connection_patch, "{\"calendars\":[{\"synced\":true}]}", "missing_field"},
    {question_connection_patch, "{\"calendars\":[{\"id\":-1}]}", "invalid_field"},
    {question_connection_patch, "{\"calendars\":[{\"id\":1,\"synced\":\"no\"}]}", "invalid_field"},
    {question_connection_patch, "{\"calendars\":[{\"id\":1,\"colour\":1}]}", "unknown_field"},
    {question_connection_patch, "{\"user_id\":\"" A "\"}", "unknown_field"},
};

static void test_refused(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct world w;
        world_open(&w);
        bool good = ask(&w, refused[i].fn, str_c(refused[i].body));
        if (good || strcmp(w.refusal.code, refused[i].code) != 0) {
            fail_msg("%s: %s, wanted %s", refused[i].body, good ? "taken" : w.refusal.code,
                     refused[i].code);
        }
        assert_int_equal(w.refusal.status, 400);
        assert_true(strlen(w.refusal.text) > 10);
        arena_fini(&w.arena);
    }
}

/* ---- what is too much ---------------------------------------------------------------------- */

static void long_member(struct buf *out, const char *before, const char *name, size_t len)
{
    buf_add_f(out, "{%s,\"%s\":\"", before, name);
    for (size_t i = 0; i < len; i++) {
        buf_add_char(out, 'x');
    }
    buf_add_c(out, "\"}");
}

static void test_lengths(void **state UNUSED)
{
    static const struct {
        const char *name;
        size_t max;
    } fields[] = {{"description", 8192}, {"location", 1024}, {"zone", 64}};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        for (size_t over = 0; over < 2; over++) {
            struct buf body CLEANUP(buf_fini);
            struct world w;
            buf_init(&body, 65536);
            world_open(&w);
            long_member(&body, CREATE, fields[i].name, fields[i].max + over);
            assert_int_equal(ask(&w, question_schedule, buf_str(&body)), over == 0);
            if (over == 1) {
                assert_string_equal(w.refusal.code, "too_long");
            }
            arena_fini(&w.arena);
        }
    }
}

static void people(struct buf *body, int users, int addresses)
{
    buf_add_c(body, "{" WINDOW ",\"users\":[");
    for (int i = 0; i < users; i++) {
        buf_add_f(body, "%s\"%08x-2222-4333-8444-555555555555\"", i > 0 ? "," : "", (unsigned)i);
    }
    buf_add_c(body, "],\"addresses\":[");
    for (int i = 0; i < addresses; i++) {
        buf_add_f(body, "%s\"u%d@example.org\"", i > 0 ? "," : "", i);
    }
    buf_add_c(body, "]}");
}

static void test_people(void **state UNUSED)
{
    static const struct {
        int users;
        int addresses;
        bool good;
    } cases[] = {{50, 0, true}, {51, 0, false}, {0, 51, false}, {25, 25, true}, {26, 25, false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf body CLEANUP(buf_fini);
        struct world w;
        buf_init(&body, 65536);
        world_open(&w);
        people(&body, cases[i].users, cases[i].addresses);
        assert_int_equal(ask(&w, question_freebusy, buf_str(&body)), cases[i].good);
        if (!cases[i].good) {
            assert_string_equal(w.refusal.code, "too_many");
        }
        arena_fini(&w.arena);
    }
}

/* ---- what becomes of it -------------------------------------------------------------------- */

static void test_equal_questions_meet(void **state UNUSED)
{
    struct message_freebusy m;
    struct world w;
    struct str key;
    world_open(&w);
    assert_true(ask(&w, question_freebusy,
                    STR("{\"users\":[\"" B "\",\"" A "\",\"" B
                        "\"],\"addresses\":[\"Z@x.org\",\"a@x.org\"]," WINDOW "}")));
    key = w.q.key;
    assert_string_equal(w.q.topic, TOPIC_FREEBUSY);
    assert_int_equal(key.len, 16);
    assert_int_equal(message_decode(MESSAGE_freebusy, w.q.payload, &w.arena, &m, NULL), ERR_OK);
    assert_int_equal(m.users.len, 2);
    assert_string_equal(UUID_C(m.users.ptr[0]), A);
    assert_true(str_eq_c(m.addresses.ptr[1], "z@x.org"));
    assert_int_equal(m.time_max - m.time_min, 7 * 86400000);
    assert_true(ask(&w, question_freebusy,
                    STR("{\"users\":[\"" A "\",\"" B
                        "\"],\"addresses\":[\"A@x.org\",\"z@x.org\"]," WINDOW "}")));
    assert_true(str_eq(key, w.q.key));
    assert_true(ask(&w, question_freebusy, STR("{\"users\":[\"" A "\"]," WINDOW "}")));
    assert_false(str_eq(key, w.q.key));
    arena_fini(&w.arena);
}

static void test_meeting(void **state UNUSED)
{
    struct message_schedule_create m;
    struct uuid connection;
    struct world w;
    world_open(&w);
    assert_true(uuid_parse(STR(A), &connection));
    assert_true(ask(&w, question_schedule,
                    STR("{" CREATE ",\"connection_id\":\"" A
                        "\",\"calendar_id\":7,\"end_at\":\"2026-05-01T10:00:00Z\",\"zone\":"
                        "\"Europe/Berlin\",\"attendee_addresses\":[\"a@x.org\"],\"conference\":"
                        "true,\"recurrence\":[\"RRULE:FREQ=DAILY;COUNT=2\"]}")));
    assert_string_equal(w.q.topic, TOPIC_SCHEDULE);
    assert_true(str_eq(w.q.key, uuid_bytes(&connection)));
    assert_int_equal(message_decode(MESSAGE_schedule_create, w.q.payload, &w.arena, &m, NULL),
                     ERR_OK);
    assert_true(str_eq_c(m.idempotency_key, "k"));
    assert_int_equal(m.calendar, 7);
    assert_int_equal(m.end_at - m.start_at, 3600000);
    assert_true(str_eq_c(m.zone, "Europe/Berlin"));
    assert_true(m.conference);
    assert_int_equal(m.recurrence.len, 1);
    assert_false(MESSAGE_HAS(schedule_create, &m, allow_overlap));
    assert_true(ask(&w, question_schedule, STR("{" CREATE "}")));
    assert_true(str_eq(w.q.key, uuid_bytes(&w.caller.user)));
    arena_fini(&w.arena);
}

static void test_idempotency_key_by_header(void **state UNUSED)
{
    struct message_schedule_change m;
    struct world w;
    world_open(&w);
    w.asked.idempotency_key = STR("other");
    assert_false(ask(&w, question_schedule, STR("{" CREATE "}")));
    assert_string_equal(w.refusal.code, "invalid_field");
    assert_true(ask(&w, question_schedule,
                    STR("{\"action\":\"change\",\"meeting_id\":\"" A "\",\"title\":\"t\"}")));
    assert_int_equal(message_decode(MESSAGE_schedule_change, w.q.payload, &w.arena, &m, NULL),
                     ERR_OK);
    assert_true(str_eq_c(m.idempotency_key, "other"));
    assert_false(MESSAGE_HAS(schedule_change, &m, start_at));
    arena_fini(&w.arena);
}

static void test_patch(void **state UNUSED)
{
    struct message_connection_patch m;
    struct world w;
    world_open(&w);
    assert_true(ask(&w, question_connection_patch,
                    STR("{\"sync_enabled\":false,\"calendars\":[{\"id\":4,\"synced\":true},{\"id\":"
                        "5,\"counts_as_busy\":false}]}")));
    assert_string_equal(w.q.topic, TOPIC_CONNECTIONS);
    assert_true(str_eq(w.q.key, uuid_bytes(&w.caller.user)));
    assert_int_equal(message_decode(MESSAGE_connection_patch, w.q.payload, &w.arena, &m, NULL),
                     ERR_OK);
    assert_string_equal(UUID_C(m.connection), B);
    assert_true(MESSAGE_HAS(connection_patch, &m, sync_enabled) && !m.sync_enabled);
    assert_int_equal(m.calendars.ptr[1], 5);
    assert_int_equal(m.synced.ptr[0], 1);
    assert_int_equal(m.synced.ptr[1], -1);
    assert_int_equal(m.counts_as_busy.ptr[0], -1);
    assert_int_equal(m.counts_as_busy.ptr[1], 0);
    arena_fini(&w.arena);
}

static void test_connections_of_one_organization(void **state UNUSED)
{
    struct message_connections_list m;
    struct world w;
    world_open(&w);
    w.asked.query = STR("organization_id=" A);
    assert_true(question_connections(&w.asked, &w.q, &w.refusal));
    assert_int_equal(message_decode(MESSAGE_connections_list, w.q.payload, &w.arena, &m, NULL),
                     ERR_OK);
    assert_string_equal(UUID_C(m.organization), A);
    w.asked.query = STR("organization_id=x");
    assert_false(question_connections(&w.asked, &w.q, &w.refusal));
    arena_fini(&w.arena);
}

static void test_ticket(void **state UNUSED)
{
    const struct ticket ticket = {STR("state"), STR("code/4"), STR("a b")};
    struct message_oauth_exchange m;
    struct buf sealed CLEANUP(buf_fini);
    struct world w;
    world_open(&w);
    buf_init(&sealed, 2 * TICKET_MAX_BYTES);
    ticket_seal(&w.ring, &ticket, NOW, &sealed);
    assert_true(str_find(buf_str(&sealed), STR("code/4")) == SIZE_MAX);
    struct str body = arena_strf(&w.arena, "{\"ticket\":\"%s\"}", buf_c(&sealed));

    w.asked.now_at = NOW + TICKET_LIFE_MS - 1;
    assert_true(ask(&w, question_oauth_exchange, body));
    assert_int_equal(message_decode(MESSAGE_oauth_exchange, w.q.payload, &w.arena, &m, NULL),
                     ERR_OK);
    assert_true(str_eq(m.state, ticket.state) && str_eq(m.code, ticket.code) &&
                str_eq(m.scope, ticket.scope));
    w.asked.now_at = NOW + TICKET_LIFE_MS;
    assert_false(ask(&w, question_oauth_exchange, body));
    assert_string_equal(w.refusal.code, "ticket_expired");
    w.asked.now_at = NOW;
    w.ring.keys[0].bytes[0] ^= 1;
    assert_false(ask(&w, question_oauth_exchange, body));
    assert_string_equal(w.refusal.code, "invalid_ticket");
    arena_fini(&w.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_people),  cmocka_unit_test(test_equal_questions_meet),
        cmocka_unit_test(test_meeting), cmocka_unit_test(test_idempotency_key_by_header),
        cmocka_unit_test(test_patch),   cmocka_unit_test(test_connections_of_one_organization),
        cmocka_unit_test(test_ticket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
