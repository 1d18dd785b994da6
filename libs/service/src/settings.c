#include "service_int.h"

#include "base/arena.h"
#include "base/vec.h"
#include "observe/log.h"

#include <stdio.h>
#include <unistd.h>

/* --help of the largest service is a tenth of this; mistakes are bounded by the settings' file. */
#define OUTPUT_MAX_BYTES (4 << 20)

static CONFIG_TABLE(service_config, SERVICE_CONFIG)

    /* The names that the host platform's operators know. */
    static const struct config_alias aliases[] = {
        {"GOOGLE_CALENDAR_CLIENT_ID", "google_client_id"},
        {"GOOGLE_CALENDAR_CLIENT_SECRET", "google_client_secret"},
};

/* Read by libs/runtime, by scripts/stack and by the tests. */
static const char *const foreign_env[] = {"CALFLEET_FAILPOINT", "CALFLEET_STACK_",
                                          "CALFLEET_TEST_"};

static void print(FILE *to, const struct buf *text)
{
    fwrite(buf_c(text), 1, text->len, to);
    fflush(to);
}

bool settings_load(struct process *p, int argc, char **argv, int *ret_exit)
{
    static struct config_binding tables[2];
    static struct config_spec spec;
    struct buf out CLEANUP(buf_fini);
    struct buf messages CLEANUP(buf_fini);

    tables[0] = (struct config_binding){service_config_table(), &p->shared};
    spec = (struct config_spec){
        .program = p->service->name,
        .version = CALFLEET_VERSION,
        .about = p->service->about,
        .tables = tables,
        .table_count = 1,
        .aliases = aliases,
        .alias_count = ARRAY_LEN(aliases),
        .foreign_env = foreign_env,
        .foreign_env_count = ARRAY_LEN(foreign_env),
    };
    if (p->service->config != NULL) {
        const struct config_table *own = p->service->config();
        void *values = xcalloc(1, own->size);
        tables[spec.table_count++] = (struct config_binding){own, values};
        p->run.config = values;
    }
    buf_init(&out, OUTPUT_MAX_BYTES);
    buf_init(&messages, OUTPUT_MAX_BYTES);
    p->config = config_load(&spec, argc, argv, environ, &out, &messages, ret_exit);
    print(stdout, &out);
    print(stderr, &messages);
    if (p->config == NULL) {
        settings_free(p);
    }
    return p->config != NULL;
}

void settings_free(struct process *p)
{
    p->config = config_free(p->config);
    xfree_ptr(&p->run.config);
}

void settings_log(const struct process *p)
{
    const char *name, *value, *source;
    struct arena arena CLEANUP(arena_fini);
    VEC(struct log_field) fields = {0};

    arena_init(&arena);
    for (size_t at = 0; config_next(p->config, &at, &name, &value, &source);) {
        vec_push(&fields, F_STR(name, arena_strf(&arena, "%s [%s]", value, source)));
    }
    if (log_enabled(LOG_LEVEL_INFO)) {
        log_write(LOG_LEVEL_INFO, "service.config", "settings in force", fields.ptr, fields.len);
    }
    vec_fini(&fields);
}
