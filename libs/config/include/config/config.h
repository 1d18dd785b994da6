/* Configuration of a program, from one X-macro table: parser, struct, --help, --print-config and
 * docs/CONFIG.md all expand from it.
 *
 *   #define DEMO_CONFIG(C) \
 *       C(listen, ADDRESS, "0.0.0.0:8080", 0, 0, "", CONFIG_REQUIRED, "where HTTP is served") \
 *       C(idle_timeout, DURATION, "30s", 1000, 600000, "", 0, "an idle connection is closed") \
 *       C(mode, ENUM, "fast", 0, 0, "fast|safe", 0, "how it is done") \
 *       C(api_secret, SECRET, "", 32, 4096, "", 0, "what callers prove themselves with")
 *   CONFIG_STRUCT(demo_config, DEMO_CONFIG)      struct demo_config with one field a row
 *   static CONFIG_TABLE(demo_config, DEMO_CONFIG)  in a .c: demo_config_table(), which gives the
 *                                                table (or without static, declared in the header)
 *
 * The columns: name, type, default (as text; "" is unset), min, max, what the type needs, flags,
 * help (Markdown, no full stop). A value is looked for in this order: flag (--idle-timeout=5s or
 * --idle-timeout 5s), environment (CALFLEET_IDLE_TIMEOUT), file (--config FILE or CALFLEET_CONFIG;
 * lines `idle_timeout = 5s`, # begins a comment line), default. A secret is not taken from a flag,
 * which every process can see, but also from a file of its own: --api-secret-file,
 * CALFLEET_API_SECRET_FILE, `api_secret_file = PATH`; one newline at its end is not part of it.
 *
 * This is the only library that reads files and the environment at start. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* Exit codes of every program of the fleet.  src: sysexits.h */
#define CONFIG_EXIT_OK 0
#define CONFIG_EXIT_USAGE 64    /* the command line has the wrong form */
#define CONFIG_EXIT_INTERNAL 70 /* a fault of ours */
#define CONFIG_EXIT_RETRY 75    /* a dependency is away: start again later */
#define CONFIG_EXIT_CONFIG 78   /* a setting is wrong */

/* Most bytes of a value, of a secret's file and of the whole configuration file. */
#define CONFIG_VALUE_MAX_BYTES 65536
#define CONFIG_FILE_MAX_BYTES 1048576

/* type      in the struct                  min, max          what the type needs
 * STRING    struct str                     length            -
 * INT       int64_t                        value             the unit's name, for people
 * SIZE      int64_t, bytes                 bytes             - (texts: 512, 64KiB, 2MiB, 1GiB)
 * DURATION  int64_t, ms                    ms                - (texts: 250ms, 30s, 15m, 2h, 7d)
 * BOOL      bool                           -                 - (true, false, yes, no, on, off)
 * ENUM      int, index into the list       -                 the list, "fast|safe"
 * URL       struct str, no slash at end    length            the schemes, "https|http"
 * ADDRESS   struct config_address          -                 - (host:port, [::1]:port, :port)
 * LIST      struct config_list             number of items   - (a,b; if hidden: one a line)
 * SECRET    struct config_secret           length            -
 * KEYRING   struct config_keyring          number of keys    -
 *
 * Every text is NUL-terminated as well and lives as long as the struct config; unset is "". A
 * list that is printed refuses items like x.password=... */
struct config_list {
    const struct str *items;
    size_t count;
};

struct config_address {
    struct str host; /* "" for every interface; IPv6 without its brackets */
    uint16_t port;   /* 0: the system chooses */
};

/* Without a constructor for logs: config_secret() says that one is wanted on purpose. */
struct config_secret {
    struct str hidden;
};
static inline struct str config_secret(const struct config_secret *s)
{
    return s->hidden;
}

/* Lines `id:base64 of 32 bytes`, ids 1..255, each once; the first is the current one. Blank lines
 * and lines with # are skipped. */
#define CONFIG_KEYRING_MAX 16
#define CONFIG_KEY_LEN 32
struct config_keyring {
    size_t count;
    struct {
        uint8_t id;
        uint8_t bytes[CONFIG_KEY_LEN];
    } keys[CONFIG_KEYRING_MAX]; /* [0] is the current one */
};

enum config_type {
    CONFIG_TYPE_STRING,
    CONFIG_TYPE_INT,
    CONFIG_TYPE_SIZE,
    CONFIG_TYPE_DURATION,
    CONFIG_TYPE_BOOL,
    CONFIG_TYPE_ENUM,
    CONFIG_TYPE_URL,
    CONFIG_TYPE_ADDRESS,
    CONFIG_TYPE_LIST,
    CONFIG_TYPE_SECRET,
    CONFIG_TYPE_KEYRING,
};

#define CONFIG_REQUIRED 1u /* without a value the program does not start */
#define CONFIG_HIDDEN 2u   /* a text that may hold a secret (a DSN): never printed, has a _file */

struct config_option {
    const char *name;
    enum config_type type;
    const char *def;
    int64_t min;
    int64_t max; /* both 0: not bounded */
    const char *unit;
    unsigned flags;
    const char *help;
    size_t offset;
};

struct config_table {
    const struct config_option *options;
    size_t count;
    size_t size; /* of the struct */
};

#define CONFIG_C_STRING struct str
#define CONFIG_C_INT int64_t
#define CONFIG_C_SIZE int64_t
#define CONFIG_C_DURATION int64_t
#define CONFIG_C_BOOL bool
#define CONFIG_C_ENUM int
#define CONFIG_C_URL struct str
#define CONFIG_C_ADDRESS struct config_address
#define CONFIG_C_LIST struct config_list
#define CONFIG_C_SECRET struct config_secret
#define CONFIG_C_KEYRING struct config_keyring

#define CONFIG_FIELD(name, TYPE, def, min, max, unit, flags, help) CONFIG_C_##TYPE name;
#define CONFIG_STRUCT(tag, LIST)                                                                   \
    struct tag {                                                                                   \
        LIST(CONFIG_FIELD)                                                                         \
    };

#define CONFIG_ROW(name, TYPE, def, min, max, unit, flags, help)                                   \
    {#name, CONFIG_TYPE_##TYPE, def, min, max, unit, flags, help, offsetof(config_row_of, name)},
#define CONFIG_TABLE(tag, LIST)                                                                    \
    const struct config_table *tag##_table(void)                                                   \
    {                                                                                              \
        typedef struct tag config_row_of;                                                          \
        static const struct config_option options[] = {LIST(CONFIG_ROW)};                          \
        static const struct config_table table = {options, ARRAY_LEN(options),                     \
                                                  sizeof(config_row_of)};                          \
        return &table;                                                                             \
    }

/* Another name in the environment for an option, whole and without our prefix, as an operator of
 * the host platform knows it. Our own name wins. */
struct config_alias {
    const char *env;
    const char *option;
};

#define CONFIG_TABLES_MAX 4

/* A table and the struct that it fills, which is zeroed before. */
struct config_binding {
    const struct config_table *table;
    void *values;
};

struct config_spec {
    const char *program; /* "calfleet-ingest" */
    const char *version;
    const char *about;    /* one sentence for --help */
    const char *operands; /* for --help, "COMMAND [ARGUMENT...]"; NULL: none are taken */
    const struct config_binding *tables;
    size_t table_count; /* at most CONFIG_TABLES_MAX; no name twice */
    const struct config_alias *aliases;
    size_t alias_count;
    /* Beginnings of names in the environment that are others' to read: "CALFLEET_STACK_". */
    const char *const *foreign_env;
    size_t foreign_env_count;
};

struct config;

/* Reads flags, environment and files and fills the tables' structs. Returns NULL where the program
 * has to end with *ret_exit: after --help, --version, --check-config, --print-config or
 * --print-config-docs (0), or because of mistakes, all of which were then written to messages, each
 * with its place and a hint (64 where only the command line's form is wrong, else 78).
 * out: what goes to stdout; messages: what goes to stderr. env: as environ.
 * owns: free with config_free; texts in the structs live until then. spec must live as long. */
struct config *config_load(const struct config_spec *spec, int argc, char *const *argv,
                           char *const *env, struct buf *out, struct buf *messages, int *ret_exit);
/* Takes NULL; returns NULL. */
struct config *config_free(struct config *c);

/* What stood on the command line beside flags; all after "--" as it is. */
struct config_list config_operands(const struct config *c);

/* Walks the settings in the tables' order: start with *at = 0; false at the end. The value is as
 * it would be written in a file, "***" for a secret that is set. source: "flag", "env NAME",
 * "file PATH:LINE", "default", with " (PATH)" for a secret's own file. */
bool config_next(const struct config *c, size_t *at, const char **ret_name, const char **ret_value,
                 const char **ret_source);

/* Reads the secrets' own files again and takes over each content that changed; calls changed (may
 * be NULL) for it afterwards. What the struct held before stays readable until config_free. Reads
 * files that are mounted locally, so it does not wait.
 * errs: ERR_CONFIG for the first file that is missing or not right; its value stays, the others
 * are taken over. */
MUST_CHECK enum err_code config_secret_reload(struct config *c,
                                              void (*changed)(void *arg, const char *name),
                                              void *arg, struct err *err);

/* The program's section of docs/CONFIG.md. */
void config_print_docs(const struct config_spec *spec, struct buf *out);

#endif
