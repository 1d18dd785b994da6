/* Which request is meant by method and path. Pure. */
#ifndef INGEST_ROUTE_H
#define INGEST_ROUTE_H

#include "base/uuid.h"

#define ROUTE_BASE "/functions/v1/"

enum route {
    ROUTE_UNKNOWN,      /* no such path */
    ROUTE_WRONG_METHOD, /* the path has others: see methods */
    ROUTE_PREFLIGHT,    /* OPTIONS on any of the paths */
    ROUTE_SYNC,
    ROUTE_OAUTH_START,
    ROUTE_OAUTH_REDIRECT,
    ROUTE_OAUTH_EXCHANGE,
    ROUTE_FREEBUSY,
    ROUTE_SCHEDULE,
    ROUTE_CONNECTIONS,
    ROUTE_CONNECTION,
    ROUTE_CONNECTION_PATCH,
    ROUTE_CONNECTION_DELETE,
    ROUTE_OPENAPI,
};

struct routed {
    enum route route;
    const char *path_name; /* for metrics: "calendar-sync"; "other" for unknown ones */
    const char *methods;   /* of the path, as Allow has them; NULL for unknown ones */
    struct uuid id;        /* of the paths that end in one */
};

struct routed route_find(struct str method, struct str path);

#endif
