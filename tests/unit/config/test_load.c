/* config: where values come from, and what is said when they are wrong. */
#include "rig.h"

#define SECRET_TEXT "s3cret-s3cret"

static bool says(const struct rig *rig, const char *text)
{
    return strstr(buf_c(&rig->messages), text) != NULL;
}

static void test_defaults_hold_where_nothing_is_set(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_load(&r, ARGS(), ARGS("PATH=/bin", "HOME=/root"));
    assert_non_null(r.config);
    assert_int_equal(r.conf.idle_timeout, 30000);
    assert_int_equal(r.conf.body_limit, 65536);
    assert_int_equal(r.conf.workers, 4);
    assert_int_equal(r.conf.mode, 0);
    assert_true(r.conf.http2);
    assert_int_equal(r.conf.listen.port, 8080);
    assert_string_equal(r.conf.name.ptr, "");
    assert_int_equal(config_secret(&r.conf.api_secret).len, 0);
    assert_int_equal(r.conf.origins.count, 0);
    assert_int_equal(r.messages.len, 0);
}

static void test_flag_beats_env_beats_file_beats_default(void **state UNUSED)
{
    char path[64];
    snprintf(path, sizeof path, "%s",
             rig_file(STR("# settings\n\nidle_timeout = 2s\nworkers=2\n  mode =  safe  \n")));
    struct rig r CLEANUP(rig_fini);
    rig_load(&r, ARGS("--config", path, "--idle-timeout=4s"),
             ARGS("CALFLEET_IDLE_TIMEOUT=3s", "CALFLEET_WORKERS=3"));
    assert_non_null(r.config);
    assert_int_equal(r.conf.idle_timeout, 4000);
    assert_int_equal(r.conf.workers, 3);
    assert_int_equal(r.conf.mode, 1);

    char from_file[128];
    snprintf(from_file, sizeof from_file, "file %s:5", path);
    const char *name, *value, *source;
    const char *want[][3] = {{"idle_timeout", "4s", "flag --idle-timeout"},
                             {"workers", "3", "env CALFLEET_WORKERS"},
                             {"mode", "safe", from_file},
                             {"http2", "true", "default"}};
    size_t seen = 0;
    for (size_t at = 0; config_next(r.config, &at, &name, &value, &source);) {
        for (size_t i = 0; i < ARRAY_LEN(want); i++) {
            if (strcmp(name, want[i][0]) == 0) {
                assert_string_equal(value, want[i][1]);
                assert_string_equal(source, want[i][2]);
                seen++;
            }
        }
    }
    assert_int_equal(seen, ARRAY_LEN(want));
    unlink(path);
}

static void test_both_forms_of_a_flag_and_bare_booleans(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_load(&r, ARGS("--workers", "7", "--http2=off", "--name", "a=b"), ARGS());
    assert_non_null(r.config);
    assert_int_equal(r.conf.workers, 7);
    assert_false(r.conf.http2);
    assert_string_equal(r.conf.name.ptr, "a=b");

    struct rig bare CLEANUP(rig_fini);
    rig_load(&bare, ARGS("--http2", "--workers=7"), ARGS("CALFLEET_HTTP2=off"));
    assert_non_null(bare.config);
    assert_true(bare.conf.http2);
    assert_int_equal(bare.conf.workers, 7);
}

static void test_all_mistakes_are_told_at_once_with_place_and_hint(void **state UNUSED)
{
    const char *path = rig_file(STR("workerz = 3\nno equals\nmode = slow\nmode = safe\n"));
    struct rig r CLEANUP(rig_fini);
    rig_load(&r, ARGS("--config", path, "--idle-timeot=4s", "--body-limit=2MiB"),
             ARGS("CALFLEET_IDLE_TIMEOUT=35", "CALFLEET_WORKER=3", "CALFLEET_HTTP2=maybe"));
    assert_null(r.config);
    assert_int_equal(r.exit_code, CONFIG_EXIT_CONFIG);
    assert_true(says(&r, "demo: --idle-timeot (flag): there is no such setting; did you mean "
                         "--idle-timeout?\n"));
    assert_true(says(&r, "demo: CALFLEET_WORKER (environment): there is no such setting; did you "
                         "mean CALFLEET_WORKERS?\n"));
    assert_true(says(&r, "demo: workerz (file "));
    assert_true(says(&r, ":1): there is no such setting; did you mean workers?\n"));
    assert_true(says(&r, ":2): is not `name = value`\n"));
    assert_true(says(&r, ":4): is set twice; also by file "));
    assert_true(says(&r, ":3): \"slow\" is none of fast|safe\n"));
    assert_true(says(&r, "demo: idle_timeout (env CALFLEET_IDLE_TIMEOUT): \"35\" is no duration"));
    assert_true(says(&r, "demo: body_limit (flag --body-limit): \"2MiB\" is out of bounds: a value "
                         "from 1 to 1MiB\n"));
    assert_true(says(&r, "\"maybe\" is neither true nor false\n"));
    assert_true(says(&r, "demo: 9 mistakes in the settings"));
    assert_int_equal(r.out.len, 0);
    unlink(path);
}

static void test_wrong_form_of_the_command_line_alone_is_64(void **state UNUSED)
{
    const char *const *const bad[] = {ARGS("--nothing-like-it"),
                                      ARGS("-v"),
                                      ARGS("operand"),
                                      ARGS("--workers"),
                                      ARGS("--workers", "--http2"),
                                      ARGS("--api-secret=" SECRET_TEXT),
                                      ARGS("--config")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct rig r CLEANUP(rig_fini);
        rig_load(&r, bad[i], ARGS());
        assert_null(r.config);
        assert_int_equal(r.exit_code, CONFIG_EXIT_USAGE);
        assert_null(strstr(buf_c(&r.messages), SECRET_TEXT));
    }
}

static void test_names_of_others_in_the_environment_are_left_alone(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_load(&r, ARGS(),
             ARGS("CALFLEET_TEST_KAFKA=x", "CALFLEET_INGEST_SERVICE_HOST=10.0.0.1",
                  "CALFLEET_INGEST_SERVICE_PORT_HTTP=80", "CALFLEET_INGEST_PORT=tcp://10.0.0.1:80",
                  "CALFLEET_INGEST_PORT_80_TCP_ADDR=10.0.0.1"));
    assert_non_null(r.config);
}

static void test_missing_file_of_settings_is_told(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_load(&r, ARGS(), ARGS("CALFLEET_CONFIG=/nowhere/calfleet.conf"));
    assert_null(r.config);
    assert_int_equal(r.exit_code, CONFIG_EXIT_CONFIG);
    assert_true(says(&r, "(/nowhere/calfleet.conf): cannot be opened: No such file"));
}

static void test_secret_comes_from_its_own_file_less_one_newline(void **state UNUSED)
{
    const char *path = rig_file(STR(SECRET_TEXT "\n\n"));
    char env[128];
    snprintf(env, sizeof env, "CALFLEET_API_SECRET_FILE=%s", path);
    struct rig r CLEANUP(rig_fini);
    rig_load(&r, ARGS(), ARGS(env));
    assert_non_null(r.config);
    assert_true(str_eq(config_secret(&r.conf.api_secret), STR(SECRET_TEXT "\n")));

    struct rig flag CLEANUP(rig_fini);
    rig_load(&flag, ARGS("--api-secret-file", path), ARGS("CALFLEET_API_SECRET=other-other"));
    assert_non_null(flag.config);
    assert_true(str_eq(config_secret(&flag.conf.api_secret), STR(SECRET_TEXT "\n")));

    struct rig twice CLEANUP(rig_fini);
    rig_load(&twice, ARGS(), ARGS(env, "CALFLEET_API_SECRET=" SECRET_TEXT));
    assert_null(twice.config);
    assert_true(says(&twice, "is set twice"));

    struct rig gone CLEANUP(rig_fini);
    rig_load(&gone, ARGS("--api-secret-file=/nowhere/secret"), ARGS());
    assert_null(gone.config);
    assert_true(says(&gone, "(/nowhere/secret)): cannot be opened"));
    unlink(path);
}

static void test_alias_is_read_and_our_own_name_wins(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_load(&r, ARGS(), ARGS("LEGACY_SECRET=from-the-alias"));
    assert_true(str_eq(config_secret(&r.conf.api_secret), STR("from-the-alias")));

    struct rig both CLEANUP(rig_fini);
    rig_load(&both, ARGS(),
             ARGS("CALFLEET_API_SECRET=from-our-name", "LEGACY_SECRET=from-the-alias"));
    assert_non_null(both.config);
    assert_true(str_eq(config_secret(&both.conf.api_secret), STR("from-our-name")));
}

static void test_secrets_are_never_printed(void **state UNUSED)
{
    const char *const *const verbs[] = {ARGS("--print-config"), ARGS("--check-config"),
                                        ARGS("--help"), ARGS("--print-config-docs"),
                                        ARGS("--workers=x")};
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        struct rig r CLEANUP(rig_fini);
        rig_load(&r, verbs[i],
                 ARGS("CALFLEET_API_SECRET=" SECRET_TEXT, "CALFLEET_DSN=password=" SECRET_TEXT,
                      "CALFLEET_HIDDEN_LIST=sasl.password=" SECRET_TEXT));
        assert_null(r.config);
        assert_null(strstr(buf_c(&r.out), SECRET_TEXT));
        assert_null(strstr(buf_c(&r.messages), SECRET_TEXT));
    }
    struct rig wrong CLEANUP(rig_fini);
    rig_load(&wrong, ARGS(), ARGS("CALFLEET_API_SECRET=short7!", "CALFLEET_TOKEN_KEYS=1:short7!"));
    assert_int_equal(wrong.exit_code, CONFIG_EXIT_CONFIG);

    struct rig listed CLEANUP(rig_fini);
    rig_load(&listed, ARGS("--origins=a=b, sasl.password=" SECRET_TEXT), ARGS());
    assert_int_equal(listed.exit_code, CONFIG_EXIT_CONFIG);
    assert_true(says(&listed, "holds a secret, but this list is printed"));
    assert_null(strstr(buf_c(&listed.messages), SECRET_TEXT));
    assert_null(strstr(buf_c(&wrong.messages), "short7!"));
}

static void test_printed_settings_are_a_file_that_reads_back(void **state UNUSED)
{
    struct rig r CLEANUP(rig_fini);
    rig_load(&r, ARGS("--print-config", "--mode=safe", "--origins=a, b"),
             ARGS("CALFLEET_API_SECRET=" SECRET_TEXT));
    assert_int_equal(r.exit_code, 0);
    assert_non_null(strstr(buf_c(&r.out), "# flag --mode\nmode = safe\n"));
    assert_non_null(strstr(buf_c(&r.out), "# env CALFLEET_API_SECRET\n# api_secret = ***\n"));

    const char *path = rig_file(buf_str(&r.out));
    struct rig back CLEANUP(rig_fini);
    rig_load(&back, ARGS("--config", path), ARGS());
    assert_non_null(back.config);
    assert_int_equal(back.conf.mode, 1);
    assert_int_equal(back.conf.origins.count, 2);
    unlink(path);
}

static void test_help_and_version_work_whatever_else_is_wrong(void **state UNUSED)
{
    struct rig help CLEANUP(rig_fini);
    rig_load(&help, ARGS("--workers=x", "--help", "--version"), ARGS("CALFLEET_NONE=1"));
    assert_int_equal(help.exit_code, 0);
    assert_int_equal(help.messages.len, 0);
    assert_non_null(strstr(buf_c(&help.out), "--idle-timeout=<duration>  [30s]\n"));
    assert_non_null(strstr(buf_c(&help.out), "--api-secret-file=PATH"));
    assert_null(strstr(buf_c(&help.out), "`it`"));

    struct rig version CLEANUP(rig_fini);
    rig_load(&version, ARGS("--version"), ARGS());
    assert_string_equal(buf_c(&version.out), "demo 1.2.3\n");

    struct rig check CLEANUP(rig_fini);
    rig_load(&check, ARGS("--check-config", "--workers=x"), ARGS());
    assert_int_equal(check.exit_code, CONFIG_EXIT_CONFIG);
}

static void note_change(void *arg, const char *name)
{
    assert_string_equal(name, "api_secret");
    ++*(int *)arg;
}

static void write_file(const char *path, const char *content)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static void test_secret_file_is_read_again_when_it_changes(void **state UNUSED)
{
    const char *path = rig_file(STR("first-secret\n"));
    struct rig r CLEANUP(rig_fini);
    struct err err;
    int changes = 0;
    rig_load(&r, ARGS("--api-secret-file", path), ARGS());
    assert_non_null(r.config);
    struct str before = config_secret(&r.conf.api_secret);

    assert_int_equal(config_secret_reload(r.config, note_change, &changes, &err), ERR_OK);
    assert_int_equal(changes, 0);
    write_file(path, "second-secret");
    assert_int_equal(config_secret_reload(r.config, note_change, &changes, &err), ERR_OK);
    assert_int_equal(changes, 1);
    assert_true(str_eq(config_secret(&r.conf.api_secret), STR("second-secret")));
    assert_true(str_eq(before, STR("first-secret")));

    static const char *const bad[] = {"short", ""};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        write_file(path, bad[i]);
        assert_int_equal(config_secret_reload(r.config, note_change, &changes, &err), ERR_CONFIG);
        assert_true(str_eq(config_secret(&r.conf.api_secret), STR("second-secret")));
    }
    unlink(path);
    assert_int_equal(config_secret_reload(r.config, note_change, &changes, &err), ERR_CONFIG);
    assert_int_equal(changes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_hold_where_nothing_is_set),
        cmocka_unit_test(test_flag_beats_env_beats_file_beats_default),
        cmocka_unit_test(test_both_forms_of_a_flag_and_bare_booleans),
        cmocka_unit_test(test_all_mistakes_are_told_at_once_with_place_and_hint),
        cmocka_unit_test(test_wrong_form_of_the_command_line_alone_is_64),
        cmocka_unit_test(test_names_of_others_in_the_environment_are_left_alone),
        cmocka_unit_test(test_missing_file_of_settings_is_told),
        cmocka_unit_test(test_secret_comes_from_its_own_file_less_one_newline),
        cmocka_unit_test(test_alias_is_read_and_our_own_name_wins),
        cmocka_unit_test(test_secrets_are_never_printed),
        cmocka_unit_test(test_printed_settings_are_a_file_that_reads_back),
        cmocka_unit_test(test_help_and_version_work_whatever_else_is_wrong),
        cmocka_unit_test(test_secret_file_is_read_again_when_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
