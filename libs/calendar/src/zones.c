/* The cache of zones; the one place of this library that reads files. */
#include "base/map.h"
#include "zone_int.h"

#include <stdio.h>

#define ZONE_FILE_MAX (256 * 1024)
#define ZONE_NAME_MAX 64
#define ZONES_MAX 2000 /* IANA has about 600 names; what a peer can invent is not kept */

struct calendar_zones {
    char *dir;
    struct map by_name;
};

struct calendar_zones *calendar_zones_new(const char *dir)
{
    struct calendar_zones *zones = xcalloc(1, sizeof *zones);
    zones->dir = xstrdup(dir != NULL ? dir : "/usr/share/zoneinfo");
    map_init(&zones->by_name);
    return zones;
}

struct calendar_zones *calendar_zones_free(struct calendar_zones *zones)
{
    if (zones != NULL) {
        size_t at = 0;
        void *zone;
        while (map_next(&zones->by_name, &at, NULL, &zone)) {
            calendar_zone_free(zone);
        }
        map_fini(&zones->by_name);
        free(zones->dir);
        free(zones);
    }
    return NULL;
}

/* Letters, digits and "+-_/", no dots: the name is a path below dir. What counts leap seconds or is
 * a second copy of the tree is no name. */
static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '+' || c == '-' || c == '_' || c == '/';
        if (!good) {
            return false;
        }
    }
    return name.len > 0 && name.len <= ZONE_NAME_MAX && name.ptr[0] != '/' &&
           !str_starts(name, STR("right/")) && !str_starts(name, STR("posix/"));
}

/* "GMT-07:00", "UTC+2", "GMT+0530" */
static bool parse_fixed(struct str name, int32_t *ret_offset)
{
    struct str digits;
    int64_t n;
    if ((!str_starts(name, STR("GMT")) && !str_starts(name, STR("UTC"))) || name.len < 5 ||
        (name.ptr[3] != '+' && name.ptr[3] != '-')) {
        return false;
    }
    char flat[5];
    size_t len = 0;
    digits = str_sub(name, 4, SIZE_MAX);
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] == ':' && (i == 1 || i == 2)) {
            continue;
        }
        if (len == 4) {
            return false;
        }
        flat[len++] = digits.ptr[i];
    }
    if (!str_to_i64((struct str){flat, len}, &n) || n < 0) {
        return false;
    }
    int64_t hours = len <= 2 ? n : n / 100;
    int64_t minutes = len <= 2 ? 0 : n % 100;
    if (hours > 18 || minutes > 59) {
        return false;
    }
    int32_t offset = (int32_t)(hours * 3600 + minutes * 60);
    *ret_offset = name.ptr[3] == '-' ? -offset : offset;
    return true;
}

static enum err_code load(const struct calendar_zones *zones, struct str name,
                          struct calendar_zone **ret_zone, struct err *err)
{
    char path[512];
    struct buf data CLEANUP(buf_fini);

    buf_init(&data, ZONE_FILE_MAX);
    snprintf(path, sizeof path, "%s/%.*s", zones->dir, STR_ARG(name));
    FILE *f = fopen(path, "rbe");
    if (f == NULL) {
        return ERR_SET(err, ERR_NOT_FOUND, "no such time zone");
    }
    char *to = buf_reserve(&data, ZONE_FILE_MAX);
    size_t n = fread(to, 1, ZONE_FILE_MAX, f);
    fclose(f);
    buf_used(&data, n);
    if (n == 0) { /* a directory: "Europe" */
        return ERR_SET(err, ERR_NOT_FOUND, "no such time zone");
    }
    return calendar_zone_parse(buf_str(&data), ret_zone, err);
}

enum err_code calendar_zone_find(struct calendar_zones *zones, struct str name,
                                 const struct calendar_zone **ret_zone, struct err *err)
{
    struct calendar_zone *zone = map_find(&zones->by_name, name);
    int32_t offset;

    if (zone != NULL) {
        *ret_zone = zone;
        return ERR_OK;
    }
    if (str_eq_c(name, "UTC") || str_eq_c(name, "GMT") || str_eq_c(name, "Z")) {
        *ret_zone = calendar_zone_utc();
        return ERR_OK;
    }
    if (zones->by_name.len >= ZONES_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %d time zones", ZONES_MAX);
    }
    if (parse_fixed(name, &offset)) {
        zone = xcalloc(1, sizeof *zone);
        zone->first_offset = offset;
    } else if (!is_name(name)) {
        return ERR_SET(err, ERR_NOT_FOUND, "no such time zone");
    } else {
        enum err_code rc = load(zones, name, &zone, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    map_put(&zones->by_name, name, zone);
    *ret_zone = zone;
    return ERR_OK;
}
