/* Texts to values, one function a type. */
#include "config_int.h"

#include "base/encode.h"

struct unit {
    const char *text;
    int64_t factor;
};

static const struct unit size_units[] = {
    {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}, {"d", 24 * 60 * 60 * 1000}};

/* In the largest unit that gives a whole number. */
static void print_scaled(const struct unit *units, size_t count, int64_t value, struct buf *out)
{
    size_t i = count - 1;
    while (i > 0 && value % units[i].factor != 0) {
        i--;
    }
    buf_add_f(out, "%lld%s", (long long)(value / units[i].factor), value == 0 ? "" : units[i].text);
}

void config_print_bound(const struct config_option *o, int64_t bound, struct buf *out)
{
    if (o->type == CONFIG_TYPE_SIZE) {
        print_scaled(size_units, ARRAY_LEN(size_units), bound, out);
    } else if (o->type == CONFIG_TYPE_DURATION) {
        print_scaled(duration_units, ARRAY_LEN(duration_units), bound, out);
    } else {
        buf_add_f(out, "%lld", (long long)bound);
    }
}

/* of: "a number", "a length in bytes", what the bounds speak of. */
static bool in_bounds(const struct config_option *o, int64_t value, const char *of, struct buf *why)
{
    if ((o->min == 0 && o->max == 0) || (value >= o->min && value <= o->max)) {
        return true;
    }
    buf_add_f(why, "is out of bounds: %s from ", of);
    config_print_bound(o, o->min, why);
    buf_add_c(why, " to ");
    config_print_bound(o, o->max, why);
    return false;
}

static bool parse_int(const struct config_option *o, struct str text, int64_t *field,
                      struct buf *why)
{
    int64_t value;
    if (!str_to_i64(text, &value)) {
        buf_add_f(why, "is no whole number%s%s", o->unit[0] != '\0' ? " of " : "", o->unit);
        return false;
    }
    if (!in_bounds(o, value, "a number", why)) {
        return false;
    }
    *field = value;
    return true;
}

static bool parse_scaled(const struct config_option *o, const struct unit *units, size_t count,
                         const char *hint, struct str text, int64_t *field, struct buf *why)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9') {
        digits++;
    }
    struct str suffix = str_sub(text, digits, text.len);
    int64_t value;
    bool ok = str_to_i64(str_sub(text, 0, digits), &value);
    size_t i = 0;
    while (i < count && !str_eq_c(suffix, units[i].text)) {
        i++;
    }
    if (ok && value == 0 && suffix.len == 0) {
        i = 0; /* nothing is nothing in every unit */
    }
    if (!ok || i == count || __builtin_mul_overflow(value, units[i].factor, &value)) {
        buf_add_c(why, hint);
        return false;
    }
    if (!in_bounds(o, value, "a value", why)) {
        return false;
    }
    *field = value;
    return true;
}

static bool parse_bool(struct str text, bool *field, struct buf *why)
{
    static const char *const yes[] = {"true", "yes", "on"};
    static const char *const no[] = {"false", "no", "off"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq_c(text, yes[i]) || str_eq_c(text, no[i])) {
            *field = str_eq_c(text, yes[i]);
            return true;
        }
    }
    buf_add_c(why, "is neither true nor false");
    return false;
}

static bool parse_enum(const struct config_option *o, struct str text, int *field, struct buf *why)
{
    struct str rest = str_c(o->unit);
    struct str word;
    for (int i = 0; str_split(&rest, '|', &word); i++) {
        if (str_eq(word, text)) {
            *field = i;
            return true;
        }
    }
    buf_add_f(why, "is none of %s", o->unit);
    return false;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static bool parse_string(struct arena *arena, const struct config_option *o, struct str text,
                         struct str *field, struct buf *why)
{
    if (!str_is_utf8(text) || has_control(text)) {
        buf_add_c(why, "holds a control character or is not UTF-8");
        return false;
    }
    if (!in_bounds(o, (int64_t)text.len, "a length in bytes", why)) {
        return false;
    }
    *field = arena_str(arena, text);
    return true;
}

static bool parse_secret(struct arena *arena, const struct config_option *o, struct str text,
                         struct config_secret *field, struct buf *why)
{
    if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL) {
        buf_add_c(why, "holds a NUL");
        return false;
    }
    if (!in_bounds(o, (int64_t)text.len, "a length in bytes", why)) {
        return false;
    }
    field->hidden = arena_str(arena, text);
    return true;
}

static bool is_port(struct str text, int64_t min, int64_t *ret_port)
{
    return text.len >= 1 && text.len <= 5 && text.ptr[0] >= '0' && text.ptr[0] <= '9' &&
           str_to_i64(text, ret_port) && *ret_port >= min && *ret_port <= 65535;
}

static bool is_host(struct str s, const char *also)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || strchr(also, c) == NULL)) {
            return false;
        }
    }
    return true;
}

/* "host", "[::1]" or, with ipv6 brackets taken off, what is in them. False if it is neither. */
static bool take_host(struct str text, struct str *ret_host)
{
    if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']') {
        *ret_host = str_sub(text, 1, text.len - 2);
        return is_host(*ret_host, ":.");
    }
    *ret_host = text;
    return is_host(text, ".-_");
}

/* host:port at its last colon outside of brackets. */
static size_t port_colon(struct str text)
{
    for (size_t i = text.len; i > 0; i--) {
        if (text.ptr[i - 1] == ':') {
            return i - 1;
        }
        if (text.ptr[i - 1] == ']') {
            break;
        }
    }
    return SIZE_MAX;
}

static bool parse_address(struct arena *arena, struct str text, struct config_address *field,
                          struct buf *why)
{
    size_t colon = port_colon(text);
    struct str host;
    int64_t port;
    if (colon == SIZE_MAX || !is_port(str_sub(text, colon + 1, text.len), 0, &port) ||
        !take_host(str_sub(text, 0, colon), &host)) {
        buf_add_c(why, "is no address: write host:port, [IPv6]:port or :port");
        return false;
    }
    field->host = arena_str(arena, host);
    field->port = (uint16_t)port;
    return true;
}

static bool scheme_known(const char *schemes, struct str scheme)
{
    struct str rest = str_c(schemes);
    struct str one;
    while (str_split(&rest, '|', &one)) {
        if (str_eq(one, scheme)) {
            return true;
        }
    }
    return false;
}

static bool parse_url(struct arena *arena, const struct config_option *o, struct str text,
                      struct str *field, struct buf *why)
{
    size_t colon = str_find(text, STR("://"));
    if (colon == SIZE_MAX || !scheme_known(o->unit, str_sub(text, 0, colon))) {
        buf_add_f(why, "is no URL that begins with %s://", o->unit);
        return false;
    }
    struct str rest = str_sub(text, colon + 3, text.len);
    size_t slash = str_find_char(rest, '/');
    struct str authority = str_sub(rest, 0, slash);
    size_t at = port_colon(authority);
    struct str host;
    int64_t port;
    if (!take_host(str_sub(authority, 0, at), &host) || host.len == 0 ||
        (at != SIZE_MAX && !is_port(str_sub(authority, at + 1, authority.len), 1, &port))) {
        buf_add_c(why, "has no well-formed host and port (credentials do not belong in a URL)");
        return false;
    }
    for (size_t i = 0; i < rest.len; i++) {
        if ((unsigned char)rest.ptr[i] <= ' ' || (unsigned char)rest.ptr[i] >= 0x7f ||
            strchr("?#\"<>\\^`{|}", rest.ptr[i]) != NULL) {
            buf_add_c(why, "holds a blank, a query, a fragment or what must be percent-encoded");
            return false;
        }
    }
    while (text.ptr[text.len - 1] == '/') {
        text.len--; /* paths are appended with their slash */
    }
    return in_bounds(o, (int64_t)text.len, "a length in bytes", why) &&
           (*field = arena_str(arena, text), true);
}

/* "sasl.password=..." in a list that is printed and logged. */
static bool is_misplaced_secret(const struct config_option *o, struct str item)
{
    struct str name = str_sub(item, 0, str_find_char(item, '='));
    return !config_is_hidden(o) && name.len < item.len &&
           (str_find(name, STR("password")) != SIZE_MAX ||
            str_find(name, STR("secret")) != SIZE_MAX);
}

static bool parse_list(struct arena *arena, const struct config_option *o, struct str text,
                       struct config_list *field, struct buf *why)
{
    VEC(struct str) items = {0};
    /* A password may hold a comma, so what is hidden stands one a line. */
    char sep = config_is_hidden(o) ? '\n' : ',';
    struct str rest = text;
    struct str part;
    bool ok = true;

    while (ok && str_split(&rest, sep, &part)) {
        struct str item = str_trim(part);
        if (item.len == 0 && sep == '\n') {
            continue;
        }
        ok = item.len > 0 && str_is_utf8(item) && !has_control(item);
        if (ok && is_misplaced_secret(o, item)) {
            buf_add_c(why, "holds a secret, but this list is printed and logged; there is one for "
                           "secrets, or a file");
            ok = false;
        } else if (ok) {
            vec_push(&items, arena_str(arena, item));
        } else {
            buf_add_c(why, "holds an empty item, a control character or is not UTF-8");
        }
    }
    if (ok && in_bounds(o, (int64_t)items.len, "a number of items", why)) {
        struct str *copy = ARENA_ARRAY(arena, struct str, MAX(items.len, (size_t)1));
        if (items.len > 0) {
            memcpy(copy, items.ptr, items.len * sizeof *copy);
        }
        *field = (struct config_list){copy, items.len};
    } else {
        ok = false;
    }
    vec_fini(&items);
    return ok;
}

static bool parse_key(struct config_keyring *ring, struct str line)
{
    size_t colon = str_find_char(line, ':');
    int64_t id;
    if (colon == SIZE_MAX || !str_to_i64(str_sub(line, 0, colon), &id) || id < 1 || id > 255) {
        return false;
    }
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->keys[i].id == id) {
            return false;
        }
    }
    struct buf bytes;
    buf_init(&bytes, 64);
    bool ok =
        base64_decode(&bytes, str_sub(line, colon + 1, line.len)) && bytes.len == CONFIG_KEY_LEN;
    if (ok) {
        ring->keys[ring->count].id = (uint8_t)id;
        memcpy(ring->keys[ring->count++].bytes, bytes.ptr, CONFIG_KEY_LEN);
    }
    if (bytes.ptr != NULL) {
        explicit_bzero(bytes.ptr, bytes.cap);
    }
    buf_fini(&bytes);
    return ok;
}

static bool parse_keyring(const struct config_option *o, struct str text,
                          struct config_keyring *field, struct buf *why)
{
    struct config_keyring ring = {0};
    struct str rest = text;
    struct str line;
    bool ok = true;

    for (int number = 1; ok && str_split(&rest, '\n', &line); number++) {
        line = str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        if (ring.count == CONFIG_KEYRING_MAX || !parse_key(&ring, line)) {
            buf_add_f(why,
                      "is no key ring: its line %d is not ID:BASE64 of %d bytes with an id of "
                      "1 to 255 that stands once, or is the %dth key",
                      number, CONFIG_KEY_LEN, CONFIG_KEYRING_MAX + 1);
            ok = false;
        }
    }
    if (ok && in_bounds(o, (int64_t)ring.count, "a number of keys", why)) {
        *field = ring;
    } else {
        ok = false;
    }
    explicit_bzero(&ring, sizeof ring);
    return ok;
}

static size_t field_size(enum config_type type)
{
    static const size_t sizes[] = {
        [CONFIG_TYPE_STRING] = sizeof(CONFIG_C_STRING),
        [CONFIG_TYPE_URL] = sizeof(CONFIG_C_URL),
        [CONFIG_TYPE_ADDRESS] = sizeof(CONFIG_C_ADDRESS),
        [CONFIG_TYPE_LIST] = sizeof(CONFIG_C_LIST),
        [CONFIG_TYPE_SECRET] = sizeof(CONFIG_C_SECRET),
        [CONFIG_TYPE_KEYRING] = sizeof(CONFIG_C_KEYRING),
    };
    return (size_t)type < ARRAY_LEN(sizes) ? sizes[type] : 0;
}

/* The unset value: no pointer in it is NULL. False where the type has none. */
static bool unset(const struct config_option *o, void *field, struct buf *why)
{
    if (field_size(o->type) == 0) {
        buf_add_c(why, "is empty; leave it out for the default");
        return false;
    }
    memset(field, 0, field_size(o->type));
    if (o->type == CONFIG_TYPE_STRING || o->type == CONFIG_TYPE_URL) {
        *(struct str *)field = STR("");
    } else if (o->type == CONFIG_TYPE_SECRET) {
        ((struct config_secret *)field)->hidden = STR("");
    } else if (o->type == CONFIG_TYPE_ADDRESS) {
        ((struct config_address *)field)->host = STR("");
    }
    return true;
}

bool config_parse(struct arena *arena, const struct config_option *o, struct str text, void *field,
                  struct buf *why)
{
    if (text.len == 0) {
        return unset(o, field, why);
    }
    switch (o->type) {
    case CONFIG_TYPE_STRING:
        return parse_string(arena, o, text, field, why);
    case CONFIG_TYPE_INT:
        return parse_int(o, text, field, why);
    case CONFIG_TYPE_SIZE:
        return parse_scaled(o, size_units, ARRAY_LEN(size_units),
                            "is no size: bytes, or a number with KiB, MiB or GiB, such as 64KiB",
                            text, field, why);
    case CONFIG_TYPE_DURATION:
        return parse_scaled(o, duration_units, ARRAY_LEN(duration_units),
                            "is no duration: a number with ms, s, m, h or d, such as 30s", text,
                            field, why);
    case CONFIG_TYPE_BOOL:
        return parse_bool(text, field, why);
    case CONFIG_TYPE_ENUM:
        return parse_enum(o, text, field, why);
    case CONFIG_TYPE_URL:
        return parse_url(arena, o, text, field, why);
    case CONFIG_TYPE_ADDRESS:
        return parse_address(arena, text, field, why);
    case CONFIG_TYPE_LIST:
        return parse_list(arena, o, text, field, why);
    case CONFIG_TYPE_SECRET:
        return parse_secret(arena, o, text, field, why);
    case CONFIG_TYPE_KEYRING:
        return parse_keyring(o, text, field, why);
    }
    return false;
}
