/* calfleetctl migrate: applies db/migrations, each file once, in order, in a transaction of its
 * own. Safe to run twice and by two at once. */
#include "migrate_pg.h"
#include "verb.h"

#include <stdio.h>

/* clang-format off */
#define MIGRATE_CONFIG(C) \
    C(pg_dsn, STRING, "", 0, 4096, "", CONFIG_REQUIRED | CONFIG_HIDDEN, "the database, as libpq takes it; the role must be a member of `calfleet_migrate`, for 0001 the owner of the host's tables with the right to create roles") \
    C(dir, STRING, "db/migrations", 1, 4096, "", 0, "folder of the migrations") \
    C(status, BOOL, "false", 0, 0, "", 0, "tell what is applied and what is not, change nothing; exit 75 where something is to be done") \
    C(json, BOOL, "false", 0, 0, "", 0, "one JSON object a line instead of text") \
    C(host_standin, BOOL, "false", 0, 0, "", 0, "development only: where the host platform is not there, apply its stand-in first") \
    C(host_dir, STRING, "db/host", 1, 4096, "", 0, "folder of the stand-in") \
    C(connect_timeout, DURATION, "10s", 1000, 600000, "", 0, "for the connection") \
    C(turn_timeout, DURATION, "10m", 1000, 86400000, "", 0, "for another migration that is at work") \
    C(lock_timeout, DURATION, "10s", 100, 3600000, "", 0, "for a lock within a migration; while it waits for one, the table's traffic waits as well")
CONFIG_STRUCT(migrate_config, MIGRATE_CONFIG)
/* clang-format on */
static const struct config_table *migrate_config_table(void);

/* One line a migration; names and checksums need no escaping. */
static void print_row(const struct migrate_config *conf, const struct migration *m,
                      const char *state, int64_t ms)
{
    if (conf->json) {
        printf("{\"version\":%d,\"name\":\"%.*s\",\"state\":\"%s\",\"checksum\":\"%s\"", m->version,
               STR_ARG(m->name), state, m->checksum);
        if (ms >= 0) {
            printf(",\"ms\":%lld", (long long)ms);
        }
        printf("}\n");
    } else if (ms >= 0) {
        printf("%04d_%.*s %s in %lld ms\n", m->version, STR_ARG(m->name), state, (long long)ms);
    } else {
        printf("%04d_%.*s %s\n", m->version, STR_ARG(m->name), state);
    }
    fflush(stdout);
}

/* The stand-in where it was asked for and is needed; after this the host's tables are there.
 * errs: ERR_CONFIG if not. */
static enum err_code prepare_host(const struct migrate_config *conf, PGconn *conn,
                                  struct arena *arena, struct err *err)
{
    bool present = false;
    enum err_code rc = migrate_host_present(conn, &present, err);
    if (rc != ERR_OK || present) {
        return rc;
    }
    if (!conf->host_standin) {
        return ERR_SET(err, ERR_CONFIG,
                       "the host platform's tables are not there: is this its database? (for "
                       "development there is --host-standin)");
    }
    struct migration_list files = {0};
    rc = migration_list_read(conf->host_dir.ptr, arena, &files, err);
    if (rc == ERR_OK) {
        rc = migrate_host_apply(conn, &files, err);
    }
    if (rc != ERR_OK) {
        return err_wrap(err, "the host's stand-in");
    }
    fprintf(stderr, "calfleetctl: the host platform's stand-in was applied\n");
    return ERR_OK;
}

static enum err_code apply_pending(const struct migrate_config *conf, PGconn *conn,
                                   const struct migration_list *files, size_t applied,
                                   struct err *err)
{
    for (size_t i = applied; i < files->count; i++) {
        int64_t ms = 0;
        enum err_code rc = migrate_apply(conn, &files->items[i], CALFLEET_VERSION, &ms, err);
        if (rc != ERR_OK) {
            return rc;
        }
        print_row(conf, &files->items[i], "applied", ms);
    }
    return ERR_OK;
}

/* ret_pending: migrations that are not applied at the end. */
static enum err_code migrate(const struct migrate_config *conf, struct arena *arena,
                             size_t *ret_pending, struct err *err)
{
    const struct migrate_limits limits = {
        .connect_ms = conf->connect_timeout,
        .turn_ms = conf->turn_timeout,
        .lock_ms = conf->lock_timeout,
    };
    struct migration_list files = {0};
    struct migration_list there = {0};
    PGconn *conn CLEANUP(migrate_disconnect) = NULL;
    size_t applied = 0;
    enum err_code rc = migration_list_read(conf->dir.ptr, arena, &files, err);
    if (rc == ERR_OK) {
        rc = migrate_connect(conf->pg_dsn.ptr, &limits, &conn, err);
    }
    if (rc == ERR_OK && !conf->status) {
        rc = migrate_take_turn(conn, &limits, err);
    }
    if (rc == ERR_OK && !conf->status) {
        rc = prepare_host(conf, conn, arena, err);
    }
    if (rc == ERR_OK) {
        rc = migrate_applied(conn, arena, &there, err);
    }
    if (rc == ERR_OK) {
        rc = migration_plan(&files, &there, &applied, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    if (there.count > files.count) {
        fprintf(stderr, "calfleetctl: the database is %zu migrations ahead of this release\n",
                there.count - files.count);
    }
    if (conf->status) {
        for (size_t i = 0; i < files.count; i++) {
            print_row(conf, &files.items[i], i < applied ? "applied" : "pending", -1);
        }
        *ret_pending = files.count - applied;
        return ERR_OK;
    }
    *ret_pending = 0;
    return apply_pending(conf, conn, &files, applied, err);
}

static int exit_code(enum err_code code)
{
    switch ((int)code) {
    case ERR_TIMEOUT:
    case ERR_UNAVAILABLE:
    case ERR_CONFLICT:
        return CONFIG_EXIT_RETRY;
    case ERR_INTERNAL:
    case ERR_PROTO:
        return CONFIG_EXIT_INTERNAL;
    default:
        return CONFIG_EXIT_CONFIG;
    }
}

int verb_migrate(int argc, char **argv)
{
    struct migrate_config conf = {0};
    int code = CONFIG_EXIT_INTERNAL;
    struct config *options =
        verb_options("calfleetctl migrate",
                     "Applies the migrations that the database does not have yet, each once", NULL,
                     migrate_config_table(), &conf, argc, argv, &code);
    if (options == NULL) {
        return code;
    }
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    struct err err;
    size_t pending = 0;
    if (migrate(&conf, &arena, &pending, &err) != ERR_OK) {
        fprintf(stderr, "calfleetctl migrate: %s\n", err.text);
        code = exit_code(err.code);
    } else {
        code = pending > 0 ? CONFIG_EXIT_RETRY : CONFIG_EXIT_OK;
    }
    config_free(options);
    return code;
}

static CONFIG_TABLE(migrate_config, MIGRATE_CONFIG)
