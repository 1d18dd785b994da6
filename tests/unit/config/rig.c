#include "rig.h"

static CONFIG_TABLE(rig_config, RIG_CONFIG)

    void rig_load(struct rig *rig, const char *const *args, const char *const *env)
{
    static const char *const foreign[] = {"CALFLEET_TEST_"};
    static const struct config_alias aliases[] = {{"LEGACY_SECRET", "api_secret"}};
    static struct config_binding binding;
    static struct config_spec spec;
    char *argv[16] = {(char[]){"demo"}};
    char *envp[16] = {0};
    int argc = 1;

    *rig = (struct rig){0};
    for (; args[argc - 1] != NULL; argc++) {
        argv[argc] = xstrdup(args[argc - 1]);
    }
    for (size_t i = 0; env[i] != NULL; i++) {
        envp[i] = xstrdup(env[i]);
    }
    binding = (struct config_binding){rig_config_table(), &rig->conf};
    spec = (struct config_spec){
        .program = "demo",
        .version = "1.2.3",
        .about = "Shows how settings are read",
        .tables = &binding,
        .table_count = 1,
        .aliases = aliases,
        .alias_count = ARRAY_LEN(aliases),
        .foreign_env = foreign,
        .foreign_env_count = ARRAY_LEN(foreign),
    };
    buf_init(&rig->out, 1 << 20);
    buf_init(&rig->messages, 1 << 20);
    rig->config = config_load(&spec, argc, argv, envp, &rig->out, &rig->messages, &rig->exit_code);
    for (int i = 1; i < argc; i++) {
        free(argv[i]);
    }
    for (size_t i = 0; envp[i] != NULL; i++) {
        free(envp[i]);
    }
}

void rig_fini(struct rig *rig)
{
    rig->config = config_free(rig->config);
    buf_fini(&rig->out);
    buf_fini(&rig->messages);
}

const char *rig_file(struct str content)
{
    static char paths[4][64];
    static size_t turn;
    char *path = paths[turn++ % ARRAY_LEN(paths)];
    snprintf(path, sizeof paths[0], "/tmp/calfleet-config-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.ptr, content.len), (ssize_t)content.len);
    close(fd);
    return path;
}
