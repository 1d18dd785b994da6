/* Named failpoints: one stands between every two external effects (provider, Postgres, Kafka,
 * Redis), so that tests can kill, stop, delay or fail a process exactly there.
 *
 * Compiled out with CALFLEET_FAILPOINTS=OFF. Set by the environment at start:
 *   CALFLEET_FAILPOINTS="sync.page.before_commit=kill;connect.after_exchange=error@2"
 * name=ACTION[@N]: at the N-th pass (default 1) of that process, once:
 *   kill      raise SIGKILL          stop   raise SIGSTOP
 *   error     return ERR_UNAVAILABLE (act RETRY)
 *   delay:MS  suspend the coroutine  (every pass from the N-th on)
 * Each name is listed in failpoint_names.def, with what stands before and after it. A pass
 * that acts first appends the name to the file in CALFLEET_FAILPOINT_LOG, where that is set, so
 * that a test knows that it was reached. While any point is set, one that the table does not name
 * aborts. */
#ifndef RUNTIME_FAILPOINT_H
#define RUNTIME_FAILPOINT_H

#include "base/err.h"

/* errs: ERR_CONFIG for an unknown name or a malformed action. Reads the environment. */
MUST_CHECK enum err_code failpoint_setup(struct err *err);
/* How many are set: a process that has any may die of it, which its log should say. */
size_t failpoint_count(void);

#if CALFLEET_FAILPOINTS
/* ERR_OK unless the point is set to error (or a delay was cancelled). */
CO_FN MUST_CHECK enum err_code failpoint(const char *name, struct err *err);
#else
static inline enum err_code failpoint(const char *name UNUSED, struct err *err UNUSED)
{
    return ERR_OK;
}
#endif

#endif
