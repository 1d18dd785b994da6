#include "simulator/pages.h"

#include "simulator/google/google.h"
#include "simulator/google/when.h"
#include "simulator/html.h"

#define ROWS_MAX 300

static struct str param(const struct sim_request *rq, struct str form, const char *name)
{
    struct str value;
    return form_find(form, name, rq->arena, &value) ? value : STR("");
}

/* ---- reading ------------------------------------------------------------------------------- */

static void add_link(struct buf *out, const struct g_calendar *c, struct str text)
{
    buf_add_c(out, "<a href=\"/?calendar=");
    percent_encode(out, str_c(c->id));
    buf_add_c(out, "\">");
    html_text(out, text);
    buf_add_c(out, "</a>");
}

static void page_home(struct sim *s, struct sim_reply *rp)
{
    struct buf *out = &rp->body;
    sim_reply_text(rp, 200, HTML_TYPE, STR(""));
    html_begin(out, "Simulated Google calendars");
    list_foreach (node, &s->google->users) {
        const struct g_user *user = LIST_ENTRY(node, struct g_user, link);
        buf_add_c(out, "<h2>");
        html_text(out, str_c(user->email));
        buf_add_c(out, "</h2><table><tr><th>Calendar<th>Events<th>Zone<th>Role");
        list_foreach (entry, &user->entries) {
            const struct g_entry *e = LIST_ENTRY(entry, struct g_entry, in_user);
            if (e->deleted) {
                continue;
            }
            buf_add_c(out, "<tr><td>");
            add_link(out, e->calendar, str_c(e->calendar->summary));
            buf_add_f(out, "<td>%zu<td>%s<td>%s", e->calendar->live, e->calendar->zone,
                      g_role_name(e->role));
        }
        buf_add_c(out, "</table>");
    }
    buf_add_c(out, "<p>The app's part is played by <a href=\"/app\">/app</a>.</p>");
    html_end(out);
}

/* "2026-10-20T10:00" or the date, as the form's fields take it. */
static struct str field_time(const json_t *side)
{
    struct str date = tree_get_str(side, "date");
    return date.len > 0 ? date : str_sub(tree_get_str(side, "dateTime"), 0, 16);
}

static void add_fields(struct buf *out, struct str summary, struct str start, struct str end)
{
    buf_add_c(out, "<input name=summary placeholder=Title value=\"");
    html_text(out, summary);
    buf_add_c(out, "\"><input name=start size=16 placeholder=\"2026-12-01T10:00\" value=\"");
    html_text(out, start);
    buf_add_c(out, "\"><input name=end size=16 placeholder=\"2026-12-01T11:00\" value=\"");
    html_text(out, end);
    buf_add_c(out, "\">");
}

static void add_row(struct buf *out, const struct g_event *e)
{
    const json_t *recurrence = json_object_get(e->body, "recurrence");
    buf_add_c(out, "<tr><td><form method=post action=\"/event\">");
    html_hidden(out, "calendar", str_c(e->calendar->id));
    html_hidden(out, "id", str_c(e->id));
    add_fields(out, tree_get_str(e->body, "summary"), field_time(json_object_get(e->body, "start")),
               field_time(json_object_get(e->body, "end")));
    buf_add_c(out, "<button name=do value=change>Change</button>"
                   "<button name=do value=delete>Delete</button></form><div class=id>");
    html_text(out, str_c(e->id));
    for (size_t i = 0; i < json_array_size(recurrence); i++) {
        buf_add_c(out, " ");
        html_text(out, tree_value_str(json_array_get(recurrence, i)));
    }
    buf_add_c(out, "</div>");
}

static void page_calendar(struct sim *s, const struct sim_request *rq, struct sim_reply *rp,
                          struct str id)
{
    const struct g_calendar *c = g_calendar_find(s->google, NULL, id);
    struct buf *out = &rp->body;
    size_t rows = 0;
    if (c == NULL) {
        html_message(rp, 404, "No such calendar", STR("It may have been removed."));
        return;
    }
    sim_reply_text(rp, 200, HTML_TYPE, STR(""));
    html_begin(out, "Calendar");
    struct str message = param(rq, rq->query, "said");
    buf_add_c(out, "<p><a href=\"/\">All calendars</a> · ");
    html_text(out, str_c(c->summary));
    buf_add_f(out, " · %zu events · times of ", c->live);
    html_text(out, str_c(c->zone));
    buf_add_c(out, "</p><p><b>");
    html_text(out, message);
    buf_add_c(out, "</b></p><form method=post action=\"/event\">");
    html_hidden(out, "calendar", str_c(c->id));
    add_fields(out, STR(""), STR(""), STR(""));
    buf_add_c(out, "<button name=do value=add>Add</button></form><table>");
    /* The newest first: what was just changed is on top. */
    for (struct list *node = c->changes.prev; node != &c->changes && rows < ROWS_MAX;
         node = node->prev) {
        const struct g_event *e = LIST_ENTRY(node, struct g_event, in_changes);
        if (!e->cancelled) {
            add_row(out, e);
            rows++;
        }
    }
    buf_add_c(out, "</table>");
    if (rows < c->live) {
        buf_add_f(out, "<p>The %zu that changed last.</p>", rows);
    }
    html_end(out);
}

/* ---- writing ------------------------------------------------------------------------------- */

/* "2026-12-01" or "2026-12-01T10:00" in the calendar's zone; the other kind's member is cleared,
 * so that an event can change between the two. */
static json_t *side_of(struct arena *arena, struct str text, const char *zone)
{
    json_t *side = json_object();
    bool day = text.len == 10;
    struct str time = text.len == 16 ? arena_strf(arena, "%.*s:00", STR_ARG(text)) : text;
    tree_set(side, "date", day ? tree_str(text) : json_null());
    tree_set(side, "dateTime", day ? json_null() : tree_str(time));
    tree_set(side, "timeZone", day ? json_null() : tree_str(str_c(zone)));
    return side;
}

static void back(struct sim_reply *rp, struct arena *arena, struct str calendar, struct str said)
{
    struct buf to;
    buf_init(&to, 65536);
    buf_add_c(&to, "/?");
    struct buf query;
    buf_init(&query, 65536);
    form_add(&query, "calendar", calendar);
    form_add(&query, "said", said);
    buf_add(&to, buf_str(&query));
    sim_reply_text(rp, 303, NULL, STR(""));
    sim_reply_header(rp, arena, "Location", buf_str(&to));
    buf_fini(&query);
    buf_fini(&to);
}

/* Through the service itself, as the calendar's owner: the page can do what the API allows. */
static void post_event(struct sim *s, const struct sim_request *rq, struct sim_reply *rp)
{
    struct str id = param(rq, rq->body, "calendar");
    struct str what = param(rq, rq->body, "do");
    struct g_calendar *c = g_calendar_find(s->google, NULL, id);
    if (c == NULL || c->owner == NULL) {
        html_message(rp, 404, "No such calendar", STR("It may have been removed."));
        return;
    }
    struct buf path;
    struct buf body;
    buf_init(&path, 8192);
    buf_init(&body, 65536);
    buf_add_c(&path, "/calendar/v3/calendars/");
    percent_encode(&path, id);
    buf_add_c(&path, "/events");
    bool add = str_eq_c(what, "add");
    bool remove = str_eq_c(what, "delete");
    if (!add) {
        buf_add_char(&path, '/');
        percent_encode(&path, param(rq, rq->body, "id"));
    }
    json_t *event = json_object();
    tree_set_str(event, "summary", param(rq, rq->body, "summary"));
    tree_set(event, "start", side_of(rq->arena, param(rq, rq->body, "start"), c->zone));
    tree_set(event, "end", side_of(rq->arena, param(rq, rq->body, "end"), c->zone));
    tree_dump(&body, event, false);
    json_decref(event);

    const struct sim_request inner = {
        .arena = rq->arena,
        .method = add      ? STR("POST")
                  : remove ? STR("DELETE")
                           : STR("PATCH"),
        .path = buf_str(&path),
        .query = STR(""),
        .body = remove ? STR("") : buf_str(&body),
        .version = rq->version,
    };
    struct sim_reply answer;
    sim_reply_init(&answer);
    google_handle_as(s->google, c->owner, &inner, &answer);
    json_t *error = answer.status >= 400 ? tree_parse(buf_str(&answer.body)) : NULL;
    struct str why = tree_get_str(json_object_get(error, "error"), "message");
    back(rp, rq->arena, id, answer.status < 400 ? STR("Done.") : arena_str(rq->arena, why));
    json_decref(error);
    sim_reply_fini(&answer);
    buf_fini(&body);
    buf_fini(&path);
}

/* ---- the app's part ------------------------------------------------------------------------ */

static void page_app(const struct sim_request *rq, struct sim_reply *rp)
{
    struct str ticket = param(rq, rq->query, "ticket");
    struct str error = param(rq, rq->query, "error");
    struct buf *out = &rp->body;
    sim_reply_text(rp, 200, HTML_TYPE, STR(""));
    html_begin(out, "The app");
    if (ticket.len > 0) {
        buf_add_c(out, "<p>Consent was given. The app now posts this with the signed-in user's "
                       "token:</p><pre>POST /functions/v1/calendar-oauth-callback\n"
                       "Authorization: Bearer (the user's JWT)\n"
                       "Content-Type: application/json\n\n{\"ticket\":\"<span id=ticket>");
        html_text(out, ticket);
        buf_add_c(out, "</span>\"}</pre>");
    } else if (error.len > 0) {
        buf_add_c(out, "<p>The connection was not made: <b id=error>");
        html_text(out, error);
        buf_add_c(out, "</b></p><p>");
        html_text(out, param(rq, rq->query, "error_description"));
        buf_add_c(out, "</p>");
    } else {
        buf_add_c(out, "<p>This page plays the host's app: the consent's redirect ends here with "
                       "a ticket or an error.</p>");
    }
    html_end(out);
}

void pages_handle(struct sim *s, const struct sim_request *rq, struct sim_reply *rp)
{
    bool get = str_eq_c(rq->method, "GET");
    struct str calendar = param(rq, rq->query, "calendar");
    if (get && str_eq_c(rq->path, "/app")) {
        page_app(rq, rp);
    } else if (get && str_eq_c(rq->path, "/") && calendar.len > 0) {
        page_calendar(s, rq, rp, calendar);
    } else if (get && str_eq_c(rq->path, "/")) {
        page_home(s, rp);
    } else if (str_eq_c(rq->method, "POST") && str_eq_c(rq->path, "/event")) {
        post_event(s, rq, rp);
    } else {
        html_message(rp, 404, "Nothing here", STR("Try / or /app."));
    }
}
