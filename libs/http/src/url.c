#include "http/url.h"

static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

/* src: RFC 3986 3.2.2; names of RFC 1123 with the underscore that resolvers take, IPv4 literals. */
static bool is_host(struct str s, bool bracketed)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool hex = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        bool ok = bracketed ? hex || c == ':' || c == '.'
                            : digit || letter || c == '-' || c == '.' || c == '_';
        if (!ok) {
            return false;
        }
    }
    return s.len > 0 && s.len <= 255;
}

/* host, host:port, [v6], [v6]:port */
static bool parse_authority(struct str text, struct http_url *url)
{
    struct str port = {0};
    bool bracketed = str_starts(text, STR("["));
    size_t end = bracketed ? str_find_char(text, ']') : MIN(str_find_char(text, ':'), text.len);
    if (end == SIZE_MAX) {
        return false;
    }
    url->host = bracketed ? str_sub(text, 1, end - 1) : str_sub(text, 0, end);
    struct str rest = str_sub(text, bracketed ? end + 1 : end, SIZE_MAX);
    if (rest.len > 0) {
        port = str_sub(rest, 1, SIZE_MAX);
        int64_t number = 0;
        if (rest.ptr[0] != ':' || port.len > 5 || port.ptr[0] < '0' || port.ptr[0] > '9' ||
            !str_to_i64(port, &number) || number < 1 || number > UINT16_MAX) {
            return false;
        }
        url->port = (uint16_t)number;
    }
    return is_host(url->host, bracketed);
}

static bool parse(struct str text, struct http_url *url)
{
    size_t colon = str_find(text, STR("://"));
    if (text.len > HTTP_URL_MAX_BYTES || colon == SIZE_MAX || !is_printable(text) ||
        str_find_char(text, '#') != SIZE_MAX) {
        return false;
    }
    struct str scheme = str_sub(text, 0, colon);
    *url = (struct http_url){.https = str_eq_nocase(scheme, STR("https"))};
    if (!url->https && !str_eq_nocase(scheme, STR("http"))) {
        return false;
    }
    url->port = url->https ? 443 : 80;
    struct str rest = str_sub(text, colon + 3, SIZE_MAX);
    size_t question = str_find_char(rest, '?');
    if (question != SIZE_MAX) {
        url->query = str_sub(rest, question + 1, SIZE_MAX);
        rest.len = question;
    }
    size_t slash = MIN(str_find_char(rest, '/'), rest.len);
    url->path = slash < rest.len ? str_sub(rest, slash, SIZE_MAX) : STR("/");
    return parse_authority(str_sub(rest, 0, slash), url);
}

enum err_code http_url_parse(struct str text, struct http_url *ret_url, struct err *err)
{
    struct http_url url;
    if (!parse(text, &url)) {
        return ERR_SET(err, ERR_INVALID, "not an absolute http or https URL");
    }
    *ret_url = url;
    return ERR_OK;
}

bool http_url_same_origin(const struct http_url *a, const struct http_url *b)
{
    return a->https == b->https && a->port == b->port && str_eq_nocase(a->host, b->host);
}

struct str http_url_join(struct arena *arena, struct str base, struct str path, struct str query)
{
    return arena_strf(arena, "%.*s%.*s%s%.*s", STR_ARG(base), STR_ARG(path),
                      query.len > 0 ? "?" : "", STR_ARG(query));
}
