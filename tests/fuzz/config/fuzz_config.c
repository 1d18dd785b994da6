/* A file of settings with any content: it loads or is refused with a message, never more. */
#include "config/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUZZ_CONFIG(C)                                                                             \
    C(listen, ADDRESS, "", 0, 0, "", 0, "")                                                        \
    C(idle_timeout, DURATION, "30s", 1000, 600000, "", 0, "")                                      \
    C(body_limit, SIZE, "64KiB", 1, 1048576, "", 0, "")                                            \
    C(workers, INT, "4", 1, 64, "workers", 0, "")                                                  \
    C(mode, ENUM, "fast", 0, 0, "fast|safe", 0, "")                                                \
    C(http2, BOOL, "true", 0, 0, "", 0, "")                                                        \
    C(api_url, URL, "", 1, 256, "https|http", 0, "")                                               \
    C(origins, LIST, "", 0, 8, "", 0, "")                                                          \
    C(name, STRING, "", 0, 8, "", 0, "")                                                           \
    C(api_secret, SECRET, "", 8, 64, "", 0, "")                                                    \
    C(token_keys, KEYRING, "", 1, 16, "", 0, "")

CONFIG_STRUCT(fuzz_config, FUZZ_CONFIG)
static CONFIG_TABLE(fuzz_config, FUZZ_CONFIG)

    int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file stands in memory, so that a run costs no disk. A path in the content is not followed:
 * an input that names one is skipped. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str content = {(const char *)data, size};
    if (size > 0 && str_find(content, STR("_file")) != SIZE_MAX) {
        return 0;
    }
    int fd = memfd_create("config", MFD_CLOEXEC);
    BUG_ON(fd < 0 || write(fd, data, size) != (ssize_t)size);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);

    struct fuzz_config conf = {0};
    struct config_binding binding = {fuzz_config_table(), &conf};
    struct config_spec spec = {
        .program = "fuzz", .version = "0", .about = "", .tables = &binding, .table_count = 1};
    struct buf out, messages;
    buf_init(&out, 1 << 20);
    buf_init(&messages, 8 << 20);
    int exit_code = -1;
    char *argv[] = {(char[]){"fuzz"}, (char[]){"--config"}, path, NULL};
    char *env[] = {NULL};
    struct config *c = config_load(&spec, 3, argv, env, &out, &messages, &exit_code);
    BUG_ON((c == NULL) != (exit_code != 0));
    BUG_ON((c == NULL) != (messages.len > 0 || messages.failed));
    config_free(c);
    buf_fini(&out);
    buf_fini(&messages);
    close(fd);
    return 0;
}
