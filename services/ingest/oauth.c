/* Where the provider sends the browser after consent: the parameters are sealed, the browser goes
 * on to the app. Needs neither bus nor database, so that nobody's consent is lost to an outage. */
#include "base/encode.h"
#include "ingest.h"
#include "ticket.h"

#define LOCATION_MAX_BYTES 32768
#define STATE_MAX_BYTES 1024
#define CODE_MAX_BYTES 2048
#define SCOPE_MAX_BYTES 4096

static void to_app(struct call *c, struct str parameters)
{
    struct str app = c->in->conf->app_return_urls.items[0];
    const char *joint = str_find_char(app, '?') == SIZE_MAX ? "?" : "&";
    answer_redirect(
        c, arena_strf(c->x->arena, "%.*s%s%.*s", STR_ARG(app), joint, STR_ARG(parameters)));
}

static void failed(struct call *c, const char *code, const char *message)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, LOCATION_MAX_BYTES);
    form_add(&out, "error", str_c(code));
    form_add(&out, "message", str_c(message));
    to_app(c, buf_str(&out));
}

/* A parameter as text of a bounded length; empty if it is absent. */
static bool parameter(struct call *c, const char *name, size_t max, struct str *ret_value)
{
    *ret_value = STR("");
    form_find(c->x->query, name, c->x->arena, ret_value);
    return ret_value->len <= max && str_is_utf8(*ret_value);
}

void oauth_redirect_handle(struct call *c)
{
    struct ticket t;
    struct str error;
    struct buf out CLEANUP(buf_fini);
    struct buf sealed CLEANUP(buf_fini);

    buf_init(&out, LOCATION_MAX_BYTES);
    buf_init(&sealed, 2 * TICKET_MAX_BYTES);
    bool ok = parameter(c, "error", 256, &error);
    if (ok && str_eq_c(error, "access_denied")) {
        failed(c, "access_denied", "The calendar was not connected: consent was not given.");
        return;
    }
    if (!ok || error.len > 0) {
        failed(c, "provider_error", "The provider did not connect the calendar.");
        return;
    }
    ok = parameter(c, "state", STATE_MAX_BYTES, &t.state) &&
         parameter(c, "code", CODE_MAX_BYTES, &t.code) &&
         parameter(c, "scope", SCOPE_MAX_BYTES, &t.scope) && t.state.len > 0 && t.code.len > 0;
    if (!ok) {
        failed(c, "invalid_callback", "The provider's answer is not complete.");
        return;
    }
    ticket_seal(&c->in->bus_keys, &t, co_wall_now(), &sealed);
    form_add(&out, "ticket", buf_str(&sealed));
    to_app(c, buf_str(&out));
}
