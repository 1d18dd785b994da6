/* One request as curl sees it: options, callbacks, and what came of it. */
#include "client_int.h"

/* ---- what a request may be ------------------------------------------------------------------- */

static bool is_method(const char *method)
{
    struct str s = str_c(method);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 'A' || s.ptr[i] > 'Z') {
            return false;
        }
    }
    return s.len > 0 && s.len <= 20;
}

/* A line end in a value would begin a field of somebody else's making. */
static bool is_field(const struct http_header *h)
{
    for (size_t i = 0; i < h->name.len; i++) {
        char c = h->name.ptr[i];
        if (c <= ' ' || c == ':' || c == ';' || c >= 0x7f) {
            return false;
        }
    }
    for (size_t i = 0; i < h->value.len; i++) {
        unsigned char c = (unsigned char)h->value.ptr[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return h->name.len > 0;
}

enum err_code transfer_check(const struct http_request *request, struct http_url *ret_url,
                             struct err *err)
{
    if (request->method != NULL && !is_method(request->method)) {
        return ERR_SET(err, ERR_INVALID, "not an HTTP method");
    }
    for (size_t i = 0; i < request->header_count; i++) {
        if (!is_field(&request->headers[i])) {
            return ERR_SET(err, ERR_INVALID, "header %zu is malformed", i);
        }
    }
    return http_url_parse(request->url, ret_url, err);
}

/* ---- callbacks of curl ----------------------------------------------------------------------- */

static size_t on_header(char *ptr, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    struct str line = {ptr, size * count};
    size_t max = t->client->opts.max_header_bytes;
    t->header_bytes += line.len;
    if (t->header_bytes > max) {
        IGNORE(ERR_SET(&t->refused, ERR_TOO_BIG, "the answer's head has more than %zu bytes", max));
        return 0;
    }
    size_t colon = str_find_char(line, ':');
    if (str_starts(line, STR("HTTP/"))) {
        vec_reset(&t->headers); /* what came before was an interim answer */
        t->head_ended = false;
    } else if (str_trim(line).len == 0) {
        t->head_ended = true;
    } else if (colon != SIZE_MAX) {
        struct str name = str_sub(line, 0, colon);
        struct str value = str_trim(str_sub(line, colon + 1, SIZE_MAX));
        struct http_header h = {arena_str(t->arena, name), arena_str(t->arena, value)};
        vec_push(&t->headers, h);
    }
    return line.len;
}

static size_t on_bytes(char *ptr, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    struct str bytes = {ptr, size * count};
    if (t->status == 0) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    }
    if (bytes.len > t->max_body_bytes - t->body_bytes) {
        IGNORE(ERR_SET(&t->refused, ERR_TOO_BIG, "the answer's body has more than %zu bytes",
                       t->max_body_bytes));
        return 0;
    }
    t->body_bytes += bytes.len;
    if (t->request->on_body != NULL && t->status >= 200 && t->status < 300) {
        enum err_code rc = t->request->on_body(t->request->on_body_arg, bytes, &t->refused);
        t->refused.code = rc;
        return rc == ERR_OK ? bytes.len : 0;
    }
    buf_add(&t->body, bytes);
    return bytes.len;
}

/* ---- options --------------------------------------------------------------------------------- */

static void add_field(struct transfer *t, const char *line)
{
    struct curl_slist *longer = curl_slist_append(t->fields, line);
    BUG_ON(longer == NULL);
    t->fields = longer;
}

static void set_fields(struct transfer *t)
{
    const struct http_request *request = t->request;
    struct buf line CLEANUP(buf_fini);
    struct str ignored;
    buf_init(&line, 1024 * 1024);
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *h = &request->headers[i];
        buf_reset(&line);
        /* curl's way to write a field without a value. */
        buf_add_f(&line, h->value.len > 0 ? "%.*s: %.*s" : "%.*s;%.*s", STR_ARG(h->name),
                  STR_ARG(h->value));
        add_field(t, buf_c(&line));
    }
    add_field(t, "Expect:"); /* else curl waits a second for a 100 before a larger body */
    if (!http_header_find(request->headers, request->header_count, "content-type", &ignored)) {
        add_field(t, "Content-Type:"); /* else curl says that it is a form */
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->fields);
}

static void set_method(struct transfer *t)
{
    struct str method = t->request->method != NULL ? str_c(t->request->method) : STR("GET");
    struct str body = t->request->body;
    bool get = str_eq(method, STR("GET"));
    bool has_content = str_eq(method, STR("POST")) || str_eq(method, STR("PUT")) ||
                       str_eq(method, STR("PATCH")); /* of length 0 where there is none */
    if (str_eq(method, STR("HEAD"))) {
        curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (body.ptr != NULL || has_content) {
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body.ptr != NULL ? body.ptr : "");
        get = false;
    }
    if (!get) {
        curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method.ptr);
    }
}

bool transfer_clear2_is_reused(void)
{
    return curl_version_info(CURLVERSION_NOW)->version_num >= 0x080000;
}

static void set_connection(struct transfer *t, const struct http_url *url)
{
    const struct http_client *client = t->client;
    enum http_protocol protocol = t->request->protocol;
    long version = CURL_HTTP_VERSION_1_1;
    if (protocol != HTTP_PROTOCOL_1_1 && url->https) {
        version = CURL_HTTP_VERSION_2TLS;
    } else if (protocol == HTTP_PROTOCOL_2_CLEAR) {
        version = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    }
    curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, version);
    bool alone = version == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE && !transfer_clear2_is_reused();
    bool waits = version != CURL_HTTP_VERSION_1_1 && !alone;
    curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, waits ? 1L : 0L);
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, t->request->once || alone ? 1L : 0L);
    curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, alone ? 1L : 0L);
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)client->opts.connect_ms);
    curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    /* The environment's proxies are nobody's setting; "" means none. */
    curl_easy_setopt(t->easy, CURLOPT_PROXY, client->proxy != NULL ? client->proxy : "");
    curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "");
    curl_easy_setopt(t->easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(t->easy, CURLOPT_SHARE, client->share);
    curl_easy_setopt(t->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (client->ca_file != NULL) {
        curl_easy_setopt(t->easy, CURLOPT_CAINFO, client->ca_file);
    }
    /* With any path curl reads all of the bundle again at each connection. */
    curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
    client_loop_set_sockets(t->client, t->easy);
}

static void set_answer(struct transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->max_body_bytes);
    curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "gzip");
}

enum err_code transfer_init(struct transfer *t, struct http_client *client,
                            const struct http_request *request, const struct http_url *url,
                            struct arena *arena, struct err *err)
{
    *t = (struct transfer){.client = client, .request = request, .arena = arena};
    t->max_body_bytes =
        request->max_body_bytes > 0 ? request->max_body_bytes : client->opts.max_body_bytes;
    buf_init(&t->body, t->max_body_bytes);
    co_wait_init(&t->wait);
    t->easy = curl_easy_init();
    if (t->easy == NULL) {
        return ERR_SET(err, ERR_INTERNAL, "curl cannot be set up");
    }
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->easy, CURLOPT_URL, arena_cstr(arena, request->url));
    curl_easy_setopt(t->easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    /* A call that is given up must not wait for its resolver thread. */
    curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, client->user_agent);
    set_connection(t, url);
    set_method(t);
    set_fields(t);
    set_answer(t);
    return ERR_OK;
}

void transfer_fini(struct transfer *t)
{
    if (t->easy != NULL) {
        curl_easy_cleanup(t->easy);
    }
    curl_slist_free_all(t->fields);
    vec_fini(&t->headers);
    buf_fini(&t->body);
}

/* ---- what came of it ------------------------------------------------------------------------- */

bool transfer_sent(struct transfer *t)
{
    long bytes = 0;
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

bool transfer_spoke_http2(struct transfer *t)
{
    long version = CURL_HTTP_VERSION_NONE;
    curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
    return version == CURL_HTTP_VERSION_2_0;
}

enum err_code err_from_curl(CURLcode code, struct err *err)
{
    static const struct {
        CURLcode from;
        enum err_code to;
        enum err_act act;
    } table[] = {
        {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, ERR_ACT_RETRY},
        {CURLE_COULDNT_RESOLVE_HOST, ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {CURLE_COULDNT_RESOLVE_PROXY, ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {CURLE_COULDNT_CONNECT, ERR_UNAVAILABLE, ERR_ACT_RETRY},
        {CURLE_PEER_FAILED_VERIFICATION, ERR_IO, ERR_ACT_CONFIG},
        {CURLE_SSL_CACERT_BADFILE, ERR_IO, ERR_ACT_CONFIG},
        {CURLE_SSL_ISSUER_ERROR, ERR_IO, ERR_ACT_CONFIG},
        {CURLE_SSL_CERTPROBLEM, ERR_IO, ERR_ACT_CONFIG},
        {CURLE_FILESIZE_EXCEEDED, ERR_TOO_BIG, ERR_ACT_NONE},
        {CURLE_URL_MALFORMAT, ERR_INVALID, ERR_ACT_NONE},
        {CURLE_UNSUPPORTED_PROTOCOL, ERR_PROTO, ERR_ACT_RETRY}, /* also: an answer of HTTP/0.9 */
        {CURLE_WEIRD_SERVER_REPLY, ERR_PROTO, ERR_ACT_RETRY},
        {CURLE_BAD_CONTENT_ENCODING, ERR_PROTO, ERR_ACT_RETRY},
        {CURLE_HTTP2, ERR_PROTO, ERR_ACT_RETRY},
        {CURLE_HTTP2_STREAM, ERR_PROTO, ERR_ACT_RETRY},
    };
    enum err_code to = ERR_IO;
    enum err_act act = ERR_ACT_RETRY;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].from == code) {
            to = table[i].to;
            act = table[i].act;
        }
    }
    IGNORE(ERR_SET_ACT(err, to, act, "HTTP call: %s", curl_easy_strerror(code)));
    if (err != NULL) {
        err->sys = (int)code;
    }
    return to;
}

enum err_code transfer_result(struct transfer *t, struct http_response *response, struct err *err)
{
    if (t->refused.code != ERR_OK) {
        if (err != NULL) {
            *err = t->refused;
        }
        return t->refused.code;
    }
    if (t->result != CURLE_OK) {
        return err_from_curl(t->result, err);
    }
    if (!t->head_ended) {
        return err_from_curl(CURLE_PARTIAL_FILE, err);
    }
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    struct http_header *headers = ARENA_ARRAY(t->arena, struct http_header, t->headers.len);
    if (t->headers.len > 0) {
        memcpy(headers, t->headers.ptr, t->headers.len * sizeof *headers);
    }
    response->status = (int)t->status;
    response->headers = headers;
    response->header_count = t->headers.len;
    response->body = STR("");
    if (t->body.len > 0) {
        char *body = buf_take(&t->body, &response->body.len);
        arena_defer(t->arena, free, body);
        response->body.ptr = body;
    }
    return ERR_OK;
}
