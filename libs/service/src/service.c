#include "service_int.h"

#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"
#include "service/context.h"

#include <unistd.h>

static struct process process;

bool service_draining(void)
{
    return process.ending;
}

static void end(int exit_code)
{
    if (!process.ending) {
        process.ending = true;
        process.exit_code = exit_code;
        metric_set(METRIC_DRAINING, NULL, 1);
        co_signal_raise(&process.changed);
    }
}

void service_end(int exit_code)
{
    signals_arm();
    end(exit_code);
}

static void on_end_signal(void *arg UNUSED)
{
    LOG_INFO("service.signal", "asked to end");
    end(CONFIG_EXIT_OK);
}

/* What the one who starts processes should do about the failure. */
static int exit_code_of(const struct err *err)
{
    if (err->code == ERR_CONFIG || err->act == ERR_ACT_CONFIG) {
        return CONFIG_EXIT_CONFIG;
    }
    bool may_pass = err->act == ERR_ACT_RETRY || err->code == ERR_TIMEOUT || err->code == ERR_IO ||
                    err->code == ERR_CLOSED || err->code == ERR_UNAVAILABLE;
    return may_pass ? CONFIG_EXIT_RETRY : CONFIG_EXIT_INTERNAL;
}

static const char *trace_hook(void)
{
    static char text[TRACEPARENT_LEN + 1];
    const struct request_context *ctx = request_context_current();
    if (ctx == NULL) {
        return NULL;
    }
    trace_print(&ctx->trace, text);
    text[3 + 32] = '\0'; /* the trace id alone */
    return text + 3;
}

/* ---- start --------------------------------------------------------------------------------- */

static void run_start(void *arg)
{
    struct process *p = arg;
    p->start_rc = p->service->start(&p->run, &p->start_err);
    p->start_done = true;
    co_signal_raise(&p->changed);
}

/* Start runs in a coroutine of its own, so that a signal can end a start that waits for a
 * dependency. True if the service runs. */
static bool start(struct process *p)
{
    struct co_group starting;
    struct err err;

    co_group_init(&starting, p->loop);
    if (co_spawn(&starting, "start", run_start, p, &err) != ERR_OK) {
        LOG_ERROR("service.start.failed", "not started", F_ERR(&err));
        end(CONFIG_EXIT_INTERNAL);
        return false;
    }
    while (!p->start_done && !p->ending) {
        IGNORE(co_signal_wait(&p->changed, CO_FOREVER, NULL)); /* the root is never cancelled */
    }
    co_group_fini(&starting);
    if (p->start_rc == ERR_OK) {
        return true;
    }
    if (p->ending) {
        LOG_INFO("service.start.ended", "ended while starting", F_ERR(&p->start_err));
    } else {
        LOG_ERROR("service.start.failed", "not started", F_ERR(&p->start_err));
        end(exit_code_of(&p->start_err));
    }
    return false;
}

/* ---- end ----------------------------------------------------------------------------------- */

/* Cancels what is left and joins it. What does not end cannot be freed: the process ends here. */
static void join_group(struct process *p)
{
    struct err err;
    co_group_cancel(&p->group);
    if (co_group_join(&p->group, co_after(SERVICE_JOIN_MS), &err) != ERR_OK) {
        LOG_ERROR("service.stuck", "coroutines did not end when cancelled", F_ERR(&err),
                  F_I64("left", p->group.count));
        _exit(CONFIG_EXIT_INTERNAL);
    }
}

static void drain(struct process *p)
{
    int64_t began = co_now();
    p->phase = SERVICE_DRAINING;
    LOG_INFO("service.drain", "no longer ready", F_I64("timeout_ms", p->shared.drain_timeout));
    bool opened = p->run.state != NULL;
    if (opened && p->service->drain != NULL) {
        p->service->drain(&p->run, co_after(p->shared.drain_timeout));
    }
    join_group(p);
    if (opened && p->service->stop != NULL) {
        p->service->stop(&p->run);
    }
    LOG_INFO("service.drained", "closed", F_I64("dur_ms", co_now() - began));
}

/* ---- life ---------------------------------------------------------------------------------- */

static bool open_all(struct process *p, struct err *err)
{
    enum err_code rc = admin_open(p, &p->admin, err);
    if (rc == ERR_OK) {
        rc = co_spawn(&p->watchers, "heartbeat", watch_heartbeat, p, err);
    }
    if (rc == ERR_OK) {
        rc = co_spawn(&p->watchers, "secrets", watch_secrets, p, err);
    }
    return rc == ERR_OK;
}

static void live(struct process *p)
{
    struct err err;
    if (!open_all(p, &err)) {
        LOG_ERROR("service.start.failed", "not started", F_ERR(&err));
        end(exit_code_of(&err));
        return;
    }
    LOG_INFO("service.listening", "admin port open", F_I64("port", admin_port(p->admin)));
    if (start(p) && !p->ending) {
        p->phase = SERVICE_RUNNING;
        LOG_INFO("service.running", "started");
    }
    while (!p->ending) {
        IGNORE(co_signal_wait(&p->changed, CO_FOREVER, NULL)); /* the root is never cancelled */
    }
    drain(p);
}

static void root(void *arg)
{
    struct process *p = arg;
    p->alive_ns = co_clock_ns();
    metric_set(METRIC_PROCESS_START, NULL, (double)co_wall_now() / 1000);
    co_signal_init(&p->changed);
    co_group_init(&p->group, p->loop);
    co_group_init(&p->watchers, p->loop);
    signals_attach(p->loop, p->shared.drain_timeout + SERVICE_JOIN_MS + SERVICE_STOP_MS,
                   on_end_signal, p);
    live(p);
    co_group_fini(&p->watchers);
    p->admin = admin_close(p->admin);
    signals_detach();
}

/* A warning, since a process with one set may die of it. */
static bool set_failpoints(void)
{
    struct err err;
    if (failpoint_setup(&err) != ERR_OK) {
        LOG_ERROR("service.start.failed", "not started", F_ERR(&err));
        return false;
    }
    if (failpoint_count() > 0) {
        LOG_WARN("service.failpoints", "failpoints are set", F_I64("set", failpoint_count()));
    }
    return true;
}

int service_main(const struct service *service, int argc, char **argv)
{
    struct process *p = &process;
    int exit_code;

    process_tune();
    signals_install();
    p->service = service;
    if (!settings_load(p, argc, argv, &exit_code)) {
        return exit_code;
    }
    log_setup(service->name, CALFLEET_VERSION, (enum log_level)p->shared.log_level, 1, trace_hook,
              co_name);
    metric_set(METRIC_BUILD_INFO, CALFLEET_VERSION, 1);
    metric_set(METRIC_DRAINING, NULL, 0);
    settings_log(p);
    if (!set_failpoints()) {
        settings_free(p);
        return CONFIG_EXIT_CONFIG;
    }
    struct co_loop_opts opts = {
        .slice_warn_ms = p->shared.slice_warn,
        .max_coroutines = (size_t)p->shared.max_coroutines,
        .on_slow_slice = watch_slow_slice,
    };
    p->loop = co_loop_new(&opts);
    p->run.shared = &p->shared;
    p->run.loop = p->loop;
    p->run.group = &p->group;
    co_loop_run(p->loop, "main", root, p);
    p->loop = co_loop_free(p->loop);
    LOG_INFO("service.ended", "ended", F_I64("exit_code", p->exit_code));
    settings_free(p);
    return p->exit_code;
}
