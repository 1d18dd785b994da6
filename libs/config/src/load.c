/* Where values come from: flags, environment, file. */
#include "config_int.h"

#include <stdio.h>

#define ENV_PREFIX STR("CALFLEET_")

/* The name as the reader of the place would write it. */
static void print_name(struct buf *out, enum config_rank rank, struct str name)
{
    if (rank == CONFIG_RANK_FLAG) {
        config_print_flag(out, name);
    } else if (rank == CONFIG_RANK_ENV) {
        config_print_env(out, name);
    } else {
        buf_add(out, name);
    }
}

static void unknown(struct config *c, enum config_rank rank, const char *as_written,
                    const char *place, struct str name)
{
    struct buf hint CLEANUP(buf_fini);
    buf_init(&hint, 512);
    bool file = false;
    const char *near = config_suggest(c, name, &file);
    if (near != NULL) {
        struct buf meant CLEANUP(buf_fini);
        buf_init(&meant, 256);
        buf_add_f(&meant, "%s%s", near, file ? "_file" : "");
        buf_add_c(&hint, "; did you mean ");
        print_name(&hint, rank, buf_str(&meant));
        buf_add_char(&hint, '?');
    }
    config_mistake(c, as_written, place, "there is no such setting%s", buf_c(&hint));
}

/* A value was found. Within one place a setting may stand once, in one of its two forms. */
static void offer(struct config *c, struct config_setting *s, bool file, enum config_rank rank,
                  const char *place, struct str value)
{
    if (rank < s->rank) {
        return;
    }
    if (rank == s->rank) {
        config_mistake(c, s->option->name, place, "is set twice; also by %.*s", STR_ARG(s->place));
        return;
    }
    s->rank = rank;
    s->place = arena_str(&c->arena, str_c(place));
    if (file && value.len == 0) {
        config_mistake(c, s->option->name, place, "names no file");
        s->text = STR("");
        return;
    }
    s->file = file ? arena_str(&c->arena, value) : STR("");
    s->text = file ? STR("") : arena_str(&c->arena, value);
}

/* ---- flags --------------------------------------------------------------------------------- */

static bool builtin_flag(struct str name, enum config_verb *verb)
{
    static const struct {
        const char *name;
        enum config_verb verb;
    } verbs[] = {
        {"help", CONFIG_VERB_HELP},
        {"version", CONFIG_VERB_VERSION},
        {"check-config", CONFIG_VERB_CHECK},
        {"print-config", CONFIG_VERB_PRINT},
        {"print-config-docs", CONFIG_VERB_DOCS},
    };
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (str_eq_c(name, verbs[i].name)) {
            /* --help wins over all, so that it helps whatever else stands there. */
            if (*verb != CONFIG_VERB_HELP) {
                *verb = verbs[i].verb;
            }
            return true;
        }
    }
    return false;
}

static void usage_mistake(struct config *c, const char *name, const char *what)
{
    c->usage_mistakes++;
    config_mistake(c, name, "flag", "%s", what);
}

/* Options are written with underscores, flags with dashes. */
static struct str with_underscores(struct arena *arena, struct str flag)
{
    char *name = arena_cstr(arena, flag);
    for (char *p = name; *p != '\0'; p++) {
        if (*p == '-') {
            *p = '_';
        }
    }
    return str_c(name);
}

/* One flag; next: the argument after it, or NULL. Returns whether that one was its value. */
static bool load_flag(struct config *c, const char *arg, const char *next, enum config_verb *verb,
                      const char **ret_file)
{
    struct str flag = str_c(arg + 2);
    size_t equals = str_find_char(flag, '=');
    bool has_value = equals != SIZE_MAX;
    struct str value = has_value ? str_sub(flag, equals + 1, flag.len) : str_c(next);
    flag = str_sub(flag, 0, equals);
    char *shown = arena_cstr(&c->arena, (struct str){arg, flag.len + 2});

    if (!has_value && builtin_flag(flag, verb)) {
        return false;
    }
    bool file = false;
    struct str name = with_underscores(&c->arena, flag);
    struct config_setting *s = config_find(c, name, &file);
    bool is_config = str_eq_c(flag, "config");
    if (s == NULL && !is_config) {
        c->usage_mistakes++;
        unknown(c, CONFIG_RANK_FLAG, shown, "flag", name);
        return false;
    }
    if (!has_value && s != NULL && s->option->type == CONFIG_TYPE_BOOL) {
        value = STR("true");
        has_value = true;
    }
    if (!has_value && (next == NULL || strncmp(next, "--", 2) == 0)) {
        usage_mistake(c, shown, "has no value");
        return false;
    }
    if (is_config) {
        *ret_file = arena_cstr(&c->arena, value);
    } else if (config_is_hidden(s->option) && !file) {
        usage_mistake(c, shown,
                      "is a secret, and every process can see a flag; use the file's flag "
                      "(with -file) or the environment");
    } else {
        struct str place = arena_strf(&c->arena, "flag %s", shown);
        offer(c, s, file, CONFIG_RANK_FLAG, place.ptr, value);
    }
    return !has_value;
}

void config_load_flags(struct config *c, int argc, char *const *argv, enum config_verb *ret_verb,
                       const char **ret_file)
{
    bool only_operands = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (!only_operands && strcmp(arg, "--") == 0) {
            only_operands = true;
        } else if (!only_operands && strncmp(arg, "--", 2) == 0) {
            i += load_flag(c, arg, i + 1 < argc ? argv[i + 1] : NULL, ret_verb, ret_file);
        } else if (c->spec->operands != NULL && (only_operands || arg[0] != '-')) {
            vec_push(&c->operands, arena_str(&c->arena, str_c(arg)));
        } else {
            usage_mistake(c, arg, arg[0] == '-' ? "flags are long: --NAME=VALUE" : "is not a flag");
        }
    }
}

/* ---- environment --------------------------------------------------------------------------- */

/* What Kubernetes puts into each container for a Service of the namespace whose name begins with
 * ours: CALFLEET_INGEST_SERVICE_HOST, CALFLEET_INGEST_PORT_8080_TCP_ADDR.
 * src: kubernetes.io, "Service", environment variables */
static bool is_service_link(struct str name, struct str value)
{
    return str_ends(name, STR("_SERVICE_HOST")) ||
           str_find(name, STR("_SERVICE_PORT")) != SIZE_MAX ||
           str_find(name, STR("_TCP_")) != SIZE_MAX || str_find(name, STR("_UDP_")) != SIZE_MAX ||
           str_starts(value, STR("tcp://")) || str_starts(value, STR("udp://"));
}

static bool is_foreign(const struct config *c, struct str name)
{
    for (size_t i = 0; i < c->spec->foreign_env_count; i++) {
        if (str_starts(name, str_c(c->spec->foreign_env[i]))) {
            return true;
        }
    }
    return false;
}

static void load_alias(struct config *c, struct str name, struct str value)
{
    for (size_t i = 0; i < c->spec->alias_count; i++) {
        bool file;
        if (!str_eq_c(name, c->spec->aliases[i].env)) {
            continue;
        }
        struct config_setting *s = config_find(c, str_c(c->spec->aliases[i].option), &file);
        if (s != NULL) { /* the program may not have this option */
            struct str place = arena_strf(&c->arena, "env %.*s", STR_ARG(name));
            offer(c, s, false, CONFIG_RANK_ALIAS, place.ptr, value);
        }
    }
}

static void load_variable(struct config *c, struct str name, struct str value)
{
    struct str bare = str_sub(name, ENV_PREFIX.len, name.len);
    char *lower = arena_cstr(&c->arena, bare);
    for (char *p = lower; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char)(*p - 'A' + 'a');
        }
    }
    bool file = false;
    struct config_setting *s = config_find(c, str_c(lower), &file);
    char *shown = arena_cstr(&c->arena, name);
    if (s != NULL) {
        struct str place = arena_strf(&c->arena, "env %s", shown);
        offer(c, s, file, CONFIG_RANK_ENV, place.ptr, value);
    } else if (!is_foreign(c, name) && !is_service_link(name, value)) {
        unknown(c, CONFIG_RANK_ENV, shown, "environment", str_c(lower));
    }
}

void config_load_env(struct config *c, char *const *env, const char **ret_file)
{
    for (; *env != NULL; env++) {
        struct str line = str_c(*env);
        size_t equals = str_find_char(line, '=');
        if (equals == SIZE_MAX) {
            continue;
        }
        struct str name = str_sub(line, 0, equals);
        struct str value = str_sub(line, equals + 1, line.len);
        if (str_eq(name, STR("CALFLEET_CONFIG"))) {
            *ret_file = value.len > 0 ? arena_cstr(&c->arena, value) : NULL;
        } else if (str_starts(name, ENV_PREFIX)) {
            load_variable(c, name, value);
        } else {
            load_alias(c, name, value);
        }
    }
}

/* ---- file ---------------------------------------------------------------------------------- */

static void load_line(struct config *c, const char *path, int number, struct str line)
{
    char place[512];
    snprintf(place, sizeof place, "file %s:%d", path, number);
    if (line.len == 0 || line.ptr[0] == '#') {
        return;
    }
    size_t equals = str_find_char(line, '=');
    struct str name = str_trim(str_sub(line, 0, equals));
    if (equals == SIZE_MAX || name.len == 0 || memchr(line.ptr, '\0', line.len) != NULL) {
        config_mistake(c, "line", place, "is not `name = value`");
        return;
    }
    bool file = false;
    struct config_setting *s = config_find(c, name, &file);
    if (s == NULL) {
        struct str shown = str_is_utf8(name) ? str_sub(name, 0, 64) : STR("name");
        unknown(c, CONFIG_RANK_FILE, arena_cstr(&c->arena, shown), place, name);
        return;
    }
    offer(c, s, file, CONFIG_RANK_FILE, place, str_trim(str_sub(line, equals + 1, line.len)));
}

void config_load_file(struct config *c, const char *path)
{
    struct buf content = {0};
    struct err err;
    if (config_file_read(path, CONFIG_FILE_MAX_BYTES, &content, &err) != ERR_OK) {
        config_mistake(c, "--config", path, "%s", err.text);
    } else {
        struct str rest = buf_str(&content);
        struct str line;
        for (int number = 1; str_split(&rest, '\n', &line); number++) {
            load_line(c, path, number, str_trim(line));
        }
    }
    buf_fini(&content);
}
