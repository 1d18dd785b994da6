#include "refusal.h"

#include <stdarg.h>
#include <stdio.h>

bool refuse(struct refusal *r, int status, const char *code, const char *fmt, ...)
{
    va_list ap;

    *r = (struct refusal){.status = status, .code = code};
    va_start(ap, fmt);
    vsnprintf(r->text, sizeof r->text, fmt, ap);
    va_end(ap);
    return false;
}
