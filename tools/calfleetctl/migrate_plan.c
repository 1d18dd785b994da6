#include "migrate_plan.h"

#define VERSION_DIGITS 4

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

bool migration_name_parse(struct str file_name, int32_t *ret_version, struct str *ret_name)
{
    const struct str suffix = STR(".sql");
    int32_t version = 0;
    if (file_name.len < VERSION_DIGITS + 2 + suffix.len || !str_ends(file_name, suffix) ||
        file_name.ptr[VERSION_DIGITS] != '_') {
        return false;
    }
    for (size_t i = 0; i < VERSION_DIGITS; i++) {
        if (file_name.ptr[i] < '0' || file_name.ptr[i] > '9') {
            return false;
        }
        version = version * 10 + (file_name.ptr[i] - '0');
    }
    struct str name =
        str_sub(file_name, VERSION_DIGITS + 1, file_name.len - VERSION_DIGITS - 1 - suffix.len);
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_char(name.ptr[i])) {
            return false;
        }
    }
    if (version == 0) {
        return false;
    }
    *ret_version = version;
    *ret_name = name;
    return true;
}

enum err_code migration_plan(const struct migration_list *files,
                             const struct migration_list *applied, size_t *ret_applied,
                             struct err *err)
{
    for (size_t i = 0; i < applied->count; i++) {
        const struct migration *there = &applied->items[i];
        if (there->version != (int32_t)i + 1) {
            return ERR_SET(err, ERR_CONFIG,
                           "the database says that %04d is applied but not %04zu: its list of "
                           "migrations was tampered with",
                           there->version, i + 1);
        }
        if (i >= files->count) {
            continue;
        }
        const struct migration *file = &files->items[i];
        if (!str_eq(there->name, file->name)) {
            return ERR_SET(err, ERR_CONFIG, "%04d was applied as \"%.*s\", the file is \"%.*s\"",
                           there->version, STR_ARG(there->name), STR_ARG(file->name));
        }
        if (strcmp(there->checksum, file->checksum) != 0) {
            return ERR_SET(err, ERR_CONFIG,
                           "%04d_%.*s.sql was edited after it was applied: put it back and add a "
                           "new migration",
                           file->version, STR_ARG(file->name));
        }
    }
    *ret_applied = MIN(applied->count, files->count);
    return ERR_OK;
}
