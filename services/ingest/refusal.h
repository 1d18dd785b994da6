/* Why a request is not served: HTTP status, a code that clients may rely on, a sentence. */
#ifndef INGEST_REFUSAL_H
#define INGEST_REFUSAL_H

#include "base/str.h"

struct refusal {
    int status;
    const char *code;       /* static */
    char text[200];         /* for people; never what was sent, but for the names of its members */
    int64_t retry_after_ms; /* 0: not said */
};

/* Fills and returns false, so that a refusal is one line. */
bool refuse(struct refusal *r, int status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

#endif
