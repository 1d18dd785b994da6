#include "runtime/failpoint.h"

#include "runtime/co.h"

#include "base/str.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#if CALFLEET_FAILPOINTS

#define MAX_SET 32

enum action { ACT_KILL, ACT_STOP, ACT_ERROR, ACT_DELAY };

struct point {
    struct str name;
    enum action action;
    int64_t delay_ms;
    int64_t pass; /* at which it acts, from 1 */
    int64_t passed;
};

static struct point points[MAX_SET];
static size_t point_count;
static const char *log_path;

static bool is_known(struct str name)
{
#define F(text, meaning)                                                                           \
    if (str_eq_c(name, text)) {                                                                    \
        return true;                                                                               \
    }
#include "runtime/failpoint_names.def"
#undef F
    return false;
}

static bool parse_action(struct str text, struct point *p)
{
    struct str rest = text;
    struct str word;
    if (!str_split(&rest, '@', &word)) {
        return false;
    }
    p->pass = 1;
    if (rest.ptr != NULL && (!str_to_i64(rest, &p->pass) || p->pass < 1)) {
        return false;
    }
    if (str_eq_c(word, "kill")) {
        p->action = ACT_KILL;
    } else if (str_eq_c(word, "stop")) {
        p->action = ACT_STOP;
    } else if (str_eq_c(word, "error")) {
        p->action = ACT_ERROR;
    } else if (str_starts(word, STR("delay:"))) {
        p->action = ACT_DELAY;
        return str_to_i64(str_sub(word, 6, SIZE_MAX), &p->delay_ms) && p->delay_ms >= 0;
    } else {
        return false;
    }
    return true;
}

enum err_code failpoint_setup(struct err *err)
{
    struct str rest = str_c(getenv("CALFLEET_FAILPOINTS"));
    struct str part;

    point_count = 0;
    log_path = getenv("CALFLEET_FAILPOINT_LOG");
    while (rest.len > 0 && str_split(&rest, ';', &part)) {
        struct str action = part;
        struct point p = {0};
        if (part.len == 0) {
            continue;
        }
        if (!str_split(&action, '=', &p.name) || action.ptr == NULL || !parse_action(action, &p)) {
            return ERR_SET(err, ERR_CONFIG,
                           "CALFLEET_FAILPOINTS: '%.*s' is not name=kill|stop|error|delay:MS[@N]",
                           STR_ARG(part));
        }
        if (!is_known(p.name)) {
            return ERR_SET(err, ERR_CONFIG, "CALFLEET_FAILPOINTS: there is no '%.*s'",
                           STR_ARG(p.name));
        }
        if (point_count == MAX_SET) {
            return ERR_SET(err, ERR_CONFIG, "CALFLEET_FAILPOINTS: more than %d", MAX_SET);
        }
        points[point_count++] = p;
    }
    return ERR_OK;
}

size_t failpoint_count(void)
{
    return point_count;
}

/* Tells the test that the point was reached, before the process can no longer tell anything. */
static void note(const struct point *p)
{
    if (log_path == NULL) {
        return;
    }
    int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd >= 0) {
        dprintf(fd, "%.*s\n", STR_ARG(p->name));
        close(fd);
    }
}

static enum err_code act(struct point *p, struct err *err)
{
    note(p);
    switch (p->action) {
    case ACT_KILL:
        raise(SIGKILL);
        break;
    case ACT_STOP:
        raise(SIGSTOP);
        break;
    case ACT_ERROR:
        return ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "failpoint %.*s", STR_ARG(p->name));
    case ACT_DELAY:
        return co_sleep(p->delay_ms, err);
    }
    return ERR_OK;
}

enum err_code failpoint(const char *name, struct err *err)
{
    BUG_ON(point_count > 0 && !is_known(str_c(name)) && "a failpoint that the table does not name");
    for (size_t i = 0; i < point_count; i++) { /* several may be set on one point */
        struct point *p = &points[i];
        if (!str_eq_c(p->name, name)) {
            continue;
        }
        p->passed++;
        if (p->passed == p->pass || (p->action == ACT_DELAY && p->passed > p->pass)) {
            return act(p, err);
        }
    }
    return ERR_OK;
}

#else

enum err_code failpoint_setup(struct err *err)
{
    if (getenv("CALFLEET_FAILPOINTS") != NULL) {
        return ERR_SET(err, ERR_CONFIG, "CALFLEET_FAILPOINTS: this build has no failpoints");
    }
    return ERR_OK;
}

size_t failpoint_count(void)
{
    return 0;
}

#endif
