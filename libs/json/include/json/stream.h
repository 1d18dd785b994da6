/* A provider's page read as it arrives: one object with one long array, whose items are handed
 * over one by one while the rest is still on the wire. Memory is that of the largest item. */
#ifndef JSON_STREAM_H
#define JSON_STREAM_H

#include "json/json.h"

/* item lives until the function returns. Anything but ERR_OK ends the stream with that error.
 * Must not suspend: it is called from the transport's write callback. */
typedef enum err_code (*json_item_fn)(void *arg, const struct json *item, struct err *err);

struct json_stream;

/* array_key: the member of the outer object whose items go to on_item ("items", "value").
 * max_item_bytes: of one item's tree; max_rest_bytes: of all other members together. */
struct json_stream *json_stream_new(const char *array_key, size_t max_item_bytes,
                                    size_t max_rest_bytes, json_item_fn on_item, void *arg);
struct json_stream *json_stream_free(struct json_stream *s);

/* errs: ERR_PROTO, ERR_TOO_BIG, what on_item gave. After a failure the stream is dead. */
MUST_CHECK enum err_code json_stream_feed(struct json_stream *s, struct str bytes, struct err *err);
/* The outer object without the array; lives as long as the stream.
 * errs: ERR_PROTO if the document is not complete or is no object. */
MUST_CHECK enum err_code json_stream_finish(struct json_stream *s, const struct json **ret_rest,
                                            struct err *err);

#endif
