#include "world.h"

#include "http/url.h"
#include "providers/jwks.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 10000

static struct {
    pid_t pid;
    char line[4096]; /* the JSON that tells the addresses */
} simulator;

static const struct str issuers[] = {STR("https://accounts.google.com"),
                                     STR("accounts.google.com")};

int64_t world_deadline(void)
{
    return co_after(10000);
}

/* ---- the simulator's process ----------------------------------------------------------------- */

static void exec_simulator(int ready_fd)
{
    const char *dir = getenv("CALFLEET_BIN_DIR");
    char path[512], fd[16];
    snprintf(path, sizeof path, "%s/calfleet-simulator", dir != NULL ? dir : "bin");
    snprintf(fd, sizeof fd, "%d", ready_fd);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that aborts leaves nothing behind */
    execl(path, path, "--listen", "127.0.0.1:0", "--ready-fd", fd, "--auto-consent",
          "--allow-http-webhooks", (char *)NULL);
    perror(path);
    _exit(127);
}

static bool read_line(int fd)
{
    size_t len = 0;
    while (len + 1 < sizeof simulator.line) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, READY_MS) != 1) {
            return false;
        }
        ssize_t n = read(fd, simulator.line + len, sizeof simulator.line - 1 - len);
        if (n <= 0) {
            return false;
        }
        len += (size_t)n;
        simulator.line[len] = '\0';
        if (strchr(simulator.line, '\n') != NULL) {
            return true;
        }
    }
    return false;
}

int world_start(void **state UNUSED)
{
    int fds[2];
    BUG_ON(pipe(fds) != 0);
    simulator.pid = fork();
    BUG_ON(simulator.pid < 0);
    if (simulator.pid == 0) {
        close(fds[0]);
        exec_simulator(fds[1]);
    }
    close(fds[1]);
    bool ready = read_line(fds[0]);
    close(fds[0]);
    if (!ready) {
        fprintf(stderr, "the simulator did not start; is CALFLEET_BIN_DIR right?\n");
    }
    return ready ? 0 : -1;
}

int world_stop(void **state UNUSED)
{
    if (simulator.pid > 0) {
        kill(simulator.pid, SIGKILL);
        waitpid(simulator.pid, NULL, 0);
    }
    return 0;
}

/* ---- a test's world -------------------------------------------------------------------------- */

static enum err_code give_token(void *ctx, struct str refused UNUSED, int64_t deadline UNUSED,
                                struct arena *arena, struct str *ret_token, struct err *err)
{
    struct world *w = ctx;
    w->token_asked++;
    if (w->token_rc != ERR_OK) {
        return ERR_SET_ACT(err, w->token_rc, ERR_ACT_REAUTH, "scripted");
    }
    *ret_token = arena_str(arena, w->token);
    return ERR_OK;
}

static enum err_code take_budget(void *ctx, int32_t cost, int64_t deadline UNUSED,
                                 struct err *err UNUSED)
{
    struct world *w = ctx;
    w->budget_cost += (size_t)cost;
    return ERR_OK;
}

static void note_throttled(void *ctx, int32_t retry_after_ms)
{
    struct world *w = ctx;
    w->throttled++;
    w->throttled_ms = retry_after_ms;
}

static struct str address(struct world *w, const char *key)
{
    const struct json *line = NULL;
    assert_int_equal(json_parse(&w->arena, str_trim(str_c(simulator.line)), &line, NULL), ERR_OK);
    struct str url = json_str_or_empty(line, key);
    assert_true(url.len > 0);
    return url;
}

static void begin(struct world *w)
{
    arena_init(&w->arena);
    struct err err = {0};
    assert_int_equal(http_client_new(co_loop_current(), NULL, &w->link.http, &err), ERR_OK);
    w->link.ends = (struct provider_endpoints){
        .consent_url = address(w, "google_auth_url"),
        .token_url = address(w, "google_token_url"),
        .revoke_url = address(w, "google_revoke_url"),
        .jwks_url = address(w, "google_certs_url"),
        .api_url = address(w, "google_api_url"),
        .issuers = issuers,
        .issuer_count = ARRAY_LEN(issuers),
    };
    w->link.jwks = provider_jwks_new();
    w->client = (struct provider_client){
        .id = STR("calfleet-dev.apps.googleusercontent.com"),
        .secret = STR("calfleet-dev-secret"),
        .redirect_uri = STR("http://127.0.0.1:9/functions/v1/calendar-oauth-callback"),
    };
    w->session = (struct provider_session){
        .link = &w->link,
        .arena = &w->arena,
        .token = give_token,
        .budget = take_budget,
        .throttled = note_throttled,
        .ctx = w,
    };
    world_admin(w, "DELETE", "/faults", NULL);
    w->token = world_token(w, NULL);
}

static void (*test_body)(struct world *w);

static void root(void *arg)
{
    struct world *w = arg;
    begin(w);
    test_body(w);
    assert_int_equal(http_client_in_flight(w->link.http), 0);
    provider_jwks_free(w->link.jwks);
    http_client_free(w->link.http);
    arena_fini(&w->arena);
}

void world_run(void (*body)(struct world *w))
{
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){.slice_warn_ms = -1});
    struct world w = {0};
    test_body = body;
    co_loop_run(loop, "test", root, &w);
    co_loop_free(loop);
}

/* ---- helpers --------------------------------------------------------------------------------- */

const struct json *world_admin(struct world *w, const char *method, const char *path,
                               const char *body)
{
    const struct http_header type = {STR("Content-Type"), STR("application/json")};
    struct http_request request = {
        .method = method,
        .url = http_url_join(&w->arena, address(w, "admin_url"), str_c(path), STR("")),
        .headers = &type,
        .header_count = 1,
        .body = str_c(body),
        .deadline = world_deadline(),
    };
    struct http_response response = {0};
    struct err err = {0};
    if (http_fetch(w->link.http, &request, &w->arena, &response, &err) != ERR_OK ||
        response.status > 299) {
        fail_msg("admin %s %s: %d %.*s %s", method, path, response.status, STR_ARG(response.body),
                 err.text);
    }
    const struct json *answer = NULL;
    if (response.body.len > 0) {
        assert_int_equal(json_parse(&w->arena, response.body, &answer, NULL), ERR_OK);
    }
    return answer;
}

struct str world_token(struct world *w, const char *scope)
{
    struct str body =
        arena_strf(&w->arena, "{\"account\":\"" ANA "\",\"client_id\":\"%.*s\"%s%s%s}",
                   STR_ARG(w->client.id), scope != NULL ? ",\"scope\":\"" : "",
                   scope != NULL ? scope : "", scope != NULL ? "\"" : "");
    struct str token =
        json_str_or_empty(world_admin(w, "POST", "/tokens", body.ptr), "access_token");
    assert_true(token.len > 0);
    return token;
}

struct str world_consent(struct world *w, struct str url)
{
    struct http_request request = {.url = url, .deadline = world_deadline()};
    struct http_response response = {0};
    struct str location = {0};
    assert_int_equal(http_fetch(w->link.http, &request, &w->arena, &response, NULL), ERR_OK);
    assert_int_equal(response.status, 302);
    assert_true(http_header_find(response.headers, response.header_count, "location", &location));
    size_t question = str_find_char(location, '?');
    assert_true(question != SIZE_MAX);
    return str_sub(location, question + 1, SIZE_MAX);
}
