#include "ingest.h"
#include "json/write.h"

/* openapi.json, by CMakeLists.txt. */
extern const unsigned char openapi_json[];
extern const size_t openapi_json_len;

#define DOCUMENT_MAX_BYTES (1 << 20)

/* The document is ours, so that it parses. */
struct str openapi_document(struct str public_url, struct arena *arena)
{
    struct str text = {(const char *)openapi_json, openapi_json_len};
    const struct json *root = NULL;
    struct buf out CLEANUP(buf_fini);

    BUG_ON(json_parse(arena, text, &root, NULL) != ERR_OK);
    buf_init(&out, DOCUMENT_MAX_BYTES);
    struct json_writer w = {.out = &out};
    json_open(&w, '{');
    json_foreach(member, root)
    {
        json_key_str(&w, member->key);
        if (str_eq_c(member->key, "servers") && public_url.len > 0) {
            json_open(&w, '[');
            json_open(&w, '{');
            json_member_str(&w, "url", public_url);
            json_close(&w, '}');
            json_close(&w, ']');
        } else {
            json_put_tree(&w, member);
        }
    }
    json_close(&w, '}');
    return arena_str(arena, buf_str(&out));
}
