/* What the runner decides from files and from what is applied. */
#include "migrate_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants setjmp, stdarg and stddef first */
#include <cmocka.h>

static void test_names(void **state UNUSED)
{
    static const struct {
        const char *file;
        int32_t version; /* 0: refused */
        const char *name;
    } cases[] = {
        {"0001_foundation.sql", 1, "foundation"},
        {"9999_a_1.sql", 9999, "a_1"},
        {"0000_zero.sql", 0, NULL},
        {"001_short.sql", 0, NULL},
        {"00001_long.sql", 0, NULL},
        {"0001_.sql", 0, NULL},
        {"0001-dash.sql", 0, NULL},
        {"0001_Upper.sql", 0, NULL},
        {"0001_dot.dot.sql", 0, NULL},
        {"0001_a.sql.orig", 0, NULL},
        {"-001_a.sql", 0, NULL},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int32_t version = 0;
        struct str name = {0};
        bool ok = migration_name_parse(str_c(cases[i].file), &version, &name);
        assert_int_equal(ok, cases[i].version != 0);
        assert_int_equal(version, cases[i].version);
        assert_true(!ok || str_eq_c(name, cases[i].name));
    }
}

/* ---- plan ----------------------------------------------------------------------------------- */

static struct migration made(int32_t version, const char *name, const char *checksum)
{
    struct migration m = {.version = version, .name = str_c(name)};
    snprintf(m.checksum, sizeof m.checksum, "%s", checksum);
    return m;
}

static enum err_code plan(struct migration *files, size_t file_count, struct migration *applied,
                          size_t applied_count, size_t *ret_applied)
{
    const struct migration_list f = {files, file_count};
    const struct migration_list a = {applied, applied_count};
    struct err err;
    return migration_plan(&f, &a, ret_applied, &err);
}

static void test_the_rest_is_to_be_applied(void **state UNUSED)
{
    struct migration files[] = {made(1, "a", "x"), made(2, "b", "y"), made(3, "c", "z")};
    size_t applied = 9;
    for (size_t there = 0; there <= 3; there++) {
        assert_int_equal(plan(files, 3, files, there, &applied), ERR_OK);
        assert_int_equal(applied, there);
    }
}

static void test_an_edited_or_renamed_one_is_refused(void **state UNUSED)
{
    struct migration files[] = {made(1, "a", "x"), made(2, "b", "y")};
    struct migration edited[] = {made(1, "a", "other")};
    struct migration renamed[] = {made(1, "a", "x"), made(2, "c", "y")};
    size_t applied = 9;
    assert_int_equal(plan(files, 2, edited, 1, &applied), ERR_CONFIG);
    assert_int_equal(plan(files, 2, renamed, 2, &applied), ERR_CONFIG);
    assert_int_equal(applied, 9);
}

static void test_a_gap_in_the_database_is_refused(void **state UNUSED)
{
    struct migration files[] = {made(1, "a", "x"), made(2, "b", "y"), made(3, "c", "z")};
    struct migration gap[] = {files[0], files[2]};
    size_t applied = 9;
    assert_int_equal(plan(files, 3, gap, 2, &applied), ERR_CONFIG);
    assert_int_equal(plan(files, 3, files + 1, 1, &applied), ERR_CONFIG);
}

static void test_a_newer_database_is_left_alone(void **state UNUSED)
{
    struct migration all[] = {made(1, "a", "x"), made(2, "b", "y")};
    size_t applied = 9;
    assert_int_equal(plan(all, 1, all, 2, &applied), ERR_OK);
    assert_int_equal(applied, 1);
}

/* ---- files ---------------------------------------------------------------------------------- */

struct folder {
    char path[64];
    struct arena arena;
};

static int folder_setup(void **state)
{
    struct folder *f = xcalloc(1, sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/test_migrate_plan.XXXXXX");
    assert_non_null(mkdtemp(f->path));
    arena_init(&f->arena);
    *state = f;
    return 0;
}

static int folder_teardown(void **state)
{
    struct folder *f = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", f->path);
    assert_int_equal(system(command), 0);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static void put(const struct folder *f, const char *name, const char *text)
{
    char path[192];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static enum err_code list(struct folder *f, struct migration_list *ret_list)
{
    struct err err;
    return migration_list_read(f->path, &f->arena, ret_list, &err);
}

static void test_files_are_read_in_order(void **state)
{
    struct folder *f = *state;
    put(f, "0002_b.sql", "SELECT 2;");
    put(f, "0001_a.sql", "abc");
    put(f, "README.md", "not ours");
    struct migration_list all = {0};
    assert_int_equal(list(f, &all), ERR_OK);
    assert_int_equal(all.count, 2);
    assert_true(str_eq_c(all.items[0].name, "a") && str_eq_c(all.items[1].sql, "SELECT 2;"));
    /* FIPS 180-2, appendix B.1 */
    assert_string_equal(all.items[0].checksum,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_a_gap_a_double_and_a_bad_name_are_refused(void **state)
{
    struct folder *f = *state;
    struct migration_list all = {0};
    assert_int_equal(list(f, &all), ERR_CONFIG); /* none at all */
    put(f, "0001_a.sql", "");
    put(f, "0003_c.sql", "");
    assert_int_equal(list(f, &all), ERR_CONFIG);
    put(f, "0002_b.sql", "");
    assert_int_equal(list(f, &all), ERR_OK);
    put(f, "0002_again.sql", "");
    assert_int_equal(list(f, &all), ERR_CONFIG);
}

static void test_a_file_that_is_no_text_is_refused(void **state)
{
    struct folder *f = *state;
    struct migration_list all = {0};
    put(f, "0001_a.sql", "SELECT '\xff';");
    assert_int_equal(list(f, &all), ERR_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_the_rest_is_to_be_applied),
        cmocka_unit_test(test_an_edited_or_renamed_one_is_refused),
        cmocka_unit_test(test_a_gap_in_the_database_is_refused),
        cmocka_unit_test(test_a_newer_database_is_left_alone),
        cmocka_unit_test_setup_teardown(test_files_are_read_in_order, folder_setup,
                                        folder_teardown),
        cmocka_unit_test_setup_teardown(test_a_gap_a_double_and_a_bad_name_are_refused,
                                        folder_setup, folder_teardown),
        cmocka_unit_test_setup_teardown(test_a_file_that_is_no_text_is_refused, folder_setup,
                                        folder_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
