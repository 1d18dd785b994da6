#include "config_int.h"

#include <ctype.h>
#include <stdio.h>

/* Of a value that is quoted in a message; a longer one is recognised by its beginning. */
#define QUOTE_MAX_BYTES 60

struct config_setting *config_find(const struct config *c, struct str name, bool *ret_file)
{
    static const struct str suffix = {"_file", 5};
    for (size_t i = 0; i < c->count; i++) {
        struct config_setting *s = &c->settings[i];
        struct str own = str_c(s->option->name);
        bool bare = str_eq(name, own);
        bool file = !bare && config_is_hidden(s->option) && name.len == own.len + suffix.len &&
                    str_starts(name, own) && str_ends(name, suffix);
        if (bare || file) {
            *ret_file = file;
            return s;
        }
    }
    return NULL;
}

void config_mistake(struct config *c, const char *name, const char *place, const char *fmt, ...)
{
    va_list ap;
    c->mistakes++;
    buf_add_f(c->messages, "%s: %s (%s): ", c->spec->program, name, place);
    va_start(ap, fmt);
    buf_add_v(c->messages, fmt, ap);
    va_end(ap);
    buf_add_char(c->messages, '\n');
}

static struct config *config_new(const struct config_spec *spec, struct buf *messages)
{
    struct config *c = xcalloc(1, sizeof *c);
    c->spec = spec;
    c->messages = messages;
    arena_init(&c->arena);
    BUG_ON(spec->table_count > CONFIG_TABLES_MAX);
    for (size_t t = 0; t < spec->table_count; t++) {
        c->count += spec->tables[t].table->count;
    }
    c->settings = xcalloc(c->count, sizeof *c->settings);
    size_t n = 0;
    for (size_t t = 0; t < spec->table_count; t++) {
        const struct config_table *table = spec->tables[t].table;
        for (size_t i = 0; i < table->count; i++) {
            c->settings[n++] = (struct config_setting){
                .option = &table->options[i],
                .field = (char *)spec->tables[t].values + table->options[i].offset,
                .text = str_c(table->options[i].def),
                .file = STR(""),
                .place = STR("default"),
            };
        }
    }
    return c;
}

struct config *config_free(struct config *c)
{
    if (c == NULL) {
        return NULL;
    }
    arena_fini(&c->arena);
    vec_fini(&c->operands);
    free(c->settings);
    free(c);
    return NULL;
}

/* "\"35\" is no duration: ..."; a secret is not quoted, nor is a list, which may hold one by
 * mistake. */
static void wrong_value(struct config *c, const struct config_setting *s, const char *why)
{
    char quote[QUOTE_MAX_BYTES + 1] = "";
    size_t len = MIN(s->text.len, (size_t)QUOTE_MAX_BYTES);
    for (size_t i = 0; i < len; i++) {
        quote[i] = isprint((unsigned char)s->text.ptr[i]) ? s->text.ptr[i] : '?';
    }
    bool quoted = !config_is_hidden(s->option) && s->option->type != CONFIG_TYPE_LIST && len > 0;
    config_mistake(c, s->option->name, s->place.ptr, "%s%s%s%s", quoted ? "\"" : "",
                   quoted ? quote : "", quoted ? "\" " : "", why);
}

/* Reads the secret's own file, if that is where the value is, and fills the field. */
static void settle(struct config *c, struct config_setting *s)
{
    struct err err;
    if (s->file.len > 0) {
        s->place = arena_strf(&c->arena, "%.*s (%.*s)", STR_ARG(s->place), STR_ARG(s->file));
        struct buf content CLEANUP(config_secret_wipe) = {0};
        struct str text;
        if (config_secret_read(s->file.ptr, &content, &text, &err) != ERR_OK) {
            config_mistake(c, s->option->name, s->place.ptr, "%s", err.text);
            return;
        }
        s->text = arena_str(&c->arena, text);
    }
    struct buf why CLEANUP(buf_fini);
    buf_init(&why, 1024);
    if (s->text.len > CONFIG_VALUE_MAX_BYTES) {
        wrong_value(c, s, "is too long");
    } else if (s->text.len == 0 && (s->option->flags & CONFIG_REQUIRED) != 0) {
        config_print_env(&why, str_c(s->option->name));
        config_mistake(c, s->option->name, s->place.ptr, "is required; set %s%s", buf_c(&why),
                       config_is_hidden(s->option) ? ", or the same with _FILE for a file" : "");
    } else if (!config_parse(&c->arena, s->option, s->text, s->field, &why)) {
        wrong_value(c, s, buf_c(&why));
    }
}

static void load_all(struct config *c, int argc, char *const *argv, char *const *env,
                     enum config_verb *ret_verb)
{
    const char *flag_file = NULL;
    const char *env_file = NULL;

    config_load_flags(c, argc, argv, ret_verb, &flag_file);
    config_load_env(c, env, &env_file);
    const char *file = flag_file != NULL ? flag_file : env_file;
    if (file != NULL) {
        config_load_file(c, file);
    }
    for (size_t i = 0; i < c->count; i++) {
        settle(c, &c->settings[i]);
    }
}

static int finish(struct config *c)
{
    if (c->mistakes == 0) {
        return CONFIG_EXIT_OK;
    }
    buf_add_f(c->messages, "%s: %zu mistake%s in the settings; --help lists what there is\n",
              c->spec->program, c->mistakes, c->mistakes == 1 ? "" : "s");
    return c->usage_mistakes == c->mistakes ? CONFIG_EXIT_USAGE : CONFIG_EXIT_CONFIG;
}

struct config *config_load(const struct config_spec *spec, int argc, char *const *argv,
                           char *const *env, struct buf *out, struct buf *messages, int *ret_exit)
{
    enum config_verb verb = CONFIG_VERB_RUN;
    struct buf mistakes CLEANUP(buf_fini);
    buf_init(&mistakes, CONFIG_FILE_MAX_BYTES * 4);
    struct config *c = config_new(spec, &mistakes);

    load_all(c, argc, argv, env, &verb);
    *ret_exit = CONFIG_EXIT_OK;
    if (verb == CONFIG_VERB_HELP) {
        config_print_help(spec, out);
    } else if (verb == CONFIG_VERB_VERSION) {
        buf_add_f(out, "%s %s\n", spec->program, spec->version);
    } else if (verb == CONFIG_VERB_DOCS) {
        config_print_docs(spec, out);
    } else {
        *ret_exit = finish(c);
        buf_add(messages, buf_str(&mistakes));
        if (*ret_exit == CONFIG_EXIT_OK && verb == CONFIG_VERB_CHECK) {
            buf_add_f(out, "%s: the settings are right\n", spec->program);
        } else if (*ret_exit == CONFIG_EXIT_OK && verb == CONFIG_VERB_PRINT) {
            config_print_values(c, out);
        } else if (*ret_exit == CONFIG_EXIT_OK) {
            c->messages = NULL;
            return c;
        }
    }
    return config_free(c);
}

struct config_list config_operands(const struct config *c)
{
    return (struct config_list){c->operands.ptr, c->operands.len};
}

static enum err_code reload(struct config *c, struct config_setting *s, bool *ret_changed,
                            struct err *err)
{
    struct buf content CLEANUP(config_secret_wipe) = {0};
    struct str text;
    enum err_code rc = config_secret_read(s->file.ptr, &content, &text, err);
    if (rc != ERR_OK) {
        err->code = ERR_CONFIG;
        err->act = ERR_ACT_CONFIG;
        return err_wrap(err, "%s (%s)", s->option->name, s->place.ptr);
    }
    if (str_eq(text, s->text)) {
        return ERR_OK;
    }
    struct buf why CLEANUP(buf_fini);
    buf_init(&why, 1024);
    if (text.len == 0 || !config_parse(&c->arena, s->option, text, s->field, &why)) {
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "%s (%s): %s", s->option->name,
                           s->place.ptr, text.len == 0 ? "is empty" : buf_c(&why));
    }
    s->text = arena_str(&c->arena, text);
    *ret_changed = true;
    return ERR_OK;
}

enum err_code config_secret_reload(struct config *c, void (*changed)(void *arg, const char *name),
                                   void *arg, struct err *err)
{
    enum err_code first = ERR_OK;
    for (size_t i = 0; i < c->count; i++) {
        struct config_setting *s = &c->settings[i];
        struct err one;
        bool is_new = false;
        if (s->file.len == 0) {
            continue;
        }
        enum err_code rc = reload(c, s, &is_new, &one);
        if (rc != ERR_OK && first == ERR_OK) {
            first = rc;
            if (err != NULL) {
                *err = one;
            }
        }
        if (is_new && changed != NULL) {
            changed(arg, s->option->name);
        }
    }
    return first;
}
