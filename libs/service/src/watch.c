#include "service_int.h"

#include "observe/log.h"
#include "observe/metric.h"

#define BEAT_MS 250
/* A secret's file that stays wrong is told again, but not at each look. */
#define COMPLAIN_MS 600000

void watch_heartbeat(void *arg)
{
    struct process *p = arg;
    for (;;) {
        p->alive_ns = co_clock_ns();
        metric_set(METRIC_CO_COUNT, NULL, (double)co_count(p->loop));
        if (co_sleep(BEAT_MS, NULL) != ERR_OK) {
            return;
        }
        int64_t late_ns = co_clock_ns() - p->alive_ns - (int64_t)BEAT_MS * 1000000;
        metric_observe(METRIC_LOOP_LAG, NULL, (double)MAX(late_ns, (int64_t)0) / 1e9);
    }
}

static void on_changed(void *arg, const char *option)
{
    struct process *p = arg;
    bool told = p->run.state != NULL && p->service->secret_changed != NULL;
    if (p->run.state == NULL || (told && p->service->secret_changed(&p->run, option))) {
        LOG_INFO("service.secret.changed", "a secret was read again", F_C("option", option));
    } else {
        LOG_WARN("service.secret.waits", "a secret has changed: restart to bring it into force",
                 F_C("option", option));
    }
}

void watch_secrets(void *arg)
{
    struct process *p = arg;
    struct log_limit site = {0};
    int64_t dropped;
    struct err err;

    while (co_sleep(p->shared.secret_reload, NULL) == ERR_OK) {
        if (config_secret_reload(p->config, on_changed, p, &err) != ERR_OK &&
            log_limit_pass(&site, co_now(), COMPLAIN_MS, &dropped)) {
            LOG_ERROR("service.secret.failed",
                      "a secret's file is not right; the value before it "
                      "stays in force",
                      F_ERR(&err), F_I64("dropped", dropped));
        }
    }
}

void watch_slow_slice(const char *co_name, int64_t ms)
{
    static struct log_limit site;
    int64_t dropped;
    metric_inc(METRIC_LOOP_SLOW_SLICES, NULL);
    if (log_limit_pass(&site, co_now(), 1000, &dropped)) {
        LOG_WARN("loop.slow_slice", "a coroutine ran too long without a wait",
                 F_C("slice_of", co_name), F_I64("dur_ms", ms), F_I64("dropped", dropped));
    }
}
