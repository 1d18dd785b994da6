/* What a client does when its Redis refuses, stalls, dies and comes back. */
#include "server.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants setjmp.h and stdarg.h first */
#include <cmocka.h>

#define SOON co_after(5000)
#define COMMAND_MS 800

static enum err_code get(struct redis_client *client, int64_t deadline, struct err *err)
{
    CLEANUP(arena_fini) struct arena own;
    struct str value;
    arena_init(&own);
    return redis_get(client, &own, deadline, STR("key"), &value, err);
}

static enum err_code set(struct redis_client *client, struct err *err)
{
    return redis_set(client, SOON, STR("key"), STR("value"), 0, REDIS_SET_ALWAYS, NULL, err);
}

/* The server's number for our connection. */
static int64_t connection_id(struct redis_client *client)
{
    CLEANUP(arena_fini) struct arena own;
    struct redis_reply reply;
    struct err err;
    arena_init(&own);
    assert_int_equal(redis_command(client, &own, SOON, &reply, &err, 2,
                                   (struct str[]){STR("CLIENT"), STR("ID")}),
                     ERR_OK);
    return reply.integer;
}

/* A call in a coroutine of its own. */
struct call {
    struct redis_client *client;
    bool again; /* a get, which may be sent again; else a set, which is not */
    int64_t deadline_ms;
    enum err_code code;
    struct err err;
    int64_t took_ms;
};

static void call(void *arg)
{
    struct call *c = arg;
    int64_t began = co_clock_ns();
    c->code =
        c->again ? get(c->client, co_after(c->deadline_ms), &c->err) : set(c->client, &c->err);
    c->took_ms = ms_since(began);
}

static void start(struct co_group *group, struct call *c)
{
    struct err err;
    assert_int_equal(co_spawn(group, "call", call, c, &err), ERR_OK);
}

/* ---- no server, wrong server ----------------------------------------------------------------- */

static void refused(void *arg UNUSED)
{
    struct server server = {.port = server_free_port()};
    struct redis_client *client = client_of(&server, COMMAND_MS);
    struct err err;
    int64_t began = co_clock_ns();

    assert_int_equal(set(client, &err), ERR_UNAVAILABLE);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_true(ms_since(began) < 300); /* told at once, not by a time-out */
    assert_false(redis_healthy(client));

    server_start(&server);
    await_health(client, true);
    assert_int_equal(set(client, &err), ERR_OK);
    redis_client_free(client, SOON);
    server_kill(&server);
}

static void test_a_refused_port_is_told_at_once_and_mended_later(void **state UNUSED)
{
    run(refused, NULL);
}

static void passwords(void *arg UNUSED)
{
    struct server server = {.port = server_free_port(), .password = "right"};
    struct err err;
    server_start(&server);
    struct server wrong = {.port = server.port, .password = "planted-wrong"};
    struct server none = {.port = server.port};

    struct redis_client *client = client_of(&wrong, COMMAND_MS);
    assert_int_equal(set(client, &err), ERR_CONFIG);
    assert_int_equal(err.act, ERR_ACT_CONFIG);
    assert_null(strstr(err.text, "planted"));
    redis_client_free(client, SOON);

    client = client_of(&none, COMMAND_MS);
    assert_int_equal(set(client, &err), ERR_CONFIG);
    redis_client_free(client, SOON);

    client = client_of(&server, COMMAND_MS);
    assert_int_equal(set(client, &err), ERR_OK);
    redis_client_free(client, SOON);
    server_kill(&server);
}

static void test_a_wrong_password_is_a_setting_to_mend(void **state UNUSED)
{
    run(passwords, NULL);
}

static struct redis_client *client_of_db(const struct server *server, const char *user, int db)
{
    struct redis_client *client = NULL;
    struct redis_opts opts = {.host = "127.0.0.1",
                              .port = server->port,
                              .user = user,
                              .password = user != NULL ? server->password : NULL,
                              .db = db};
    assert_int_equal(redis_client_new(co_loop_current(), &opts, &client, NULL), ERR_OK);
    return client;
}

static void databases(void *arg UNUSED)
{
    struct server server = {.port = server_free_port(), .password = "right"};
    struct err err;
    server_start(&server);
    struct redis_client *one = client_of_db(&server, "default", 1);
    struct redis_client *two = client_of_db(&server, "default", 2);
    struct redis_client *absent = client_of_db(&server, "default", 99);
    CLEANUP(arena_fini) struct arena own;
    struct str value;

    arena_init(&own);
    assert_int_equal(set(one, &err), ERR_OK);
    assert_int_equal(redis_get(two, &own, SOON, STR("key"), &value, &err), ERR_OK);
    assert_null(value.ptr);
    assert_int_equal(set(absent, &err), ERR_CONFIG);
    redis_client_free(one, SOON);
    redis_client_free(two, SOON);
    redis_client_free(absent, SOON);
    server_kill(&server);
}

static void test_the_database_is_selected_and_must_exist(void **state UNUSED)
{
    run(databases, NULL);
}

static void silent(void *arg UNUSED)
{
    /* Listens, and never says a word: the connection is made by the kernel. */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    struct server server = {.port = ntohs(address.sin_port)};
    struct redis_client *client = client_of(&server, COMMAND_MS);
    struct err err;
    int64_t began = co_clock_ns();

    assert_int_equal(get(client, co_after(100), &err), ERR_TIMEOUT); /* the call's own */
    assert_int_equal(set(client, &err), ERR_UNAVAILABLE);            /* the connection's */
    assert_true(ms_since(began) >= CONNECT_MS - 5 && ms_since(began) < COMMAND_MS);
    assert_false(redis_healthy(client));
    redis_client_free(client, SOON);
    close(fd);
}

static void test_a_server_that_never_speaks_is_unavailable(void **state UNUSED)
{
    run(silent, NULL);
}

/* ---- in mid-call ----------------------------------------------------------------------------- */

static void killed(void *arg UNUSED)
{
    struct server server = {.port = server_free_port()};
    server_start(&server);
    struct redis_client *client = client_of(&server, 3000);
    struct call once = {.client = client};
    struct call again = {.client = client, .again = true, .deadline_ms = 5000};
    struct co_group group;
    struct err err;

    assert_int_equal(set(client, &err), ERR_OK);
    co_group_init(&group, co_loop_current());
    assert_int_equal(kill(server.pid, SIGSTOP), 0); /* takes the commands, answers none */
    start(&group, &once);
    start(&group, &again);
    assert_int_equal(co_sleep(50, NULL), ERR_OK);
    server_kill(&server);
    server_start(&server); /* before the client has looked */
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    assert_int_equal(once.code, ERR_IO);
    assert_int_equal(once.err.act, ERR_ACT_RETRY);
    assert_int_equal(again.code, ERR_OK);
    assert_true(again.took_ms < 2500);
    assert_int_equal(set(client, &err), ERR_OK);
    redis_client_free(client, SOON);
    server_kill(&server);
}

static void
test_a_killed_server_fails_what_is_in_flight_and_repeats_what_may_be(void **state UNUSED)
{
    run(killed, NULL);
}

static void gone(void *arg UNUSED)
{
    struct server server = {.port = server_free_port()};
    server_start(&server);
    struct redis_client *client = client_of(&server, 3000);
    struct call again = {.client = client, .again = true, .deadline_ms = 2500};
    struct co_group group;
    struct err err;

    assert_int_equal(set(client, &err), ERR_OK);
    co_group_init(&group, co_loop_current());
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    start(&group, &again);
    assert_int_equal(co_sleep(50, NULL), ERR_OK);
    server_kill(&server);
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    assert_int_equal(again.code, ERR_UNAVAILABLE); /* it was tried again, and there is none */
    assert_true(again.took_ms < 1000);
    await_health(client, false);
    server_start(&server);
    await_health(client, true);
    redis_client_free(client, SOON);
    server_kill(&server);
}

static void test_a_server_that_stays_away_is_unavailable(void **state UNUSED)
{
    run(gone, NULL);
}

static void stalled(void *arg UNUSED)
{
    struct server server = {.port = server_free_port()};
    server_start(&server);
    struct redis_client *client = client_of(&server, COMMAND_MS);
    struct call patient = {.client = client};
    struct call impatient = {.client = client, .again = true, .deadline_ms = 50};
    struct co_group group;
    struct err err;

    assert_int_equal(set(client, &err), ERR_OK);
    int64_t id = connection_id(client);
    co_group_init(&group, co_loop_current());

    /* A short stall: who cannot wait gets a time-out, the connection and the others live on. */
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    start(&group, &impatient);
    start(&group, &patient);
    assert_int_equal(co_sleep(150, NULL), ERR_OK);
    assert_int_equal(impatient.code, ERR_TIMEOUT);
    assert_true(impatient.took_ms >= 45 && impatient.took_ms < 400);
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    assert_int_equal(patient.code, ERR_OK);
    assert_int_equal(connection_id(client), id);

    /* A long one: time-out at the bound, and the connection is given up. */
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    start(&group, &patient);
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    assert_int_equal(patient.code, ERR_TIMEOUT);
    assert_true(patient.took_ms >= COMMAND_MS - 5 && patient.took_ms < COMMAND_MS + 1000);
    assert_false(redis_healthy(client));
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    await_health(client, true);
    assert_true(connection_id(client) != id);
    redis_client_free(client, SOON);
    server_kill(&server);
}

static void test_a_stalled_server_is_a_time_out_and_then_a_new_connection(void **state UNUSED)
{
    run(stalled, NULL);
}

static void crowded(void *arg UNUSED)
{
    struct server server = {.port = server_free_port()};
    server_start(&server);
    struct redis_client *client = NULL;
    struct redis_opts opts = {.host = "127.0.0.1",
                              .port = server.port,
                              .command_timeout_ms = COMMAND_MS,
                              .max_in_flight = 2};
    struct call calls[5];
    struct co_group group;

    assert_int_equal(redis_client_new(co_loop_current(), &opts, &client, NULL), ERR_OK);
    await_health(client, true);
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    co_group_init(&group, co_loop_current());
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        calls[i] = (struct call){.client = client, .again = true, .deadline_ms = 100};
        start(&group, &calls[i]);
    }
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        assert_int_equal(calls[i].code, ERR_TIMEOUT); /* in flight or waiting for a place */
    }
    /* Both places are held by calls that gave up: the next one finds the stall and ends it. */
    assert_int_equal(co_sleep(COMMAND_MS, NULL), ERR_OK);
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    struct err err;
    assert_int_equal(set(client, &err), ERR_OK);
    redis_client_free(client, SOON);
    server_kill(&server);
}

static void test_places_come_back_after_a_stall(void **state UNUSED)
{
    run(crowded, NULL);
}

static void cancelled(void *arg UNUSED)
{
    struct server server = {.port = server_free_port()};
    server_start(&server);
    struct redis_client *client = client_of(&server, 3000);
    struct call victim = {.client = client, .again = true, .deadline_ms = 3000};
    struct call other = {.client = client};
    struct co_group doomed;
    struct co_group group;

    await_health(client, true);
    int64_t id = connection_id(client);
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    co_group_init(&doomed, co_loop_current());
    co_group_init(&group, co_loop_current());
    start(&doomed, &victim);
    start(&group, &other);
    assert_int_equal(co_sleep(20, NULL), ERR_OK);
    co_group_fini(&doomed);
    assert_int_equal(victim.code, ERR_CANCELED);
    assert_int_equal(kill(server.pid, SIGCONT), 0);
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    assert_int_equal(other.code, ERR_OK);

    /* Cancelled before it began: it is the one that would have written for both. */
    co_group_init(&doomed, co_loop_current());
    start(&doomed, &victim);
    start(&group, &other);
    co_group_fini(&doomed);
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    assert_int_equal(victim.code, ERR_CANCELED);
    assert_int_equal(other.code, ERR_OK);
    assert_int_equal(connection_id(client), id);
    redis_client_free(client, SOON);
    server_kill(&server);
}

static void test_a_cancelled_call_leaves_the_others_alone(void **state UNUSED)
{
    run(cancelled, NULL);
}

static void cut_short(void *arg UNUSED)
{
    struct server server = {.port = server_free_port()};
    server_start(&server);
    struct redis_client *client = client_of(&server, 3000);
    struct call caller = {.client = client};
    struct co_group group;

    await_health(client, true);
    assert_int_equal(kill(server.pid, SIGSTOP), 0);
    co_group_init(&group, co_loop_current());
    start(&group, &caller);
    assert_int_equal(co_sleep(20, NULL), ERR_OK);
    int64_t began = co_clock_ns();
    redis_client_free(client, co_after(100));
    assert_true(ms_since(began) >= 95 && ms_since(began) < 1000);
    assert_int_equal(co_group_join(&group, SOON, NULL), ERR_OK);
    assert_int_equal(caller.code, ERR_IO);
    server_kill(&server);
}

static void test_close_does_not_wait_past_its_deadline(void **state UNUSED)
{
    run(cut_short, NULL);
}

static void demoted(void *arg UNUSED)
{
    struct server server = {.port = server_free_port()};
    server_start(&server);
    struct redis_client *client = client_of(&server, 3000);
    CLEANUP(arena_fini) struct arena own;
    struct redis_reply reply;
    struct err err;

    arena_init(&own);
    int64_t id = connection_id(client);
    assert_int_equal(redis_command(client, &own, SOON, &reply, &err, 3,
                                   (struct str[]){STR("REPLICAOF"), STR("127.0.0.1"), STR("1")}),
                     ERR_OK);
    assert_int_equal(set(client, &err), ERR_UNAVAILABLE); /* READONLY */
    assert_int_equal(err.act, ERR_ACT_RETRY);
    await_health(client, true);
    assert_true(connection_id(client) != id); /* the name may lead to another server by now */
    redis_client_free(client, SOON);
    server_kill(&server);
}

static void test_a_replica_is_left(void **state UNUSED)
{
    run(demoted, NULL);
}

static void missing_host(void *arg UNUSED)
{
    struct redis_client *client = NULL;
    struct err err;
    assert_int_equal(
        redis_client_new(co_loop_current(), &(struct redis_opts){.host = ""}, &client, &err),
        ERR_CONFIG);
    assert_null(redis_client_free(NULL, 0));
}

static void test_a_host_must_be_set(void **state UNUSED)
{
    run(missing_host, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_refused_port_is_told_at_once_and_mended_later),
        cmocka_unit_test(test_a_wrong_password_is_a_setting_to_mend),
        cmocka_unit_test(test_the_database_is_selected_and_must_exist),
        cmocka_unit_test(test_a_server_that_never_speaks_is_unavailable),
        cmocka_unit_test(test_a_killed_server_fails_what_is_in_flight_and_repeats_what_may_be),
        cmocka_unit_test(test_a_server_that_stays_away_is_unavailable),
        cmocka_unit_test(test_a_stalled_server_is_a_time_out_and_then_a_new_connection),
        cmocka_unit_test(test_places_come_back_after_a_stall),
        cmocka_unit_test(test_a_cancelled_call_leaves_the_others_alone),
        cmocka_unit_test(test_close_does_not_wait_past_its_deadline),
        cmocka_unit_test(test_a_replica_is_left),
        cmocka_unit_test(test_a_host_must_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
