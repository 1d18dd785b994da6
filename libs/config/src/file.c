#include "config_int.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static enum err_code read_fd(int fd, size_t max_bytes, struct buf *out, struct err *err)
{
    char chunk[2048];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            int sys = errno;
            (void)ERR_SET(err, ERR_IO, "cannot be read: %s", strerror(sys));
            return ERR_IO;
        }
        if (n == 0) {
            return ERR_OK;
        }
        buf_add(out, (struct str){chunk, (size_t)n});
        explicit_bzero(chunk, sizeof chunk);
        if (out->failed) {
            return ERR_SET(err, ERR_TOO_BIG, "has more than %zu bytes", max_bytes);
        }
    }
}

enum err_code config_file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return ERR_SET(err, ERR_IO, "cannot be opened: %s", strerror(errno));
    }
    buf_init(out, max_bytes);
    enum err_code rc = read_fd(fd, max_bytes, out, err);
    close(fd);
    return rc;
}

enum err_code config_secret_read(const char *path, struct buf *out, struct str *ret_text,
                                 struct err *err)
{
    enum err_code rc = config_file_read(path, CONFIG_VALUE_MAX_BYTES, out, err);
    if (rc == ERR_OK) {
        struct str text = buf_str(out);
        if (str_ends(text, STR("\n"))) {
            text.len--;
            text.len -= str_ends(text, STR("\r"));
        }
        *ret_text = text;
    }
    return rc;
}

void config_secret_wipe(struct buf *content)
{
    if (content->ptr != NULL) {
        explicit_bzero(content->ptr, content->cap);
    }
    buf_fini(content);
}
