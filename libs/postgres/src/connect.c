/* Making a session: names resolved off the loop, the handshake step by step, then its settings. */
#include "observe/metric.h"
#include "postgres/sql.h"
#include "runtime/dns.h"
#include "session_int.h"

#define KEYWORDS_MAX 64 /* libpq 15 knows 40 */

/* What goes to PQconnectStartParams: where a keyword repeats, the last one counts. */
struct keywords {
    const char *names[KEYWORDS_MAX + 1];
    const char *values[KEYWORDS_MAX + 1];
    size_t count;
};

static void set(struct keywords *k, const char *name, const char *value)
{
    BUG_ON(k->count >= KEYWORDS_MAX);
    k->names[k->count] = name;
    k->values[k->count] = value;
    k->count++;
}

static const char *option(const PQconninfoOption *options, const char *name)
{
    for (; options->keyword != NULL; options++) {
        if (strcmp(options->keyword, name) == 0) {
            return options->val != NULL && options->val[0] != '\0' ? options->val : NULL;
        }
    }
    return NULL;
}

static void options_free(PQconninfoOption **options)
{
    PQconninfoFree(*options);
}

static void message_free(char **message)
{
    PQfreemem(*message);
}

static enum err_code parse(const char *conninfo, PQconninfoOption **ret_options, struct err *err)
{
    char *message CLEANUP(message_free) = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &message);
    if (options == NULL) {
        /* Its message quotes what it could not read, which may be the password. */
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "the Postgres DSN cannot be read");
    }
    *ret_options = options;
    return ERR_OK;
}

enum err_code conninfo_check(const char *conninfo, struct err *err)
{
    PQconninfoOption *options CLEANUP(options_free) = NULL;
    enum err_code rc = parse(conninfo, &options, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (option(options, "host") == NULL && option(options, "hostaddr") == NULL) {
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "the Postgres DSN names no host");
    }
    return ERR_OK;
}

/* Appends one address to a comma-separated list. */
static void list_add(struct buf *list, size_t index, struct str item)
{
    if (index > 0) {
        buf_add_char(list, ',');
    }
    buf_add(list, item);
}

/* The numeric address of a host; "" for a socket's folder, which has none. */
static enum err_code resolve_one(const char *host, int64_t deadline, char out[INET6_ADDRSTRLEN],
                                 struct err *err)
{
    struct sockaddr_storage address;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address;
    out[0] = '\0';
    if (host[0] == '/' || host[0] == '@') {
        return ERR_OK;
    }
    if (uv_ip4_addr(host, 0, v4) != 0 && uv_ip6_addr(host, 0, v6) != 0) {
        enum err_code rc = co_resolve(host, NULL, deadline, &address, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    if (address.ss_family == AF_INET6) {
        uv_ip6_name(v6, out, INET6_ADDRSTRLEN);
    } else {
        uv_ip4_name(v4, out, INET6_ADDRSTRLEN);
    }
    return ERR_OK;
}

struct lists {
    struct buf hosts;
    struct buf addresses;
    struct buf ports;
    size_t count;
};

static void lists_fini(struct lists *l)
{
    buf_fini(&l->hosts);
    buf_fini(&l->addresses);
    buf_fini(&l->ports);
}

/* Those hosts of the list that have an address now, with it and their ports: a name that libpq
 * were to resolve would block the loop. errs: those of the last host, if none has. */
static enum err_code resolve_all(struct str hosts, struct str ports, int64_t deadline,
                                 struct lists *l, struct err *err)
{
    struct err last = {0}; /* err stays untouched where another host serves */
    struct str host;
    struct str port = {NULL, 0};
    bool own_ports = str_find_char(ports, ',') != SIZE_MAX;
    while (str_split(&hosts, ',', &host)) {
        char name[256];
        char address[INET6_ADDRSTRLEN];
        if (own_ports || port.ptr == NULL) {
            IGNORE(!str_split(&ports, ',', &port)); /* fewer ports than hosts: libpq complains */
        }
        if (host.len >= sizeof name) {
            return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "a host's name is too long");
        }
        memcpy(name, host.ptr, host.len);
        name[host.len] = '\0';
        enum err_code one = resolve_one(name, deadline, address, &last);
        if (one == ERR_CANCELED || one == ERR_TIMEOUT) {
            break;
        }
        if (one != ERR_OK) {
            continue;
        }
        list_add(&l->hosts, l->count, host);
        list_add(&l->addresses, l->count, str_c(address));
        list_add(&l->ports, l->count, port);
        l->count++;
    }
    if (l->count == 0) {
        *err = last;
        return last.code;
    }
    enum err_code rc = buf_ok(&l->hosts, err);
    rc = rc == ERR_OK ? buf_ok(&l->addresses, err) : rc;
    return rc == ERR_OK ? buf_ok(&l->ports, err) : rc;
}

static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message; /* libpq would print it */
}

/* Steps through the handshake. The socket may be another one after each step, and libpq closes the
 * old one itself: so it is watched for one step only. */
static enum err_code handshake(struct pg_session *s, int64_t deadline, struct err *err)
{
    int events = UV_WRITABLE;
    while (PQstatus(s->pq) != CONNECTION_BAD) {
        session_watch(s);
        enum err_code rc = session_wait(s, events, deadline, err);
        session_unwatch(s);
        if (rc != ERR_OK) {
            return rc;
        }
        PostgresPollingStatusType step = PQconnectPoll(s->pq);
        if (step == PGRES_POLLING_OK) {
            return ERR_OK;
        }
        if (step == PGRES_POLLING_FAILED) {
            break;
        }
        events = step == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE;
    }
    return err_from_connection(err, ERR_WHERE, PQerrorMessage(s->pq));
}

static enum err_code start(struct pg_session *s, const PQconninfoOption *options, int64_t deadline,
                           struct err *err)
{
    struct keywords k = {0};
    struct lists l CLEANUP(lists_fini) = {0};
    buf_init(&l.hosts, 4096);
    buf_init(&l.addresses, 4096);
    buf_init(&l.ports, 1024);
    set(&k, "fallback_application_name", s->pool->opts.application_name);
    set(&k, "gssencmode", "disable"); /* asks for a ticket, blocking; a DSN may want it */
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
        if (o->val != NULL && o->val[0] != '\0') {
            set(&k, o->keyword, o->val);
        }
    }
    if (option(options, "hostaddr") == NULL) {
        const char *port = option(options, "port");
        enum err_code rc = resolve_all(str_c(option(options, "host")),
                                       port != NULL ? str_c(port) : STR(""), deadline, &l, err);
        if (rc != ERR_OK) {
            return rc;
        }
        set(&k, "host", buf_c(&l.hosts));
        set(&k, "hostaddr", buf_c(&l.addresses));
        if (port != NULL) {
            set(&k, "port", buf_c(&l.ports));
        }
    }
    set(&k, "client_encoding", "UTF8");
    s->pq = PQconnectStartParams(k.names, k.values, 0);
    BUG_ON(s->pq == NULL);                        /* out of memory */
    PQsetErrorVerbosity(s->pq, PQERRORS_VERBOSE); /* with the SQLSTATE of a refusal */
    PQsetNoticeProcessor(s->pq, ignore_notice, NULL);
    return handshake(s, deadline, err);
}

static enum err_code setup(struct pg_session *s, int64_t deadline, struct err *err)
{
    struct arena arena CLEANUP(arena_fini);
    struct pg_params params;
    arena_init(&arena);
    pg_params_init(&params, &arena);
    pg_add_text(&params, arena_strf(&arena, "%lld", (long long)s->pool->opts.statement_timeout_ms));
    pg_add_text(&params, str_c(s->pool->opts.role));
    enum err_code rc = pg_exec(s, &SQL_PG_SETUP, &params, deadline, NULL, NULL, err);
    if (rc == ERR_DENIED || rc == ERR_INVALID) {
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG,
                           "the login role of the Postgres DSN may not be the role it should be");
    }
    return rc;
}

static enum err_code connect_steps(struct pg_session *s, int64_t deadline, struct err *err)
{
    PQconninfoOption *options CLEANUP(options_free) = NULL;
    enum err_code rc = parse(s->pool->opts.conninfo, &options, err);
    if (rc == ERR_OK) {
        rc = start(s, options, deadline, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    PQsetErrorVerbosity(s->pq, PQERRORS_DEFAULT);
    BUG_ON(PQsetnonblocking(s->pq, 1) != 0);
    session_watch(s);
    return setup(s, deadline, err);
}

enum err_code session_connect(struct pg_pool *pool, int64_t deadline,
                              struct pg_session **ret_session, struct err *err)
{
    struct err local;
    int64_t bound = co_after(pool->opts.connect_timeout_ms);
    struct pg_session *s = xcalloc(1, sizeof *s);
    err = err != NULL ? err : &local;
    s->pool = pool;
    list_init(&s->node);
    map_init(&s->prepared);
    enum err_code rc = connect_steps(s, MIN(deadline, bound), err);
    if (rc == ERR_TIMEOUT && bound < deadline) {
        rc = ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "postgres: no connection in %lld ms",
                         (long long)pool->opts.connect_timeout_ms);
    }
    metric_inc(METRIC_PG_CONNECTS, err_code_name(rc));
    if (rc != ERR_OK) {
        pool->healthy = pool->healthy && (rc == ERR_CANCELED || rc == ERR_TIMEOUT);
        session_free(s);
        return rc;
    }
    pool->healthy = true;
    pool->reached = true;
    *ret_session = s;
    return ERR_OK;
}
