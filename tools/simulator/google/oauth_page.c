/* The consent page: what is asked for, the person's choice, and the way back to the app. */
#include "simulator/google/oauth.h"
#include "simulator/html.h"

/* What the page was asked for; the same in the address (GET) and in the form (POST). */
struct consent {
    struct g_client *client;
    struct str redirect_uri;
    struct str scope; /* as asked */
    struct str state;
    struct str challenge;
    bool challenge_plain;
    struct str nonce;
    struct str prompt;
    struct str login_hint;
    bool offline;
    bool include_granted;
};

static const char *const carried[] = {
    "client_id", "redirect_uri",   "response_type",         "scope",
    "state",     "code_challenge", "code_challenge_method", "nonce",
    "prompt",    "login_hint",     "access_type",           "include_granted_scopes",
};

static struct str field(struct g_call *call, struct str form, const char *name)
{
    struct str value;
    return form_find(form, name, call->arena, &value) ? value : STR("");
}

/* A mistake in the configuration is shown here and never reaches the app. */
static bool refuse(struct g_call *call, const char *code, const char *sentence)
{
    struct str text = arena_strf(call->arena, "Error 400: %s. %s", code, sentence);
    html_message(call->rp, 400, "Access blocked", text);
    return false;
}

static bool scopes_known(struct g_call *call, struct str scope)
{
    struct str name;
    while (str_split(&scope, ' ', &name)) {
        if (name.len > 0 && g_scope_find(name) == NULL) {
            return refuse(call, "invalid_scope", "Some requested scopes were invalid.");
        }
    }
    return true;
}

static bool read_consent(struct g_call *call, struct str form, struct consent *c)
{
    struct str method = field(call, form, "code_challenge_method");
    *c = (struct consent){
        .client = g_client_find(call->g->oauth, field(call, form, "client_id")),
        .redirect_uri = field(call, form, "redirect_uri"),
        .scope = field(call, form, "scope"),
        .state = field(call, form, "state"),
        .challenge = field(call, form, "code_challenge"),
        .challenge_plain = !str_eq_c(method, "S256"),
        .nonce = field(call, form, "nonce"),
        .prompt = field(call, form, "prompt"),
        .login_hint = field(call, form, "login_hint"),
        .offline = str_eq_c(field(call, form, "access_type"), "offline"),
        .include_granted = str_eq_c(field(call, form, "include_granted_scopes"), "true"),
    };
    if (c->client == NULL) {
        return refuse(call, "invalid_client", "The OAuth client was not found.");
    }
    if (!g_client_allows_redirect(c->client, c->redirect_uri)) {
        return refuse(call, "redirect_uri_mismatch",
                      "The redirect address is not one that is registered for this client.");
    }
    if (!str_eq_c(field(call, form, "response_type"), "code")) {
        return refuse(call, "unsupported_response_type", "response_type must be code.");
    }
    if (c->scope.len == 0) {
        return refuse(call, "invalid_request", "Missing required parameter: scope");
    }
    if (method.len > 0 && !str_eq_c(method, "S256") && !str_eq_c(method, "plain")) {
        return refuse(call, "invalid_request", "Invalid code_challenge_method.");
    }
    return scopes_known(call, c->scope);
}

/* ---- the way back -------------------------------------------------------------------------- */

static void send_back(struct g_call *call, const struct consent *c, struct buf *params)
{
    struct buf to;
    buf_init(&to, 65536);
    buf_add(&to, c->redirect_uri);
    buf_add_char(&to, str_find_char(c->redirect_uri, '?') == SIZE_MAX ? '?' : '&');
    if (c->state.len > 0) {
        form_add(params, "state", c->state);
    }
    buf_add(&to, buf_str(params));
    sim_reply_redirect(call->rp, call->arena, buf_str(&to));
    buf_fini(&to);
}

static void send_error(struct g_call *call, const struct consent *c, const char *code)
{
    struct buf params;
    buf_init(&params, 65536);
    form_add(&params, "error", str_c(code));
    send_back(call, c, &params);
    buf_fini(&params);
}

static bool prompts(const struct consent *c, const char *word)
{
    return g_scopes_contain(c->prompt, str_c(word));
}

/* granted: full names, blank-separated. */
static void accept(struct g_call *call, const struct consent *c, struct g_user *user,
                   struct str granted)
{
    struct g_oauth *o = call->g->oauth;
    bool known = g_grant_find(o, user, c->client) != NULL;
    struct g_grant *grant = g_grant_get(o, user, c->client);
    g_grant_add_scopes(grant, granted);

    struct g_code *code = g_code_new(o, grant, c->include_granted ? str_c(grant->scopes) : granted);
    code->redirect_uri = xstrdup(arena_cstr(call->arena, c->redirect_uri));
    code->challenge = c->challenge.len > 0 ? xstrdup(arena_cstr(call->arena, c->challenge)) : NULL;
    code->plain = c->challenge_plain;
    code->nonce = c->nonce.len > 0 ? xstrdup(arena_cstr(call->arena, c->nonce)) : NULL;
    code->offline = c->offline && (!known || prompts(c, "consent"));

    struct buf params;
    buf_init(&params, 65536);
    form_add(&params, "code", str_c(code->code));
    form_add(&params, "scope", str_c(code->scopes));
    form_add(&params, "authuser", STR("0"));
    form_add(&params, "prompt", c->prompt.len > 0 ? c->prompt : STR("consent"));
    send_back(call, c, &params);
    buf_fini(&params);
}

/* Adds what was asked for and may be granted: all of it, or what the form ticks. */
static void collect_scopes(struct g_call *call, const struct consent *c, struct str form,
                           struct buf *out)
{
    bool granular = field(call, form, "granular").len > 0;
    struct str asked = c->scope;
    struct str name;
    while (str_split(&asked, ' ', &name)) {
        const struct g_scope *scope = g_scope_find(name);
        bool ticked =
            scope != NULL &&
            (!granular ||
             !(scope->bits & ~(uint32_t)(G_SCOPE_OPENID | G_SCOPE_EMAIL | G_SCOPE_PROFILE)));
        struct str rest = form;
        struct str key;
        struct str value;
        while (!ticked && scope != NULL && sim_form_next(&rest, call->arena, &key, &value)) {
            ticked = str_eq_c(key, "grant") && str_eq_c(value, scope->name);
        }
        if (ticked) {
            g_scopes_add(out, str_c(scope->name));
        }
    }
}

static struct g_user *first_user(const struct google *g)
{
    return list_empty(&g->users) ? NULL : LIST_ENTRY(g->users.next, struct g_user, link);
}

static struct g_user *hinted_user(const struct google *g, struct str hint)
{
    list_foreach (node, &g->users) {
        struct g_user *user = LIST_ENTRY(node, struct g_user, link);
        if (str_eq_c(hint, user->email) || str_eq_c(hint, user->sub)) {
            return user;
        }
    }
    return NULL;
}

/* ---- the page ------------------------------------------------------------------------------ */

static void page_accounts(struct g_call *call, struct buf *out, const struct consent *c)
{
    const struct g_user *hinted = hinted_user(call->g, c->login_hint);
    buf_add_c(out, "<p><label>Account <select name=account>");
    list_foreach (node, &call->g->users) {
        const struct g_user *user = LIST_ENTRY(node, struct g_user, link);
        buf_add_c(out, user == hinted ? "<option selected>" : "<option>");
        html_text(out, str_c(user->email));
        buf_add_c(out, "</option>");
    }
    buf_add_c(out, "</select></label></p>");
}

static void page_scopes(struct buf *out, const struct consent *c)
{
    struct str asked = c->scope;
    struct str name;
    buf_add_c(out, "<fieldset><legend>It wants to</legend>");
    while (str_split(&asked, ' ', &name)) {
        const struct g_scope *scope = g_scope_find(name);
        if (scope != NULL) {
            buf_add_f(out,
                      "<label><input type=checkbox name=grant value=\"%s\" checked> %s</label><br>",
                      scope->name, scope->title);
        }
    }
    buf_add_c(out, "</fieldset>");
}

static void page(struct g_call *call, const struct consent *c)
{
    struct buf *out = &call->rp->body;
    sim_reply_text(call->rp, 200, HTML_TYPE, STR(""));
    html_begin(out, "Sign in to the simulated Google");
    buf_add_c(out, "<p><b>");
    html_text(out, str_c(c->client->id));
    buf_add_c(out, "</b> asks for access to your account.</p>"
                   "<form method=post action=\"/o/oauth2/v2/auth\">");
    for (size_t i = 0; i < ARRAY_LEN(carried); i++) {
        struct str value = g_query(call, carried[i]);
        if (value.len > 0) {
            html_hidden(out, carried[i], value);
        }
    }
    html_hidden(out, "granular", STR("1"));
    page_accounts(call, out, c);
    page_scopes(out, c);
    buf_add_c(out, "<p><button name=decision value=accept>Allow</button> "
                   "<button name=decision value=decline>Cancel</button></p></form>");
    html_end(out);
}

static void accept_all(struct g_call *call, const struct consent *c, struct g_user *user)
{
    struct buf granted;
    buf_init(&granted, 16384);
    collect_scopes(call, c, STR(""), &granted);
    accept(call, c, user, buf_str(&granted));
    buf_fini(&granted);
}

void g_auth_page(struct g_call *call)
{
    struct consent c;
    if (!read_consent(call, call->rq->query, &c)) {
        return;
    }
    struct g_user *user = hinted_user(call->g, c.login_hint);
    if (prompts(&c, "none")) {
        if (user == NULL || g_grant_find(call->g->oauth, user, c.client) == NULL) {
            send_error(call, &c, user == NULL ? "login_required" : "consent_required");
        } else {
            accept_all(call, &c, user);
        }
        return;
    }
    user = user != NULL ? user : first_user(call->g);
    if (call->g->modes.auto_consent && user != NULL) {
        accept_all(call, &c, user);
        return;
    }
    page(call, &c);
}

void g_auth_consent(struct g_call *call)
{
    struct str form = call->rq->body;
    struct consent c;
    if (!read_consent(call, form, &c)) {
        return;
    }
    if (str_eq_c(field(call, form, "decision"), "decline")) {
        send_error(call, &c, "access_denied");
        return;
    }
    struct str account = field(call, form, "account");
    struct g_user *user =
        account.len > 0 ? g_user_find(call->g, account) : hinted_user(call->g, c.login_hint);
    if (user == NULL && account.len == 0) {
        user = first_user(call->g);
    }
    if (user == NULL) {
        refuse(call, "invalid_request", "There is no such account.");
        return;
    }
    struct buf granted;
    buf_init(&granted, 16384);
    collect_scopes(call, &c, form, &granted);
    accept(call, &c, user, buf_str(&granted));
    buf_fini(&granted);
}
