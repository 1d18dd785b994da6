/* Hex, base64, base32hex and percent encoding.  src: RFC 4648, RFC 3986 */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/arena.h"
#include "base/buf.h"

/* Lower case. */
void hex_encode(struct buf *out, struct str bytes);
/* Exactly len bytes from 2 * len digits of either case; false on anything else. */
bool hex_decode(struct str text, uint8_t *out, size_t len);

/* Without padding, alphabet of RFC 4648 section 5 (URLs, JWT). */
void base64url_encode(struct buf *out, struct str bytes);
/* With padding, alphabet of section 4. */
void base64_encode(struct buf *out, struct str bytes);
/* Strict: no blanks, no foreign characters, unused bits zero; padding is optional for url and
 * required for the other. False leaves out with what came before. */
bool base64url_decode(struct buf *out, struct str text);
bool base64_decode(struct buf *out, struct str text);

/* Lower-case base32hex without padding: the alphabet of a Google event id. */
void base32hex_encode(struct buf *out, struct str bytes);

/* All but the unreserved characters of RFC 3986 2.3: right in a path segment and in a query. */
void percent_encode(struct buf *out, struct str text);
/* plus_is_blank: for form bodies and queries. False on a broken escape or an encoded NUL. */
bool percent_decode(struct buf *out, struct str text, bool plus_is_blank);

/* Finds a field of a query or form body ("a=1&b=2") and decodes it into the arena; false if the
 * field is absent or its encoding is broken. The first one counts. */
bool form_find(struct str form, const char *name, struct arena *arena, struct str *ret_value);
/* Appends name=value, with & before it where out is not empty. */
void form_add(struct buf *out, const char *name, struct str value);

#endif
