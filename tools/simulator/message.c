#include "simulator/message.h"

void sim_reply_init(struct sim_reply *rp)
{
    *rp = (struct sim_reply){.status = 200};
    buf_init(&rp->body, SIM_REPLY_MAX_BYTES);
}

void sim_reply_fini(struct sim_reply *rp)
{
    buf_fini(&rp->body);
}

struct str sim_request_header(const struct sim_request *rq, const char *name)
{
    struct str wanted = str_c(name);
    for (size_t i = 0; i < rq->header_count; i++) {
        if (str_eq_nocase(rq->headers[i].name, wanted)) {
            return rq->headers[i].value;
        }
    }
    return STR("");
}

bool sim_request_query(const struct sim_request *rq, const char *name, struct str *ret_value)
{
    return form_find(rq->query, name, rq->arena, ret_value);
}

static struct str decode(struct arena *arena, struct str text)
{
    struct buf out;
    buf_init(&out, text.len + 1);
    bool good = percent_decode(&out, text, true);
    struct str copy = arena_str(arena, good ? buf_str(&out) : text);
    buf_fini(&out);
    return copy;
}

bool sim_form_next(struct str *rest, struct arena *arena, struct str *ret_name,
                   struct str *ret_value)
{
    struct str part;
    do {
        if (!str_split(rest, '&', &part)) {
            return false;
        }
    } while (part.len == 0);

    size_t eq = str_find_char(part, '=');
    *ret_name = decode(arena, str_sub(part, 0, eq));
    *ret_value = eq == SIZE_MAX ? STR("") : decode(arena, str_sub(part, eq + 1, SIZE_MAX));
    return true;
}

void sim_reply_header(struct sim_reply *rp, struct arena *arena, const char *name, struct str value)
{
    BUG_ON(rp->header_count == ARRAY_LEN(rp->headers));
    rp->headers[rp->header_count++] =
        (struct sim_header){.name = str_c(name), .value = arena_str(arena, value)};
}

void sim_reply_text(struct sim_reply *rp, int status, const char *content_type, struct str body)
{
    rp->status = status;
    rp->content_type = content_type;
    buf_reset(&rp->body);
    buf_add(&rp->body, body);
}

void sim_reply_redirect(struct sim_reply *rp, struct arena *arena, struct str location)
{
    sim_reply_text(rp, 302, "text/html; charset=UTF-8", STR(""));
    sim_reply_header(rp, arena, "Location", location);
}

bool sim_path_split(struct str path, struct arena *arena, struct str *segments, size_t max,
                    size_t *ret_count)
{
    size_t count = 0;
    struct str part;
    while (str_split(&path, '/', &part)) {
        if (part.len == 0) {
            continue;
        }
        if (count == max) {
            return false;
        }
        struct buf out;
        buf_init(&out, part.len + 1);
        bool good = percent_decode(&out, part, false);
        segments[count++] = arena_str(arena, buf_str(&out));
        buf_fini(&out);
        if (!good) {
            return false;
        }
    }
    *ret_count = count;
    return true;
}

const char *sim_status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } texts[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].status == status) {
            return texts[i].text;
        }
    }
    return "Status";
}
