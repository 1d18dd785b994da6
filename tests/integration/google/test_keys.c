/* The keys of ID tokens: how often they are fetched, by a server in the same loop that counts. */
#include "http/server.h"
#include "providers/jwks.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

/* One public key.  src: RFC 7517 appendix A.1 */
#define KEYS                                                                                       \
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":"      \
    "\"1\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","                                 \
    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}]}"

/* {"alg":"ES256","kid":"forged"} . {} . 64 bytes */
#define FORGED                                                                                     \
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImZvcmdlZCJ9.e30."                                                \
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct {
    size_t fetches;
    bool away;
    size_t refused, unavailable;
    struct provider_link link;
} world;

static void handle(struct http_exchange *x, void *arg UNUSED)
{
    world.fetches++;
    IGNORE(co_sleep(30, NULL)); /* long enough for the others to ask meanwhile */
    if (world.away) {
        http_reply_error(x, 503, "away", "away");
        return;
    }
    http_reply(x, 200, NULL, 0, "application/json", STR(KEYS));
}

static void ask(void *arg UNUSED)
{
    struct provider_client client = {.id = STR("me")};
    struct arena arena;
    arena_init(&arena);
    const struct json *claims = NULL;
    struct err err = {0};
    enum err_code rc = provider_id_token_verify(&world.link, &client, STR(FORGED), STR(""),
                                                co_after(5000), &arena, &claims, &err);
    world.refused += rc == ERR_AUTH;
    world.unavailable += rc == ERR_UNAVAILABLE && err.act == ERR_ACT_RETRY;
    arena_fini(&arena);
}

static void ask_at_once(size_t count)
{
    struct co_group group;
    co_group_init(&group, co_loop_current());
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(co_spawn(&group, "ask", ask, NULL, NULL), ERR_OK);
    }
    assert_int_equal(co_group_join(&group, co_after(10000), NULL), ERR_OK);
}

static void root(void *arg)
{
    void (*body)(void) = *(void (**)(void))arg;
    struct http_server *server = NULL;
    struct http_server_opts opts = {.handler = handle};
    static const struct str issuer = STR("https://issuer.example");
    struct arena arena;
    arena_init(&arena);
    memset(&world, 0, sizeof world);
    assert_int_equal(http_server_new(co_loop_current(), &opts, &server, NULL), ERR_OK);
    assert_int_equal(http_client_new(co_loop_current(), NULL, &world.link.http, NULL), ERR_OK);
    world.link.ends.jwks_url =
        arena_strf(&arena, "http://127.0.0.1:%d/certs", http_server_port(server));
    world.link.ends.issuers = &issuer;
    world.link.ends.issuer_count = 1;
    world.link.jwks = provider_jwks_new();
    body();
    provider_jwks_free(world.link.jwks);
    http_client_free(world.link.http);
    http_server_free(server);
    arena_fini(&arena);
}

static void run(void (*body)(void))
{
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){.slice_warn_ms = -1});
    co_loop_run(loop, "test", root, &body);
    co_loop_free(loop);
}

static void forged(void)
{
    ask_at_once(10);
    assert_int_equal(world.refused, 10);
    assert_int_equal(world.fetches, 1);
    ask_at_once(10);
    assert_int_equal(world.refused, 20);
    assert_int_equal(world.fetches, 1); /* a forged key id is no reason to ask within a minute */
}

static void test_many_ask_and_one_fetches(void **state UNUSED)
{
    run(forged);
}

static void away(void)
{
    world.away = true;
    ask_at_once(1);
    assert_int_equal(world.unavailable, 1);
    assert_int_equal(world.refused, 0);
    world.away = false;
    ask_at_once(1);
    assert_int_equal(world.refused, 1); /* back: asked again at once */
    assert_int_equal(world.fetches, 2);
}

static void test_keys_that_could_not_be_had_are_asked_for_again(void **state UNUSED)
{
    run(away);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_ask_and_one_fetches),
        cmocka_unit_test(test_keys_that_could_not_be_had_are_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
