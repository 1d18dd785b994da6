/* Absolute http and https URLs: taken apart, compared by origin, put together. Pure. */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include "base/arena.h"
#include "base/err.h"

#define HTTP_URL_MAX_BYTES 8192

struct http_url {
    bool https;
    struct str host;  /* as written; an IPv6 address without its brackets */
    uint16_t port;    /* the scheme's where none is written */
    struct str path;  /* encoded, begins with a slash; "/" where none is written */
    struct str query; /* encoded, without its question mark; ptr NULL where there is none */
};

/* Strict: http or https, a host, no user info, no fragment, nothing that is not printable ASCII.
 * owns: the parts borrow text.  errs: ERR_INVALID.  src: RFC 3986, RFC 9110 4.2 */
MUST_CHECK enum err_code http_url_parse(struct str text, struct http_url *ret_url, struct err *err);

/* Same scheme, host (whatever its case) and port.  src: RFC 6454 4 */
bool http_url_same_origin(const struct http_url *a, const struct http_url *b);

/* base + path + "?" + query. base: a URL without trailing slash and without query, as settings
 * hold it; path: begins with a slash or is empty; query: may be empty; both encoded already. */
struct str http_url_join(struct arena *arena, struct str base, struct str path, struct str query);

#endif
