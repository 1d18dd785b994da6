#include "verb.h"

#include <stdio.h>
#include <unistd.h>

/* Far more than the help of any verb. */
#define OUTPUT_MAX_BYTES 1048576

struct config *verb_options(const char *program, const char *about, const char *operands,
                            const struct config_table *table, void *values, int argc, char **argv,
                            int *ret_exit)
{
    /* A verb runs where services are configured, too. */
    static const char *const foreign_env[] = {"CALFLEET_"};
    const struct config_binding tables[] = {{table, values}};
    const struct config_spec spec = {
        .program = program,
        .version = CALFLEET_VERSION,
        .about = about,
        .operands = operands,
        .tables = tables,
        .table_count = ARRAY_LEN(tables),
        .foreign_env = foreign_env,
        .foreign_env_count = ARRAY_LEN(foreign_env),
    };
    struct buf out CLEANUP(buf_fini);
    struct buf messages CLEANUP(buf_fini);
    buf_init(&out, OUTPUT_MAX_BYTES);
    buf_init(&messages, OUTPUT_MAX_BYTES);
    struct config *config = config_load(&spec, argc, argv, environ, &out, &messages, ret_exit);
    fputs(buf_c(&out), stdout);
    fputs(buf_c(&messages), stderr);
    return config;
}
