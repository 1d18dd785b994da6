#include "harness.h"

#include "simulator/google/oauth.h"

static int64_t wall_now;

static int64_t wall(void)
{
    return wall_now;
}

void harness_advance(int64_t ms)
{
    wall_now += ms;
}

int harness_setup(void **state)
{
    const struct sim_settings settings = {
        .public_url = "http://sim.example.com", .token_ttl_s = 3600, .seed = 7};
    struct harness *h = xcalloc(1, sizeof *h);
    wall_now = HARNESS_START_AT;
    sim_init(&h->sim, &settings, wall);
    arena_init(&h->arena);
    h->ana = g_user_add(h->sim.google, STR("ana@example.com"), STR("Ana"), STR("Europe/Lisbon"));
    struct g_oauth *o = h->sim.google->oauth;
    struct g_grant *grant = g_grant_get(o, h->ana, g_client_find(o, STR(G_DEFAULT_CLIENT_ID)));
    const struct g_access *access =
        g_access_new(o, grant, STR("https://www.googleapis.com/auth/calendar"));
    h->token = arena_cstr(&h->arena, str_c(access->token));
    *state = h;
    return 0;
}

static void forget_answer(struct harness *h)
{
    json_decref(h->answer);
    h->answer = NULL;
    if (h->replied) {
        sim_reply_fini(&h->reply);
        h->replied = false;
    }
}

int harness_teardown(void **state)
{
    struct harness *h = *state;
    forget_answer(h);
    sim_fini(&h->sim);
    arena_fini(&h->arena);
    free(h);
    return 0;
}

int harness_call(struct harness *h, const char *method, const char *target, const char *body)
{
    struct str whole = str_c(target);
    size_t mark = str_find_char(whole, '?');
    struct sim_header headers[3];
    size_t count = 0;
    forget_answer(h);
    if (h->token != NULL) {
        headers[count++] =
            (struct sim_header){STR("authorization"), arena_strf(&h->arena, "Bearer %s", h->token)};
    }
    if (h->if_match != NULL) {
        headers[count++] = (struct sim_header){STR("if-match"), str_c(h->if_match)};
        h->if_match = NULL;
    }
    if (h->content_type != NULL) {
        headers[count++] = (struct sim_header){STR("content-type"), str_c(h->content_type)};
        h->content_type = NULL;
    }
    const struct sim_request rq = {
        .arena = &h->arena,
        .method = str_c(method),
        .path = arena_str(&h->arena, str_sub(whole, 0, mark)),
        .query =
            mark == SIZE_MAX ? STR("") : arena_str(&h->arena, str_sub(whole, mark + 1, SIZE_MAX)),
        .body = str_c(body),
        .headers = headers,
        .header_count = count,
        .version = "HTTP/1.1",
    };
    sim_reply_init(&h->reply);
    h->replied = true;
    sim_handle(&h->sim, &rq, &h->reply);
    h->answer = tree_parse(buf_str(&h->reply.body));
    h->status = h->reply.status;
    return h->status;
}

int harness_events(struct harness *h, const char *method, const char *target, const char *body)
{
    return harness_call(h, method,
                        harness_fmt(h, "/calendar/v3/calendars/primary/events%s", target), body);
}

json_t *harness_at(struct harness *h, const char *path)
{
    json_t *value = h->answer;
    struct str rest = str_c(path);
    struct str part;
    while (value != NULL && str_split(&rest, '.', &part)) {
        int64_t index;
        if (json_is_array(value) && str_to_i64(part, &index)) {
            value = json_array_get(value, (size_t)index);
        } else {
            value = json_object_get(value, arena_cstr(&h->arena, part));
        }
    }
    return value;
}

const char *harness_text(struct harness *h, const char *path)
{
    return arena_cstr(&h->arena, tree_value_str(harness_at(h, path)));
}

size_t harness_count(struct harness *h, const char *path)
{
    return json_array_size(harness_at(h, path));
}

const char *harness_header(struct harness *h, const char *name)
{
    for (size_t i = 0; i < h->reply.header_count; i++) {
        if (str_eq_nocase(h->reply.headers[i].name, str_c(name))) {
            return arena_cstr(&h->arena, h->reply.headers[i].value);
        }
    }
    return "";
}

const char *harness_reason(struct harness *h)
{
    return harness_text(h, "error.errors.0.reason");
}

const char *harness_fmt(struct harness *h, const char *fmt, ...)
{
    struct buf text;
    va_list ap;
    buf_init(&text, 1u << 20);
    va_start(ap, fmt);
    buf_add_v(&text, fmt, ap);
    va_end(ap);
    const char *copy = arena_cstr(&h->arena, buf_str(&text));
    buf_fini(&text);
    return copy;
}

void harness_insert(struct harness *h, const char *id, int day)
{
    const char *body = harness_fmt(h,
                                   "{\"id\":\"%s\",\"summary\":\"%s\","
                                   "\"start\":{\"dateTime\":\"2026-10-%02dT10:00:00+01:00\"},"
                                   "\"end\":{\"dateTime\":\"2026-10-%02dT10:30:00+01:00\"}}",
                                   id, id, day, day);
    assert_int_equal(harness_events(h, "POST", "", body), 200);
}
