#include "route.h"

enum tail { TAIL_NONE, TAIL_ID };

static const struct path {
    const char *path;
    const char *name;
    enum tail tail;
    const char *methods;
} paths[] = {
    {ROUTE_BASE "calendar-sync", "calendar-sync", TAIL_NONE, "POST, OPTIONS"},
    {ROUTE_BASE "calendar-oauth-start", "calendar-oauth-start", TAIL_NONE, "POST, OPTIONS"},
    {ROUTE_BASE "calendar-oauth-callback", "calendar-oauth-callback", TAIL_NONE,
     "GET, POST, OPTIONS"},
    {ROUTE_BASE "calendar-freebusy", "calendar-freebusy", TAIL_NONE, "POST, OPTIONS"},
    {ROUTE_BASE "calendar-schedule", "calendar-schedule", TAIL_NONE, "POST, OPTIONS"},
    {ROUTE_BASE "calendar-connections", "calendar-connections", TAIL_NONE, "GET, OPTIONS"},
    {ROUTE_BASE "calendar-connections/", "calendar-connection", TAIL_ID,
     "GET, PATCH, DELETE, OPTIONS"},
    {"/openapi.json", "openapi", TAIL_NONE, "GET, OPTIONS"},
};

static const struct row {
    const char *name;
    const char *method;
    enum route route;
} rows[] = {
    {"calendar-sync", "POST", ROUTE_SYNC},
    {"calendar-oauth-start", "POST", ROUTE_OAUTH_START},
    {"calendar-oauth-callback", "GET", ROUTE_OAUTH_REDIRECT},
    {"calendar-oauth-callback", "POST", ROUTE_OAUTH_EXCHANGE},
    {"calendar-freebusy", "POST", ROUTE_FREEBUSY},
    {"calendar-schedule", "POST", ROUTE_SCHEDULE},
    {"calendar-connections", "GET", ROUTE_CONNECTIONS},
    {"calendar-connection", "GET", ROUTE_CONNECTION},
    {"calendar-connection", "PATCH", ROUTE_CONNECTION_PATCH},
    {"calendar-connection", "DELETE", ROUTE_CONNECTION_DELETE},
    {"openapi", "GET", ROUTE_OPENAPI},
};

static bool path_matches(const struct path *p, struct str path, struct uuid *ret_id)
{
    struct str want = str_c(p->path);
    if (p->tail == TAIL_NONE) {
        return str_eq(path, want);
    }
    return str_starts(path, want) && uuid_parse(str_sub(path, want.len, path.len), ret_id);
}

struct routed route_find(struct str method, struct str path)
{
    struct routed r = {.route = ROUTE_UNKNOWN, .path_name = "other"};
    size_t at = 0;

    while (at < ARRAY_LEN(paths) && !path_matches(&paths[at], path, &r.id)) {
        at++;
    }
    if (at == ARRAY_LEN(paths)) {
        return r;
    }
    r.path_name = paths[at].name;
    r.methods = paths[at].methods;
    r.route = str_eq_c(method, "OPTIONS") ? ROUTE_PREFLIGHT : ROUTE_WRONG_METHOD;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, r.path_name) == 0 && str_eq_c(method, rows[i].method)) {
            r.route = rows[i].route;
        }
    }
    return r;
}
