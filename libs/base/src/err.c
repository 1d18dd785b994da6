#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum err_code err_set_at(struct err *err, enum err_code code, enum err_act act, const char *where,
                         const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        *err = (struct err){.code = code, .act = act, .where = where};
        vsnprintf(err->text, sizeof err->text, fmt, ap);
        va_end(ap);
    }
    return code;
}

enum err_code err_wrap(struct err *err, const char *fmt, ...)
{
    char context[sizeof err->text];
    char inner[sizeof err->text];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(context, sizeof context, fmt, ap);
    va_end(ap);
    memcpy(inner, err->text, sizeof inner);
    /* The context is what the reader needs first; a long inner text is cut at its end. */
    size_t n = strnlen(context, sizeof context);
    size_t room = sizeof err->text - 1;
    n = MIN(n, room);
    memcpy(err->text, context, n);
    snprintf(err->text + n, sizeof err->text - n, ": %s", inner);
    return err->code;
}

const char *err_code_name(enum err_code code)
{
#define ERR_NAME(name, text) text,
    static const char *const names[] = {ERR_CODES(ERR_NAME)};
#undef ERR_NAME
    return (size_t)code < ARRAY_LEN(names) ? names[code] : "unknown";
}

const char *err_act_name(enum err_act act)
{
    static const char *const names[] = {"none", "retry", "reauth", "resync", "drop", "config"};
    return (size_t)act < ARRAY_LEN(names) ? names[act] : "unknown";
}
