#include "simulator/google/batch.h"

#include "simulator/google/google.h"

#define PART_HEADERS_MAX 32
#define ANSWER_BOUNDARY "batch_calfleet"

static struct str header_of(const struct sim_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase(headers[i].name, str_c(name))) {
            return headers[i].value;
        }
    }
    return STR("");
}

/* Takes a line, whichever way it ends. */
static bool take_line(struct str *rest, struct str *ret_line)
{
    if (!str_split(rest, '\n', ret_line)) {
        return false;
    }
    if (str_ends(*ret_line, STR("\r"))) {
        ret_line->len--;
    }
    return true;
}

/* Up to the empty line; *rest is what follows it. */
static size_t take_headers(struct str *rest, struct sim_header *headers)
{
    struct str line;
    size_t count = 0;
    while (take_line(rest, &line) && line.len > 0) {
        size_t colon = str_find_char(line, ':');
        if (colon != SIZE_MAX && count < PART_HEADERS_MAX) {
            headers[count++] = (struct sim_header){str_trim(str_sub(line, 0, colon)),
                                                   str_trim(str_sub(line, colon + 1, SIZE_MAX))};
        }
    }
    return count;
}

/* The request that a part holds. False if it is none. */
static bool read_part(const struct g_call *call, struct str text, struct sim_header *headers,
                      struct sim_request *ret_rq)
{
    struct str line;
    struct str method;
    struct str target;
    if (!take_line(&text, &line) || !str_split(&line, ' ', &method) ||
        !str_split(&line, ' ', &target) || !str_starts(target, STR("/"))) {
        return false;
    }
    size_t count = take_headers(&text, headers);
    if (header_of(headers, count, "authorization").len == 0) { /* the outer one holds for all */
        headers[count++] = (struct sim_header){STR("authorization"),
                                               sim_request_header(call->rq, "authorization")};
    }
    size_t mark = str_find_char(target, '?');
    *ret_rq = (struct sim_request){
        .arena = call->arena,
        .method = method,
        .path = str_sub(target, 0, mark),
        .query = mark == SIZE_MAX ? STR("") : str_sub(target, mark + 1, SIZE_MAX),
        .body = str_trim(text.ptr != NULL ? text : STR("")),
        .headers = headers,
        .header_count = count,
        .version = call->rq->version,
    };
    return true;
}

static void add_answer(struct g_call *call, struct str content_id, const struct sim_reply *rp)
{
    struct buf *out = &call->rp->body;
    buf_add_c(out, "--" ANSWER_BOUNDARY "\r\nContent-Type: application/http\r\n");
    if (content_id.len > 0) {
        bool bracket = str_starts(content_id, STR("<"));
        struct str id = bracket ? str_sub(content_id, 1, SIZE_MAX) : content_id;
        buf_add_f(out, "Content-ID: %sresponse-%.*s\r\n", bracket ? "<" : "", STR_ARG(id));
    }
    buf_add_f(out, "\r\nHTTP/1.1 %d %s\r\n", rp->status, sim_status_text(rp->status));
    if (rp->content_type != NULL) {
        buf_add_f(out, "Content-Type: %s\r\n", rp->content_type);
    }
    for (size_t i = 0; i < rp->header_count; i++) {
        buf_add_f(out, "%.*s: %.*s\r\n", STR_ARG(rp->headers[i].name),
                  STR_ARG(rp->headers[i].value));
    }
    buf_add_f(out, "Content-Length: %zu\r\n\r\n", rp->body.len);
    buf_add(out, buf_str(&rp->body));
    buf_add_c(out, "\r\n");
}

static void run_part(struct g_call *call, struct str part)
{
    struct sim_header outer[PART_HEADERS_MAX];
    struct sim_header inner[PART_HEADERS_MAX + 1];
    struct sim_request rq;
    struct sim_reply rp;
    size_t count = take_headers(&part, outer);
    sim_reply_init(&rp);
    if (part.ptr != NULL && read_part(call, part, inner, &rq) &&
        !str_starts(rq.path, STR("/batch/"))) {
        google_handle(call->g, &rq, &rp, NULL);
    } else {
        sim_reply_text(&rp, 400, "text/plain", STR("bad part\n"));
    }
    add_answer(call, header_of(outer, count, "content-id"), &rp);
    sim_reply_fini(&rp);
}

static struct str boundary_of(const struct g_call *call)
{
    struct str type = sim_request_header(call->rq, "content-type");
    size_t at = str_find(type, STR("boundary="));
    if (!str_starts(type, STR("multipart/mixed")) || at == SIZE_MAX) {
        return STR("");
    }
    struct str boundary = str_sub(type, at + 9, SIZE_MAX);
    boundary = str_trim(str_sub(boundary, 0, str_find_char(boundary, ';')));
    if (boundary.len > 1 && boundary.ptr[0] == '"') {
        boundary = str_sub(boundary, 1, boundary.len - 2);
    }
    return boundary;
}

/* The next part between two boundaries; false at the last one. */
static bool take_part(struct str *rest, struct str mark, struct str *ret_part)
{
    size_t at = str_find(*rest, mark);
    if (at == SIZE_MAX) {
        return false;
    }
    struct str after = str_sub(*rest, at + mark.len, SIZE_MAX);
    struct str line;
    size_t end = str_find(after, mark);
    if (str_starts(after, STR("--")) || end == SIZE_MAX) {
        return false;
    }
    *rest = str_sub(after, end, SIZE_MAX);
    after = str_sub(after, 0, end);
    *ret_part = after;
    return take_line(ret_part, &line) && ret_part->ptr != NULL;
}

void g_batch(struct g_call *call)
{
    struct str boundary = boundary_of(call);
    struct str mark = arena_strf(call->arena, "--%.*s", STR_ARG(boundary));
    struct str rest = call->rq->body;
    struct str part;
    size_t count = 0;

    if (boundary.len == 0) {
        g_fail(call, &(struct g_error){400, "global", "badRequest",
                                       "Failed to parse batch request.", NULL, NULL});
        return;
    }
    while (take_part(&rest, mark, &part)) {
        count++;
    }
    if (count == 0 || count > G_BATCH_PARTS_MAX) {
        g_fail(call, &(struct g_error){400, "global", "badRequest",
                                       count == 0 ? "Failed to parse batch request."
                                                  : "The batch request has too many calls.",
                                       NULL, NULL});
        return;
    }
    sim_reply_text(call->rp, 200, "multipart/mixed; boundary=" ANSWER_BOUNDARY, STR(""));
    rest = call->rq->body;
    while (take_part(&rest, mark, &part)) {
        run_part(call, part);
    }
    buf_add_c(&call->rp->body, "--" ANSWER_BOUNDARY "--\r\n");
}
