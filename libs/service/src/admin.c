#include "service_int.h"

#include "observe/metric.h"

#include <stdio.h>

/* The loop is alive if a coroutine ran within this time. */
#define HEARTBEAT_MAX_NS (10 * INT64_C(1000000000))
#define PAGE_MAX_BYTES (8 << 20)

struct admin {
    struct http_server *server;
    struct process *process;
    struct buf page; /* kept from scrape to scrape */
};

struct service_ready {
    struct buf *out;
    bool all;
    size_t count;
};

void service_ready_add(struct service_ready *ready, const char *name, const char *code)
{
    buf_add_f(ready->out, "%s{\"name\":\"%s\",\"ok\":%s", ready->count++ > 0 ? "," : "", name,
              code == NULL ? "true" : "false");
    if (code != NULL) {
        buf_add_f(ready->out, ",\"code\":\"%s\"", code);
        ready->all = false;
    }
    buf_add_char(ready->out, '}');
}

/* {"ready":false,"phase":"running","checks":[{"name":"kafka","ok":false,"code":"unavailable"}]} */
bool service_ready_print(struct process *p, struct buf *out)
{
    static const char *const phases[] = {"starting", "running", "draining"};
    struct buf checks CLEANUP(buf_fini);
    buf_init(&checks, 65536);
    struct service_ready ready = {.out = &checks, .all = p->phase == SERVICE_RUNNING};
    if (p->phase == SERVICE_RUNNING && p->service->ready != NULL) {
        p->service->ready(&p->run, &ready);
    }
    buf_add_f(out, "{\"ready\":%s,\"phase\":\"%s\",\"checks\":[%s]}\n",
              ready.all ? "true" : "false", phases[p->phase], buf_c(&checks));
    return ready.all;
}

static void healthz(struct admin *a, struct http_exchange *x)
{
    bool alive = co_clock_ns() - a->process->alive_ns < HEARTBEAT_MAX_NS;
    http_reply(x, alive ? 200 : 503, NULL, 0, "application/json",
               alive ? STR("{\"alive\":true}\n") : STR("{\"alive\":false}\n"));
}

static void readyz(struct admin *a, struct http_exchange *x)
{
    buf_reset(&a->page);
    bool ready = service_ready_print(a->process, &a->page);
    http_reply(x, ready ? 200 : 503, NULL, 0, "application/json", buf_str(&a->page));
}

static void metrics(struct admin *a, struct http_exchange *x)
{
    struct err err;
    process_measure();
    buf_reset(&a->page);
    metric_print(&a->page);
    if (buf_ok(&a->page, &err) != ERR_OK) {
        http_reply_error(x, 500, err_code_name(err.code), "the page of metrics is too large");
        return;
    }
    http_reply(x, 200, NULL, 0, "text/plain; version=0.0.4; charset=utf-8", buf_str(&a->page));
}

static void handle(struct http_exchange *x, void *arg)
{
    static const struct {
        const char *path;
        void (*fn)(struct admin *a, struct http_exchange *x);
    } routes[] = {{"/healthz", healthz}, {"/readyz", readyz}, {"/metrics", metrics}};
    struct admin *a = arg;

    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!str_eq_c(x->path, routes[i].path)) {
            continue;
        }
        if (str_eq_c(x->method, "GET") || str_eq_c(x->method, "HEAD")) {
            routes[i].fn(a, x);
        } else {
            http_reply_error(x, 405, "method_not_allowed", "Only GET and HEAD.");
        }
        return;
    }
    if (a->process->phase == SERVICE_RUNNING && a->process->service->admin != NULL) {
        a->process->service->admin(x, &a->process->run);
    } else {
        http_reply_error(x, 404, "not_found", "There is no such page.");
    }
}

enum err_code admin_open(struct process *p, struct admin **ret_admin, struct err *err)
{
    const struct config_address *listen = &p->shared.admin_listen;
    struct admin *a = xcalloc(1, sizeof *a);
    a->process = p;
    buf_init(&a->page, PAGE_MAX_BYTES);
    struct http_server_opts opts = {
        .name = "admin",
        .address = listen->host.len > 0 ? listen->host.ptr : "0.0.0.0",
        .port = listen->port,
        .handler = handle,
        .arg = a,
        .max_connections = 64,
        .max_body_bytes = 65536,
    };
    enum err_code rc = http_server_new(p->loop, &opts, &a->server, err);
    if (rc != ERR_OK) {
        free(a);
        return err_wrap(err, "admin_listen");
    }
    *ret_admin = a;
    return ERR_OK;
}

uint16_t admin_port(const struct admin *a)
{
    return http_server_port(a->server);
}

struct admin *admin_close(struct admin *a)
{
    if (a != NULL) {
        a->server = http_server_free(a->server);
        buf_fini(&a->page);
        free(a);
    }
    return NULL;
}
