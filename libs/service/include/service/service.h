/* The shared main of the four services: settings, logs, loop, signals, probes, drain, exit codes.
 *
 *   static const struct service ingest = {.name = "ingest", .config = ingest_config_table, ...};
 *   int main(int argc, char **argv) { return service_main(&ingest, argc, argv); }
 *
 * The life of a process: settings read and logged (a wrong one: exit 78) -> admin port open, alive
 * but not ready -> start -> ready -> SIGTERM or SIGINT -> not ready -> drain, at most drain_timeout
 * -> the group cancelled and joined -> stop -> exit 0. A start that fails or is ended goes the same
 * way from drain on. A second signal exits at once; so does the clock of the kernel a few seconds
 * after drain_timeout, also where the loop is stuck.
 *
 * Admin port: /healthz (the loop turns; never a dependency), /readyz (what ready() says; not while
 * starting or draining), /metrics. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "config/config.h"
#include "http/server.h"
#include "runtime/co.h"

/* The settings that every service has; C as in config.h. */
#define SERVICE_CONFIG(C)                                                                          \
    C(log_level, ENUM, "info", 0, 0, "debug|info|warn|error", 0,                                   \
      "lowest level of the lines that are logged")                                                 \
    C(admin_listen, ADDRESS, ":9090", 0, 0, "", 0,                                                 \
      "where `/healthz`, `/readyz` and `/metrics` are served; port 0 lets the system choose, the " \
      "log says what it chose")                                                                    \
    C(drain_timeout, DURATION, "35s", 0, 600000, "", 0,                                            \
      "time after SIGTERM for what is in flight; must be shorter than the pod's grace period")     \
    C(slice_warn, DURATION, "50ms", 1, 60000, "", 0,                                               \
      "a coroutine that runs longer without a wait is logged and counted")                         \
    C(max_coroutines, INT, "8192", 64, 30000, "coroutines", 0,                                     \
      "bound on coroutines alive; each takes two mappings of the kernel's `vm.max_map_count`")     \
    C(secret_reload, DURATION, "10s", 1000, 3600000, "", 0,                                        \
      "how often the secrets' files are looked at for a change")

CONFIG_STRUCT(service_config, SERVICE_CONFIG)

/* One running service. */
struct service_run {
    const void *config; /* the service's own struct, filled */
    const struct service_config *shared;
    struct co_loop *loop;
    struct co_group *group; /* of the service's coroutines; cancelled and joined after drain */
    void *state;            /* the service's own; start sets it before it opens anything */
};

/* The list that /readyz answers with. */
struct service_ready;
/* name: the dependency, static. code: why not ("unavailable", "no_partitions"), static; NULL: it
 * is there. */
void service_ready_add(struct service_ready *ready, const char *name, const char *code);

struct service {
    const char *name;                           /* "ingest" */
    const char *about;                          /* one sentence for --help */
    const struct config_table *(*config)(void); /* CONFIG_TABLE's function; NULL: none of its own */

    /* Sets run->state, opens what the service needs and spawns into run->group. From the moment
     * that the state is set, secret_changed is told, and drain and stop are called at the end:
     * where start fails it only returns, and they find whatever it had opened.
     * errs: end the process with 78 (ERR_CONFIG, ERR_ACT_CONFIG), 75 (ERR_ACT_RETRY, ERR_TIMEOUT,
     * ERR_IO, ERR_CLOSED, ERR_UNAVAILABLE: started again it may go well), 70 (all others). */
    CO_FN enum err_code (*start)(struct service_run *run, struct err *err);
    /* Stops intake and waits for what is in flight, until the deadline; NULL: nothing to do. */
    CO_FN void (*drain)(struct service_run *run, int64_t deadline);
    /* Closes, after every coroutine of the group has ended; NULL: nothing to do. */
    CO_FN void (*stop)(struct service_run *run);
    /* Says which dependencies are there; must not wait. NULL: always ready. */
    void (*ready)(struct service_run *run, struct service_ready *ready);
    /* Further paths of the admin port, arg: the run; NULL: none (404). */
    http_handler_fn admin;
    /* A secret was read again and differs (by the option's name), maybe while start waits. Must not
     * wait. False: it takes a restart, which is then logged; NULL: none is in force before one. */
    bool (*secret_changed)(struct service_run *run, const char *option);
};

/* Runs the service until its end; returns the exit code (config.h). Once a process. */
int service_main(const struct service *service, int argc, char **argv);

/* Begins the end from inside: drain, stop, exit with this code. Not for what a retry can mend. */
void service_end(int exit_code);

/* True from the signal on. */
bool service_draining(void);

#endif
