/* SIGTERM and SIGINT: the first begins the end, the second is the end, and so is the kernel's clock
 * when the end takes too long. All of it works also where the loop is stuck, which is why it is
 * not left to a timer or a signal watcher of the loop. We may be process 1, for which the kernel
 * takes no default action. */
#include "service_int.h"

#include <signal.h>
#include <unistd.h>

static struct {
    uv_async_t async; /* safe to send from a signal handler */
    struct co_wait closed;
    void (*on_end)(void *arg);
    void *arg;
} watcher;
static volatile sig_atomic_t attached;
static volatile sig_atomic_t received;
static volatile sig_atomic_t hard_s = 10; /* before the settings are read */

static void end_at_once(const char *why, size_t len)
{
    IGNORE(write(STDERR_FILENO, why, len) < 0); /* nobody is left to tell */
    _exit(CONFIG_EXIT_INTERNAL);
}

static void on_alarm(int sig UNUSED)
{
    static const char why[] = "shutdown deadline passed\n";
    end_at_once(why, sizeof why - 1);
}

static void on_signal(int sig UNUSED)
{
    static const char why[] = "second signal: ended at once\n";
    if (received++ > 0) {
        end_at_once(why, sizeof why - 1);
    }
    alarm((unsigned)hard_s);
    if (attached) {
        uv_async_send(&watcher.async);
    }
}

static void catch (int sig, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    BUG_ON(sigaction(sig, &action, NULL) != 0);
}

void signals_install(void)
{
    catch (SIGALRM, on_alarm);
    catch (SIGTERM, on_signal);
    catch (SIGINT, on_signal);
}

static void on_async(uv_async_t *async UNUSED)
{
    watcher.on_end(watcher.arg);
}

void signals_attach(struct co_loop *loop, int64_t hard_ms, void (*on_end)(void *arg), void *arg)
{
    watcher.on_end = on_end;
    watcher.arg = arg;
    hard_s = (sig_atomic_t)((hard_ms + 999) / 1000);
    BUG_ON(uv_async_init(co_loop_uv(loop), &watcher.async, on_async) != 0);
    attached = 1;
    if (received > 0) {
        uv_async_send(&watcher.async); /* it came while the settings were read */
    }
}

static void on_closed(uv_handle_t *handle UNUSED)
{
    co_wake(&watcher.closed);
}

void signals_detach(void)
{
    attached = 0;
    co_wait_init(&watcher.closed);
    uv_close((uv_handle_t *)&watcher.async, on_closed);
    IGNORE(co_wait(&watcher.closed, CO_FOREVER, NULL)); /* the root is never cancelled */
}

void signals_arm(void)
{
    if (received == 0) {
        alarm((unsigned)hard_s);
    }
}
