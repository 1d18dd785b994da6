#include "base/buf.h"
#include "base/encode.h"
#include "crypto/crypto.h"
#include "migrate_plan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_sql(const struct dirent *entry)
{
    return str_ends(str_c(entry->d_name), STR(".sql"));
}

static enum err_code read_file(const char *path, struct arena *arena, struct str *ret_text,
                               struct err *err)
{
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, MIGRATION_FILE_MAX_BYTES);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return ERR_SET(err, ERR_IO, "%s: %s", path, strerrorname_np(errno));
    }
    char part[2048];
    size_t got;
    while ((got = fread(part, 1, sizeof part, file)) > 0) {
        buf_add(&text, (struct str){part, got});
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) {
        return ERR_SET(err, ERR_IO, "%s cannot be read", path);
    }
    enum err_code rc = buf_ok(&text, err);
    if (rc != ERR_OK) {
        return err_wrap(err, "%s", path);
    }
    if (!str_is_utf8(buf_str(&text))) {
        return ERR_SET(err, ERR_CONFIG, "%s is not UTF-8 text", path);
    }
    *ret_text = arena_str(arena, buf_str(&text));
    return ERR_OK;
}

static void checksum(struct str text, char out[65])
{
    uint8_t hash[CRYPTO_SHA256_LEN];
    struct buf hex CLEANUP(buf_fini);
    crypto_sha256(text, hash);
    buf_init(&hex, 64);
    hex_encode(&hex, (struct str){(const char *)hash, sizeof hash});
    memcpy(out, buf_c(&hex), 65);
}

static enum err_code read_migration(const char *folder, const char *file_name, int32_t expected,
                                    struct arena *arena, struct migration *ret_migration,
                                    struct err *err)
{
    struct migration m = {0};
    struct str name;
    if (!migration_name_parse(str_c(file_name), &m.version, &name)) {
        return ERR_SET(err, ERR_CONFIG, "%s/%s: a migration is named 0001_lower_case.sql", folder,
                       file_name);
    }
    if (m.version != expected) {
        return ERR_SET(err, ERR_CONFIG, "%s: %04d comes where %04d is expected", folder, m.version,
                       expected);
    }
    m.name = arena_str(arena, name);
    enum err_code rc =
        read_file(arena_strf(arena, "%s/%s", folder, file_name).ptr, arena, &m.sql, err);
    if (rc != ERR_OK) {
        return rc;
    }
    checksum(m.sql, m.checksum);
    *ret_migration = m;
    return ERR_OK;
}

enum err_code migration_list_read(const char *folder, struct arena *arena,
                                  struct migration_list *ret_list, struct err *err)
{
    struct dirent **entries = NULL;
    int found = scandir(folder, &entries, is_sql, by_name);
    if (found < 0) {
        return ERR_SET(err, ERR_CONFIG, "%s: %s", folder, strerrorname_np(errno));
    }
    enum err_code rc = ERR_OK;
    if (found == 0) {
        rc = ERR_SET(err, ERR_CONFIG, "%s holds no migration", folder);
    } else if (found > MIGRATION_COUNT_MAX) {
        rc = ERR_SET(err, ERR_TOO_BIG, "%s holds more than %d migrations", folder,
                     MIGRATION_COUNT_MAX);
    }
    struct migration *items = ARENA_ARRAY(arena, struct migration, (size_t)found + 1);
    for (int i = 0; i < found; i++) {
        if (rc == ERR_OK) {
            rc = read_migration(folder, entries[i]->d_name, i + 1, arena, &items[i], err);
        }
        free(entries[i]);
    }
    free(entries);
    if (rc == ERR_OK) {
        *ret_list = (struct migration_list){items, (size_t)found};
    }
    return rc;
}
