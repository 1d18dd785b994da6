#include "runtime/co.h"
#include "simulator/deliver.h"
#include "simulator/front.h"
#include "simulator/google/google.h"
#include "simulator/google/oauth.h"
#include "simulator/ics.h"
#include "simulator/options.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define EXIT_USAGE 64
#define EXIT_CONFIG 78

struct program {
    struct options options;
    struct sim sim;
    struct front *front;
    struct deliver *deliver;
    struct co_wait stopped;
    uv_signal_t signals[2];
    char url[300];
    int exit_code;
};

static void on_signal(uv_signal_t *handle, int number)
{
    struct program *p = handle->data;
    (void)number;
    co_wake(&p->stopped);
}

/* ---- start --------------------------------------------------------------------------------- */

static void seed(struct program *p)
{
    const struct options *o = &p->options;
    struct google *g = p->sim.google;
    struct g_user *first = g_user_add(g, str_c(o->account), STR(""), str_c(o->zone));
    g_user_add(g, STR("bo@example.com"), STR("Bo"), STR("Europe/Berlin"));
    if (o->client_id != NULL || o->client_secret != NULL) {
        g_client_add(g->oauth, str_c(o->client_id != NULL ? o->client_id : G_DEFAULT_CLIENT_ID),
                     str_c(o->client_secret != NULL ? o->client_secret : G_DEFAULT_CLIENT_SECRET),
                     STR(""));
    }
    g->modes.auto_consent = o->auto_consent;
    if (o->latency_ms > 0) {
        json_t *rule = json_object();
        tree_set_c(rule, "kind", "latency");
        tree_set_i64(rule, "delay_ms", o->latency_ms);
        faults_add(&p->sim.faults, rule);
        json_decref(rule);
    }
    for (size_t i = 0; i < o->ics.len; i++) {
        struct ics_result result;
        struct err err;
        if (ics_load_file(g, first, o->ics.ptr[i], &result, &err) != ERR_OK) {
            fprintf(stderr, "%s: %s\n", o->ics.ptr[i], err.text);
            continue;
        }
        fprintf(stderr, "%s: %zu events, %zu left out\n", o->ics.ptr[i], result.events,
                result.refused);
    }
}

static void announce(const struct program *p)
{
    json_t *line = json_object();
    struct buf text;
    buf_init(&text, 65536);
    static const struct {
        const char *name;
        const char *path;
    } urls[] = {
        {"url", ""},
        {"google_auth_url", "/o/oauth2/v2/auth"},
        {"google_token_url", "/token"},
        {"google_revoke_url", "/revoke"},
        {"google_certs_url", "/certs"},
        {"google_userinfo_url", "/userinfo"},
        {"google_api_url", "/calendar/v3"},
        {"admin_url", "/admin"},
        {"app_url", "/app"},
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        char url[400];
        snprintf(url, sizeof url, "%s%s", p->url, urls[i].path);
        tree_set_c(line, urls[i].name, url);
    }
    tree_set_i64(line, "port", front_port(p->front));
    tree_dump(&text, line, false);
    buf_add_char(&text, '\n');
    fputs(buf_c(&text), stdout);
    fflush(stdout);
    if (p->options.ready_fd >= 0 &&
        write((int)p->options.ready_fd, buf_c(&text), text.len) != (ssize_t)text.len) {
        fprintf(stderr, "cannot write to --ready-fd\n");
    }
    buf_fini(&text);
    json_decref(line);
}

static bool write_port(const struct program *p)
{
    if (p->options.port_file == NULL) {
        return true;
    }
    FILE *file = fopen(p->options.port_file, "w");
    if (file == NULL || fprintf(file, "%u\n", front_port(p->front)) < 0 || fclose(file) != 0) {
        fprintf(stderr, "%s: %s\n", p->options.port_file, strerror(errno));
        return false;
    }
    return true;
}

static bool start(struct program *p)
{
    const struct options *o = &p->options;
    const struct front_options front = {o->host, o->port, o->tls_cert, o->tls_key};
    struct err err;
    if (front_new(co_loop_uv(co_loop_current()), &p->sim, &front, &p->front, &err) != ERR_OK ||
        deliver_new(co_loop_current(), &p->sim, &p->deliver, &err) != ERR_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    bool v6 = strchr(o->host, ':') != NULL;
    bool any = strcmp(o->host, "0.0.0.0") == 0 || strcmp(o->host, "::") == 0;
    if (o->public_url != NULL) {
        snprintf(p->url, sizeof p->url, "%s", o->public_url);
    } else {
        snprintf(p->url, sizeof p->url, v6 && !any ? "%s://[%s]:%u" : "%s://%s:%u",
                 o->tls_cert != NULL ? "https" : "http", any ? "127.0.0.1" : o->host,
                 front_port(p->front));
    }
    seed(p);
    return write_port(p);
}

/* ---- life ---------------------------------------------------------------------------------- */

static void watch_signals(struct program *p)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        uv_signal_init(co_loop_uv(co_loop_current()), &p->signals[i]);
        p->signals[i].data = p;
        uv_signal_start(&p->signals[i], on_signal, numbers[i]);
    }
}

static CO_FN void root(void *arg)
{
    struct program *p = arg;
    co_wait_init(&p->stopped);
    watch_signals(p);
    if (start(p)) {
        announce(p);
        (void)!co_wait(&p->stopped, CO_FOREVER, NULL);
    } else {
        p->exit_code = EXIT_CONFIG;
    }
    for (size_t i = 0; i < ARRAY_LEN(p->signals); i++) {
        uv_close((uv_handle_t *)&p->signals[i], NULL);
    }
    if (p->front != NULL) {
        front_close(p->front);
    }
    if (p->deliver != NULL) {
        deliver_free(p->deliver);
    }
    /* The loop closes its handles before it ends. */
    (void)!co_sleep(1, NULL);
}

int main(int argc, char **argv)
{
    static struct program p;
    switch (options_read(argc, argv, &p.options)) {
    case OPTIONS_DONE:
        options_fini(&p.options);
        return 0;
    case OPTIONS_WRONG:
        options_fini(&p.options);
        return EXIT_USAGE;
    case OPTIONS_RUN:
        break;
    }
    const struct sim_settings settings = {
        .public_url = p.url,
        .token_ttl_s = p.options.token_ttl_s,
        .allow_http_webhooks = p.options.allow_http_webhooks,
        .seed = (uint64_t)p.options.seed,
    };
    signal(SIGPIPE, SIG_IGN);
    sim_init(&p.sim, &settings, co_wall_now);
    struct co_loop *loop = co_loop_new(&(struct co_loop_opts){.slice_warn_ms = -1});
    co_loop_run(loop, "root", root, &p);
    sim_fini(&p.sim);
    co_loop_free(loop);
    options_fini(&p.options);
    return p.exit_code;
}
