/* Inside of libs/service: the one process, and what its parts do for it. */
#ifndef SERVICE_INT_H
#define SERVICE_INT_H

#include "service/service.h"

/* After drain_timeout: so long for what was cancelled to end, then so long for stop; past both the
 * kernel's clock ends the process. */
#define SERVICE_JOIN_MS 2000
#define SERVICE_STOP_MS 3000

struct admin;

/* How far the process is. */
enum service_phase { SERVICE_STARTING, SERVICE_RUNNING, SERVICE_DRAINING };

struct process {
    const struct service *service;
    struct service_run run;
    struct service_config shared;
    struct config *config;
    struct co_loop *loop;
    struct co_group group;    /* run.group */
    struct co_group watchers; /* ours: heartbeat, secrets */
    struct admin *admin;
    struct co_signal changed; /* phase's inputs: ending, start_done */
    enum service_phase phase;
    bool ending;
    bool start_done;
    enum err_code start_rc;
    struct err start_err;
    int exit_code;
    int64_t alive_ns; /* when the heartbeat last ran, co_clock_ns() */
};

/* ---- settings.c ---------------------------------------------------------------------------- */

/* Fills p->shared, p->run.config and p->config; false where the process ends with *ret_exit. */
bool settings_load(struct process *p, int argc, char **argv, int *ret_exit);
/* One event with every value and its source; secrets are masked. */
void settings_log(const struct process *p);
void settings_free(struct process *p);

/* ---- process.c ----------------------------------------------------------------------------- */

/* Before anything else: limits, malloc, SIGPIPE. */
void process_tune(void);
/* The metrics of the process as the kernel tells them; for a scrape. */
void process_measure(void);

/* ---- signals.c ----------------------------------------------------------------------------- */

/* SIGTERM and SIGINT are ours from here on; one that comes before signals_attach is kept. */
void signals_install(void);
/* Calls on_end(arg) in the loop for the first signal. hard_ms: from then to the kernel's clock. */
void signals_attach(struct co_loop *loop, int64_t hard_ms, void (*on_end)(void *arg), void *arg);
CO_FN void signals_detach(void);
/* Starts the kernel's clock, where no signal has. */
void signals_arm(void);

/* ---- watch.c ------------------------------------------------------------------------------- */

/* Coroutines with a struct process as argument. */
CO_FN void watch_heartbeat(void *arg);
CO_FN void watch_secrets(void *arg);
void watch_slow_slice(const char *co_name, int64_t ms);

/* ---- admin.c ------------------------------------------------------------------------------- */

/* errs: ERR_CONFIG (address), ERR_IO (port). */
MUST_CHECK enum err_code admin_open(struct process *p, struct admin **ret_admin, struct err *err);
uint16_t admin_port(const struct admin *admin);
CO_FN struct admin *admin_close(struct admin *admin);

/* The body of /readyz; true if everything is there. */
bool service_ready_print(struct process *p, struct buf *out);

#endif
