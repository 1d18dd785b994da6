/* A service that does what its settings say: starts slowly or not at all, drains slowly or never.
 */
#include "observe/log.h"
#include "service/context.h"
#include "service/service.h"

#define DEMO_CONFIG(C)                                                                             \
    C(start_takes, DURATION, "0s", 0, 600000, "", 0, "how long start waits before it opens")       \
    C(open_takes, DURATION, "0s", 0, 600000, "", 0, "how long opening takes")                      \
    C(start_fails, ENUM, "no", 0, 0, "no|config|unavailable|internal", 0, "how start ends")        \
    C(drain_takes, DURATION, "0s", 0, 600000, "", 0, "how long drain waits")                       \
    C(drain_spins, BOOL, "false", 0, 0, "", 0, "drain never gives the loop back")                  \
    C(knot, BOOL, "false", 0, 0, "", 0, "coroutines wait for each other when cancelled")           \
    C(missing, STRING, "", 0, 32, "", 0, "code of the dependency that is not there")               \
    C(api_secret, SECRET, "", 8, 64, "", 0, "a secret")                                            \
    C(boot_secret, SECRET, "", 8, 64, "", 0, "a secret that is read at the start alone")           \
    C(named, STRING, "", 1, 32, "", 0, "any text")

CONFIG_STRUCT(demo_config, DEMO_CONFIG)
const struct config_table *demo_config_table(void);
CONFIG_TABLE(demo_config, DEMO_CONFIG)

static struct demo {
    int ticks;
} the_demo;

/* Two coroutines that end only after each other. */
static struct co_group inner_group;

static void inner(void *arg)
{
    struct co_group *outer_group = arg;
    IGNORE(co_sleep(600000, NULL)); /* ends by the cancellation */
    co_group_fini(outer_group);
}

static void outer(void *arg UNUSED)
{
    IGNORE(co_sleep(600000, NULL)); /* ends by the cancellation */
    co_group_fini(&inner_group);
}

static void tick(void *arg)
{
    struct demo *d = arg;
    while (co_sleep(1, NULL) == ERR_OK) {
        d->ticks++;
    }
    LOG_INFO("demo.tick.ended", "ended");
}

static enum err_code start(struct service_run *run, struct err *err)
{
    static const enum err_code failures[] = {ERR_OK, ERR_CONFIG, ERR_UNAVAILABLE, ERR_INTERNAL};
    const struct demo_config *conf = run->config;

    enum err_code rc = co_sleep(conf->start_takes, err);
    if (rc != ERR_OK) {
        return rc;
    }
    run->state = &the_demo;
    rc = co_spawn(run->group, "tick", tick, run->state, err);
    if (rc == ERR_OK) {
        rc = co_sleep(conf->open_takes, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    if (conf->start_fails != 0) {
        return ERR_SET(err, failures[conf->start_fails], "as the settings say");
    }
    if (conf->knot) {
        co_group_init(&inner_group, run->loop);
        rc = co_spawn(&inner_group, "inner", inner, run->group, err);
        return rc == ERR_OK ? co_spawn(run->group, "outer", outer, NULL, err) : rc;
    }
    return ERR_OK;
}

static void drain(struct service_run *run, int64_t deadline UNUSED)
{
    const struct demo_config *conf = run->config;
    LOG_INFO("demo.drain", "drain");
    for (volatile bool spin = conf->drain_spins; spin;) {
    }
    IGNORE(co_sleep(conf->drain_takes, NULL)); /* the root is never cancelled */
}

static void stop(struct service_run *run UNUSED)
{
    LOG_INFO("demo.stop", "stop");
}

static void ready(struct service_run *run, struct service_ready *ready)
{
    const struct demo_config *conf = run->config;
    service_ready_add(ready, "kafka", NULL);
    service_ready_add(ready, "postgres", conf->missing.len > 0 ? conf->missing.ptr : NULL);
}

static void admin(struct http_exchange *x, void *arg UNUSED)
{
    struct request_context ctx;
    if (str_eq_c(x->path, "/spin")) {
        int64_t until = co_clock_ns() + 200 * INT64_C(1000000);
        while (co_clock_ns() < until) {
        }
        http_reply(x, 204, NULL, 0, NULL, STR(""));
    } else if (str_eq_c(x->path, "/log")) {
        struct str traceparent = STR("");
        http_request_header(x, "traceparent", &traceparent);
        request_context_begin(&ctx, traceparent);
        LOG_INFO("demo.log", "a line");
        request_context_end();
        http_reply(x, 204, NULL, 0, NULL, STR(""));
    } else if (str_eq_c(x->path, "/end")) {
        service_end(CONFIG_EXIT_RETRY);
        http_reply(x, 204, NULL, 0, NULL, STR(""));
    } else {
        http_reply_error(x, 404, "not_found", "There is no such page.");
    }
}

static bool secret_changed(struct service_run *run, const char *option)
{
    const struct demo_config *conf = run->config;
    LOG_INFO("demo.secret", "changed", F_C("option", option),
             F_I64("len", config_secret(&conf->api_secret).len));
    return strcmp(option, "api_secret") == 0;
}

static const struct service demo = {
    .name = "demo",
    .about = "Does what its settings say",
    .config = demo_config_table,
    .start = start,
    .drain = drain,
    .stop = stop,
    .ready = ready,
    .admin = admin,
    .secret_changed = secret_changed,
};

int main(int argc, char **argv)
{
    return service_main(&demo, argc, argv);
}
