/* A header field, as server and client give and take it. */
#ifndef HTTP_HEADER_H
#define HTTP_HEADER_H

#include "base/str.h"

struct http_header {
    struct str name;
    struct str value;
};

/* The first field of that name, whatever its case; false if there is none. */
bool http_header_find(const struct http_header *headers, size_t count, const char *name,
                      struct str *ret_value);

#endif
