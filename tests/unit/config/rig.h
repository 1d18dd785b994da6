/* One load of a small program's settings, with what it said. */
#ifndef TESTS_CONFIG_RIG_H
#define TESTS_CONFIG_RIG_H

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define RIG_CONFIG(C)                                                                              \
    C(listen, ADDRESS, "127.0.0.1:8080", 0, 0, "", 0, "where HTTP is served")                      \
    C(idle_timeout, DURATION, "30s", 1000, 600000, "", 0, "closes an idle connection")             \
    C(body_limit, SIZE, "64KiB", 1, 1048576, "", 0, "largest body")                                \
    C(workers, INT, "4", 1, 64, "workers", 0, "how many")                                          \
    C(mode, ENUM, "fast", 0, 0, "fast|safe", 0, "how `it` is done")                                \
    C(http2, BOOL, "true", 0, 0, "", 0, "speak HTTP/2")                                            \
    C(api_url, URL, "https://example.com/v1", 1, 256, "https|http", 0, "base of the API")          \
    C(origins, LIST, "", 0, 3, "", 0, "allowed origins")                                           \
    C(name, STRING, "", 0, 8, "", 0, "a name")                                                     \
    C(api_secret, SECRET, "", 8, 64, "", 0, "proves the caller")                                   \
    C(token_keys, KEYRING, "", 1, 16, "", 0, "keys at rest")                                       \
    C(dsn, STRING, "", 1, 256, "", CONFIG_HIDDEN, "where the database is")                         \
    C(hidden_list, LIST, "", 0, 4, "", CONFIG_HIDDEN, "secret properties")

CONFIG_STRUCT(rig_config, RIG_CONFIG)

struct rig {
    struct rig_config conf;
    struct config *config; /* NULL: the program would end with exit_code */
    int exit_code;
    struct buf out;
    struct buf messages;
};

/* The lists end with NULL. */
void rig_load(struct rig *rig, const char *const *args, const char *const *env);
void rig_fini(struct rig *rig);
/* A new file with this content; the path is static until the next call but three. */
const char *rig_file(struct str content);

#define ARGS(...)                                                                                  \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__ __VA_OPT__(, ) NULL                                                            \
    }

#endif
