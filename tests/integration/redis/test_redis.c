/* The commands, against a real Redis. */
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants setjmp.h and stdarg.h first */
#include <cmocka.h>

#define SOON co_after(5000)

static struct server server;
static struct redis_client *client;
static struct arena arena;

static void with_client(void *arg)
{
    co_entry_fn *body = arg;
    client = client_of(&server, 5000);
    arena_init(&arena);
    (*body)(NULL);
    arena_fini(&arena);
    client = redis_client_free(client, SOON);
}

static void check(co_entry_fn body)
{
    run(with_client, &body);
}

static void set(struct str key, struct str value)
{
    struct err err;
    assert_int_equal(redis_set(client, SOON, key, value, 0, REDIS_SET_ALWAYS, NULL, &err), ERR_OK);
}

static struct str get(struct str key)
{
    struct str value;
    struct err err;
    assert_int_equal(redis_get(client, &arena, SOON, key, &value, &err), ERR_OK);
    return value;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void values(void *arg UNUSED)
{
    struct err err;
    bool was_set = true;
    int64_t count = 0;

    set(STR("a"), STR("one"));
    set(STR("bin\0ary\r\n"), STR("\0\r\n\xff"));
    set(STR("empty"), STR(""));
    assert_true(str_eq(get(STR("a")), STR("one")));
    assert_true(str_eq(get(STR("bin\0ary\r\n")), STR("\0\r\n\xff")));
    assert_non_null(get(STR("empty")).ptr);
    assert_int_equal(get(STR("empty")).len, 0);
    assert_null(get(STR("absent")).ptr);

    struct str found[3];
    assert_int_equal(redis_mget(client, &arena, SOON, 3,
                                (struct str[]){STR("empty"), STR("absent"), STR("a")}, found, &err),
                     ERR_OK);
    assert_true(found[0].ptr != NULL && found[0].len == 0);
    assert_null(found[1].ptr);
    assert_true(str_eq(found[2], STR("one")));

    assert_int_equal(
        redis_set(client, SOON, STR("a"), STR("two"), 60000, REDIS_SET_IF_ABSENT, &was_set, &err),
        ERR_OK);
    assert_false(was_set);
    assert_int_equal(
        redis_set(client, SOON, STR("lease"), STR("me"), 50, REDIS_SET_IF_ABSENT, &was_set, &err),
        ERR_OK);
    assert_true(was_set);
    assert_int_equal(co_sleep(120, &err), ERR_OK);
    assert_null(get(STR("lease")).ptr); /* its time was in milliseconds */

    assert_int_equal(redis_del(client, SOON, 3,
                               (struct str[]){STR("a"), STR("empty"), STR("absent")}, &count, &err),
                     ERR_OK);
    assert_int_equal(count, 2);
    assert_null(get(STR("a")).ptr);
    assert_true(redis_healthy(client));
}

static void test_values_are_stored_found_expired_and_deleted(void **state UNUSED)
{
    check(values);
}

#define BIG_BYTES ((size_t)8 * 1024 * 1024)

static void big(void *arg UNUSED)
{
    struct err err;
    struct redis_reply reply;
    char *bytes = xmalloc(BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++) {
        bytes[i] = (char)(i * 31 + i / 4096);
    }
    set(STR("big"), (struct str){bytes, BIG_BYTES});
    assert_true(str_eq(get(STR("big")), (struct str){bytes, BIG_BYTES}));
    free(bytes);

    /* Over 16 MiB, in one text and in many: refused, and the client goes on. */
    assert_int_equal(
        redis_command(client, &arena, SOON, &reply, &err, 4,
                      (struct str[]){STR("SETRANGE"), STR("big"), STR("20000000"), STR("x")}),
        ERR_OK);
    struct str value;
    assert_int_equal(redis_get(client, &arena, SOON, STR("big"), &value, &err), ERR_TOO_BIG);
    assert_int_equal(
        redis_command(client, &arena, SOON, &reply, &err, 5,
                      (struct str[]){STR("MGET"), STR("big"), STR("big"), STR("a"), STR("b")}),
        ERR_TOO_BIG);
    await_health(client, true);
    set(STR("big"), STR("small"));
    assert_true(str_eq(get(STR("big")), STR("small")));
}

static void test_big_values_pass_up_to_the_maximum(void **state UNUSED)
{
    check(big);
}

/* ---- replies and refusals -------------------------------------------------------------------- */

static void refusals(void *arg UNUSED)
{
    struct err err;
    struct redis_reply reply = {0};

    set(STR("text"), STR("not a number"));
    assert_int_equal(redis_command(client, &arena, SOON, &reply, &err, 3,
                                   (struct str[]){STR("LPUSH"), STR("text"), STR("x")}),
                     ERR_INVALID);
    assert_non_null(strstr(err.text, "WRONGTYPE"));
    assert_int_equal(redis_command(client, &arena, SOON, &reply, &err, 2,
                                   (struct str[]){STR("NOSUCHCOMMAND"), STR("planted-secret")}),
                     ERR_INVALID);
    assert_null(strstr(err.text, "planted")); /* the server quotes the arguments */
    assert_int_equal(reply.kind, REDIS_NIL);  /* untouched */

    static const char script[] = "return {1, {'two', {3}}, redis.error_reply('OOPS planted'), "
                                 "false, redis.status_reply('FINE')}";
    assert_int_equal(redis_command(client, &arena, SOON, &reply, &err, 3,
                                   (struct str[]){STR("EVAL"), str_c(script), STR("0")}),
                     ERR_OK);
    assert_int_equal(reply.kind, REDIS_ARRAY);
    assert_int_equal(reply.count, 5);
    assert_int_equal(reply.items[0].integer, 1);
    assert_true(str_eq(reply.items[1].items[0].str, STR("two")));
    assert_int_equal(reply.items[1].items[1].items[0].integer, 3);
    assert_int_equal(reply.items[2].kind, REDIS_ERROR);
    assert_true(str_eq(reply.items[2].str, STR("OOPS")));
    assert_int_equal(reply.items[3].kind, REDIS_NIL);
    assert_true(str_eq(reply.items[4].str, STR("FINE")));
}

static void test_refusals_are_told_by_code_and_without_arguments(void **state UNUSED)
{
    check(refusals);
}

static struct redis_script add = {.text =
                                      "return redis.call('INCRBY', KEYS[1], tonumber(ARGV[1]))"};

static void scripts(void *arg UNUSED)
{
    struct err err;
    struct redis_reply reply;
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(redis_eval(client, &arena, SOON, &add, 1, (struct str[]){STR("sum")}, 1,
                                    (struct str[]){STR("5")}, &reply, &err),
                         ERR_OK);
        assert_int_equal(reply.integer, 5 * i);
        assert_int_equal(strlen(add.sha), 40);
        /* The next run finds a server that has lost it. */
        assert_int_equal(redis_command(client, &arena, SOON, &reply, &err, 2,
                                       (struct str[]){STR("SCRIPT"), STR("FLUSH")}),
                         ERR_OK);
    }
}

static void test_a_script_is_loaded_where_the_server_has_it_not(void **state UNUSED)
{
    check(scripts);
}

/* ---- many at once ---------------------------------------------------------------------------- */

#define CALLS 1000

static int answered;

static void one_of_many(void *arg)
{
    CLEANUP(arena_fini) struct arena own;
    struct redis_reply reply;
    struct err err;
    int number = (int)(intptr_t)arg;

    arena_init(&own);
    struct str text = arena_strf(&own, "call %d", number);
    assert_int_equal(
        redis_command(client, &own, SOON, &reply, &err, 2, (struct str[]){STR("ECHO"), text}),
        ERR_OK);
    assert_true(str_eq(reply.str, text));
    answered++;
}

static void many(void *arg UNUSED)
{
    struct co_group group;
    answered = 0;
    co_group_init(&group, co_loop_current());
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(co_spawn(&group, "call", one_of_many, (void *)(intptr_t)i, NULL), ERR_OK);
    }
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    assert_int_equal(answered, CALLS);
}

static void test_a_thousand_calls_share_the_connection(void **state UNUSED)
{
    check(many);
}

static void many_through_few(void *arg UNUSED)
{
    struct err err;
    assert_int_equal(
        redis_client_new(
            co_loop_current(),
            &(struct redis_opts){.host = "localhost", .port = server.port, .max_in_flight = 7},
            &client, &err),
        ERR_OK);
    many(NULL);
    client = redis_client_free(client, SOON);
}

static void test_calls_wait_for_a_place(void **state UNUSED)
{
    run(many_through_few, NULL);
}

/* ---- close ----------------------------------------------------------------------------------- */

struct sleeper {
    const char *seconds;
    enum err_code code;
};

static void server_sleeps(void *arg)
{
    CLEANUP(arena_fini) struct arena own;
    struct sleeper *s = arg;
    struct redis_reply reply;
    arena_init(&own);
    s->code = redis_command(client, &own, SOON, &reply, NULL, 3,
                            (struct str[]){STR("DEBUG"), STR("SLEEP"), str_c(s->seconds)});
}

static void late_caller(void *arg)
{
    struct str value;
    CLEANUP(arena_fini) struct arena own;
    arena_init(&own);
    assert_int_equal(co_sleep(20, NULL), ERR_OK);
    *(enum err_code *)arg = redis_get(client, &own, SOON, STR("a"), &value, NULL);
}

static void drain_with(struct sleeper *s, int64_t deadline, enum err_code *late)
{
    struct co_group group;
    client = client_of(&server, 5000);
    co_group_init(&group, co_loop_current());
    assert_int_equal(co_spawn(&group, "sleeps", server_sleeps, s, NULL), ERR_OK);
    assert_int_equal(co_spawn(&group, "late", late_caller, late, NULL), ERR_OK);
    assert_int_equal(co_sleep(10, NULL), ERR_OK);
    IGNORE(redis_client_free(client, deadline) != NULL);
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    client = NULL;
}

static void closing(void *arg UNUSED)
{
    struct sleeper short_one = {.seconds = "0.15"};
    enum err_code late = ERR_OK;
    drain_with(&short_one, SOON, &late);
    assert_int_equal(short_one.code, ERR_OK);
    assert_int_equal(late, ERR_CLOSED);
}

static void test_close_lets_calls_end_and_refuses_new_ones(void **state UNUSED)
{
    run(closing, NULL);
}

static int start_server(void **state UNUSED)
{
    server.port = server_free_port();
    server_start(&server);
    return 0;
}

static int stop_server(void **state UNUSED)
{
    server_kill(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_stored_found_expired_and_deleted),
        cmocka_unit_test(test_big_values_pass_up_to_the_maximum),
        cmocka_unit_test(test_refusals_are_told_by_code_and_without_arguments),
        cmocka_unit_test(test_a_script_is_loaded_where_the_server_has_it_not),
        cmocka_unit_test(test_a_thousand_calls_share_the_connection),
        cmocka_unit_test(test_calls_wait_for_a_place),
        cmocka_unit_test(test_close_lets_calls_end_and_refuses_new_ones),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
