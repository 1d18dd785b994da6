/* Any request to any path: the first line is "METHOD target", the rest the body. */
#include "simulator/google/oauth.h"

#define START_AT INT64_C(1790812800000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t wall(void)
{
    return START_AT;
}

/* One simulator for all inputs, forgotten after each: its signing key takes long to make. */
static struct sim *the_sim(void)
{
    static struct sim sim;
    static bool made;
    if (!made) {
        const struct sim_settings settings = {
            .public_url = "http://sim", .token_ttl_s = 3600, .seed = 1};
        sim_init(&sim, &settings, wall);
        made = true;
    }
    return &sim;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim *sim = the_sim();
    struct g_user *ana =
        g_user_add(sim->google, STR("ana@example.com"), STR("Ana"), STR("Europe/Lisbon"));
    struct g_oauth *o = sim->google->oauth;
    struct g_grant *grant = g_grant_get(o, ana, g_client_find(o, STR(G_DEFAULT_CLIENT_ID)));
    const struct g_access *access =
        g_access_new(o, grant, STR("https://www.googleapis.com/auth/calendar"));
    struct arena arena;
    arena_init(&arena);

    struct str rest = {(const char *)data, size};
    size_t end = str_find_char(rest, '\n');
    struct str line = str_sub(rest, 0, end);
    struct str method = STR("");
    (void)str_split(&line, ' ', &method);
    struct str target = line.ptr != NULL ? line : STR("");
    size_t mark = str_find_char(target, '?');
    const struct sim_header headers[] = {
        {STR("authorization"), arena_strf(&arena, "Bearer %s", access->token)},
        {STR("content-type"), STR("multipart/mixed; boundary=B")},
    };
    const struct sim_request rq = {
        .arena = &arena,
        .method = method,
        .path = arena_str(&arena, str_sub(target, 0, mark)),
        .query =
            mark == SIZE_MAX ? STR("") : arena_str(&arena, str_sub(target, mark + 1, SIZE_MAX)),
        .body = end == SIZE_MAX ? STR("") : str_sub(rest, end + 1, SIZE_MAX),
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .version = "HTTP/1.1",
    };
    struct sim_reply reply;
    sim_reply_init(&reply);
    /* A generator of 200,000 events is right, and too slow here. */
    if (!str_starts(rq.path, STR("/admin/generate"))) {
        sim_handle(sim, &rq, &reply);
    }
    sim_reply_fini(&reply);
    arena_fini(&arena);
    sim_reset(sim);
    return 0;
}
