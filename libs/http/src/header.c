#include "http/header.h"

bool http_header_find(const struct http_header *headers, size_t count, const char *name,
                      struct str *ret_value)
{
    struct str wanted = str_c(name);
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase(headers[i].name, wanted)) {
            *ret_value = headers[i].value;
            return true;
        }
    }
    return false;
}
