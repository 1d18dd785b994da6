/* What a program says about its settings: --help, --print-config, docs/CONFIG.md. */
#include "config_int.h"

static const char *const type_names[] = {
    [CONFIG_TYPE_STRING] = "text",     [CONFIG_TYPE_INT] = "number",
    [CONFIG_TYPE_SIZE] = "size",       [CONFIG_TYPE_DURATION] = "duration",
    [CONFIG_TYPE_BOOL] = "true|false", [CONFIG_TYPE_ENUM] = "",
    [CONFIG_TYPE_URL] = "URL",         [CONFIG_TYPE_ADDRESS] = "address",
    [CONFIG_TYPE_LIST] = "list",       [CONFIG_TYPE_SECRET] = "secret",
    [CONFIG_TYPE_KEYRING] = "key ring"};

static const char *type_name(const struct config_option *o)
{
    return o->type == CONFIG_TYPE_ENUM ? o->unit : type_names[o->type];
}

static void print_with(struct buf *out, struct str name, char from, char to, bool upper)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i] == from ? to : name.ptr[i];
        buf_add_char(out, upper && c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
}

void config_print_flag(struct buf *out, struct str name)
{
    buf_add_c(out, "--");
    print_with(out, name, '_', '-', false);
}

void config_print_env(struct buf *out, struct str name)
{
    buf_add_c(out, "CALFLEET_");
    print_with(out, name, '-', '_', true);
}

/* Help is Markdown; on a terminal without its ticks. */
static void add_plain(struct buf *out, const char *help)
{
    for (const char *p = help; *p != '\0'; p++) {
        if (*p != '`') {
            buf_add_char(out, *p);
        }
    }
}

/* " (1s to 10m)" for what has bounds; lengths of texts are not worth a reader's time. */
static void add_bounds(struct buf *out, const struct config_option *o, const char *before,
                       const char *after)
{
    bool number = o->type == CONFIG_TYPE_INT || o->type == CONFIG_TYPE_SIZE ||
                  o->type == CONFIG_TYPE_DURATION;
    if (!number || (o->min == 0 && o->max == 0)) {
        return;
    }
    buf_add_c(out, before);
    config_print_bound(o, o->min, out);
    buf_add_c(out, " to ");
    config_print_bound(o, o->max, out);
    buf_add_c(out, after);
}

static void help_option(struct buf *out, const struct config_option *o)
{
    bool hidden = config_is_hidden(o);
    buf_add_c(out, "  ");
    config_print_flag(out, str_c(o->name));
    buf_add_f(out, "%s=%s", hidden ? "-file" : "", hidden ? "PATH" : "");
    if (!hidden) {
        buf_add_char(out, '<');
        buf_add_c(out, type_name(o));
        buf_add_char(out, '>');
    }
    if ((o->flags & CONFIG_REQUIRED) != 0) {
        buf_add_c(out, "  (required)");
    } else if (o->def[0] != '\0' && !hidden) {
        buf_add_f(out, "  [%s]", o->def);
    }
    buf_add_c(out, "\n      ");
    add_plain(out, o->help);
    add_bounds(out, o, " (", ")");
    if (hidden) {
        buf_add_c(out, " (secret; the value itself only as ");
        config_print_env(out, str_c(o->name));
        buf_add_c(out, " or in the file)");
    }
    buf_add_char(out, '\n');
}

void config_print_help(const struct config_spec *spec, struct buf *out)
{
    buf_add_f(out, "usage: %s [--NAME=VALUE]...%s%s\n%s.\n\n", spec->program,
              spec->operands != NULL ? " " : "", spec->operands != NULL ? spec->operands : "",
              spec->about);
    buf_add_c(out,
              "A setting is taken from its flag, else from CALFLEET_NAME in the environment, else\n"
              "from the file (lines `name = value`), else it has its default [in brackets].\n\n"
              "  --config=FILE        read this file of settings (also CALFLEET_CONFIG)\n"
              "  --check-config       tell what is wrong with the settings, and end\n"
              "  --print-config       print every setting and where it comes from, and end\n"
              "  --print-config-docs  print the settings as Markdown, and end\n"
              "  --version            print the version, and end\n"
              "  --help               print this, and end\n\n");
    for (size_t t = 0; t < spec->table_count; t++) {
        const struct config_table *table = spec->tables[t].table;
        for (size_t i = 0; i < table->count; i++) {
            help_option(out, &table->options[i]);
        }
    }
    buf_add_c(out, "\nExit codes: 0 well, 64 wrong usage, 70 a fault, 75 try again later, "
                   "78 wrong settings.\n");
}

bool config_next(const struct config *c, size_t *at, const char **ret_name, const char **ret_value,
                 const char **ret_source)
{
    if (*at >= c->count) {
        return false;
    }
    const struct config_setting *s = &c->settings[(*at)++];
    *ret_name = s->option->name;
    *ret_value = s->text.len > 0 && config_is_hidden(s->option) ? "***" : s->text.ptr;
    *ret_source = s->place.ptr;
    return true;
}

void config_print_values(const struct config *c, struct buf *out)
{
    const char *name, *value, *source;
    for (size_t at = 0; config_next(c, &at, &name, &value, &source);) {
        /* What is masked must not be read back as a value. */
        bool masked = strcmp(value, "***") == 0;
        buf_add_f(out, "# %s\n%s%s = %s\n", source, masked ? "# " : "", name, value);
    }
}

/* A bar would end the table's cell. */
static void add_cell(struct buf *out, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        buf_add_c(out, *p == '|' ? "\\" : "");
        buf_add_char(out, *p);
    }
}

static void docs_option(struct buf *out, const struct config_option *o)
{
    buf_add_f(out, "| `%s` | ", o->name);
    add_cell(out, type_name(o));
    if (config_is_hidden(o) && (o->flags & CONFIG_HIDDEN) != 0) {
        buf_add_c(out, ", secret");
    }
    buf_add_c(out, " | ");
    if ((o->flags & CONFIG_REQUIRED) != 0) {
        buf_add_c(out, "**required**");
    } else if (o->def[0] != '\0') {
        buf_add_f(out, "`%s`", o->def);
    }
    buf_add_c(out, " | ");
    add_bounds(out, o, "", "");
    buf_add_c(out, " | ");
    add_cell(out, o->help);
    buf_add_c(out, " |\n");
}

void config_print_docs(const struct config_spec *spec, struct buf *out)
{
    buf_add_f(out, "## %s\n\n%s.\n\n", spec->program, spec->about);
    buf_add_c(out, "| setting | type | default | bounds | meaning |\n|---|---|---|---|---|\n");
    for (size_t t = 0; t < spec->table_count; t++) {
        const struct config_table *table = spec->tables[t].table;
        for (size_t i = 0; i < table->count; i++) {
            docs_option(out, &table->options[i]);
        }
    }
}
