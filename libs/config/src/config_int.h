/* Inside of libs/config: the settings of a program while they are read and afterwards. */
#ifndef CONFIG_INT_H
#define CONFIG_INT_H

#include "base/arena.h"
#include "base/vec.h"
#include "config/config.h"

/* Where a value came from; a higher one wins. */
enum config_rank {
    CONFIG_RANK_DEFAULT,
    CONFIG_RANK_FILE,
    CONFIG_RANK_ALIAS,
    CONFIG_RANK_ENV,
    CONFIG_RANK_FLAG,
};

struct config_setting {
    const struct config_option *option;
    void *field;
    enum config_rank rank;
    struct str text;  /* the value, or what the secret's own file holds */
    struct str file;  /* the secret's own file; empty: none */
    struct str place; /* "env CALFLEET_X", for people */
};

struct config {
    const struct config_spec *spec;
    struct arena arena;
    struct config_setting *settings;
    size_t count;
    VEC(struct str) operands;
    struct buf *messages;
    size_t mistakes;
    size_t usage_mistakes; /* those of them that are the command line's form */
};

static inline bool config_is_hidden(const struct config_option *o)
{
    return o->type == CONFIG_TYPE_SECRET || o->type == CONFIG_TYPE_KEYRING ||
           (o->flags & CONFIG_HIDDEN) != 0;
}

/* ---- config.c ------------------------------------------------------------------------------ */

/* The setting of that name; with the name of its own file, where it may have one, *ret_file is
 * true. NULL if there is none. */
struct config_setting *config_find(const struct config *c, struct str name, bool *ret_file);

/* One more mistake: "PROGRAM: NAME (PLACE): " and the text. */
void config_mistake(struct config *c, const char *name, const char *place, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* ---- load.c: the places where values come from --------------------------------------------- */

enum config_verb {
    CONFIG_VERB_RUN,
    CONFIG_VERB_HELP,
    CONFIG_VERB_VERSION,
    CONFIG_VERB_CHECK,
    CONFIG_VERB_PRINT,
    CONFIG_VERB_DOCS,
};

/* Each offers what it finds; mistakes are noted. ret_file: the file of settings; NULL: none. */
void config_load_flags(struct config *c, int argc, char *const *argv, enum config_verb *ret_verb,
                       const char **ret_file);
void config_load_env(struct config *c, char *const *env, const char **ret_file);
void config_load_file(struct config *c, const char *path);

/* ---- file.c -------------------------------------------------------------------------------- */

/* Reads a whole file. errs: ERR_IO with the system's reason, ERR_TOO_BIG. */
MUST_CHECK enum err_code config_file_read(const char *path, size_t max_bytes, struct buf *out,
                                          struct err *err);
/* A secret's own file, into out; *ret_text is what it says, without the one newline at its end. */
MUST_CHECK enum err_code config_secret_read(const char *path, struct buf *out, struct str *ret_text,
                                            struct err *err);
/* For CLEANUP on that buffer. */
void config_secret_wipe(struct buf *content);

/* ---- parse.c ------------------------------------------------------------------------------- */

/* Fills the option's field from text, which is copied into the arena; the empty text unsets it
 * where the type can be unset. False with the reason in why ("is no duration: ..."), which never
 * holds a part of the text; the field is then as it was. */
bool config_parse(struct arena *arena, const struct config_option *o, struct str text, void *field,
                  struct buf *why);
/* A bound of the option, in the form that a value has. */
void config_print_bound(const struct config_option *o, int64_t bound, struct buf *out);

/* ---- print.c ------------------------------------------------------------------------------- */

void config_print_help(const struct config_spec *spec, struct buf *out);
void config_print_values(const struct config *c, struct buf *out);
/* The name as flag ("--idle-timeout") or variable ("CALFLEET_IDLE_TIMEOUT"). */
void config_print_flag(struct buf *out, struct str name);
void config_print_env(struct buf *out, struct str name);

/* ---- suggest.c ----------------------------------------------------------------------------- */

/* The option nearest to a mistyped name; NULL if none is near. *ret_file: its own file's name
 * was meant ("..._file"). */
const char *config_suggest(const struct config *c, struct str name, bool *ret_file);

#endif
