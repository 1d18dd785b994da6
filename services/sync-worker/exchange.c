/* A consent's end: the code is exchanged once, by the user who began, and becomes a connection.
 *
 * That it was begun is committed before the provider is called, so a replay never exchanges again:
 * it gets the stored result, or the word that the outcome is in doubt. */
#include "connect.h"

#include "base/hash.h"
#include "crypto/envelope.h"
#include "messages/topics.h"
#include "observe/log.h"
#include "runtime/failpoint.h"
#include "store/sql.h"

#define TOKEN_MAX_BYTES 16384
#define LEASE_MS 60000 /* longer than what is done under it */
#define LEASE_POLL_MS 200
#define LEASE_TRIES 100
#define STORE_TRIES 4
#define SCOPES_MAX 64
#define LIST_MS 20000

/* How a consent can end badly: what is stored, and what its user is told. */
static const struct outcome {
    const char *code;
    int status;
    const char *text;
} outcomes[] = {
    {"code_refused", 422,
     "The provider did not take the consent: it was used already, or is too old. Connect again."},
    {"no_refresh_token", 422,
     "The provider gave no lasting access. Remove this app's access in your account there, then "
     "connect again."},
    {"scope_missing", 422,
     "Access to your calendars was not granted. Connect again and leave every box ticked."},
    {"identity_refused", 422,
     "The provider's answer does not prove whose account it is. Connect again."},
    {"provider_unavailable", 502, "The provider could not be reached. Connect again."},
    {"provider_misconfigured", 502,
     "The provider refuses our application. Tell your administrator."},
};

struct exchange {
    struct command *c;
    const struct message_oauth_exchange *m;
    /* the flow */
    struct uuid flow;
    struct uuid organization;
    struct str provider_name;
    bool has_client;
    struct uuid client_row;
    struct str verifier;
    struct str nonce;
    /* what comes of it */
    const struct access_provider *provider;
    struct provider_client client;
    struct str project;
    struct provider_tokens tokens;
    struct provider_identity who;
    struct uuid account;
    struct uuid holder; /* of the account's lease */
    struct uuid connection;
};

/* Columns of SQL_FLOW_FIND. */
enum {
    F_ID,
    F_ORGANIZATION,
    F_USER,
    F_PROVIDER,
    F_CLIENT,
    F_VERIFIER,
    F_NONCE_HASH,
    F_REDIRECT,
    F_EXPIRED,
    F_BEGUN,
    F_FINISHED,
    F_RESULT,
    F_CONNECTION,
    F_CALENDARS
};

static enum err_code exec(struct exchange *x, const struct pg_stmt *stmt,
                          const struct pg_params *params, const struct pg_result **ret_row,
                          struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc =
        pg_acquire(command_worker(x->c)->parts.pool, co_after(COMMAND_DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, stmt, params, co_after(COMMAND_DB_MS), x->c->arena, ret_row, err);
    }
    return rc;
}

static enum err_code answer_bad(struct command *c, struct str code)
{
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        if (str_eq_c(code, outcomes[i].code)) {
            return command_refuse(c, outcomes[i].status, outcomes[i].code, "%s", outcomes[i].text);
        }
    }
    return command_refuse(c, 409, "exchange_in_doubt", "Connect again.");
}

static enum err_code answer_connected(struct command *c, struct uuid connection, int64_t calendars)
{
    struct json_writer w = {.out = &c->body};
    json_open(&w, '{');
    json_member_c(&w, "connection_id", UUID_C(connection));
    json_member_i64(&w, "calendars", calendars);
    if (calendars == 0) {
        json_member_c(&w, "hint",
                      "The list of calendars could not be read yet. It is tried again by itself.");
    }
    json_close(&w, '}');
    c->status = 200;
    return ERR_OK;
}

/* ---- the flow ------------------------------------------------------------------------------- */

static enum err_code find_flow(struct exchange *x, const struct pg_result **ret_row,
                               struct err *err)
{
    uint8_t hash[CRYPTO_SHA256_LEN];
    struct pg_params p;
    crypto_sha256(x->m->state, hash);
    pg_params_init(&p, x->c->arena);
    pg_add_bytea(&p, (struct str){(const char *)hash, sizeof hash});
    return exec(x, &SQL_FLOW_FIND, &p, ret_row, err);
}

/* Answers where there is nothing to exchange (any more). */
static enum err_code judge_flow(struct exchange *x, const struct pg_result *r, bool *ret_goes_on,
                                struct err *err)
{
    struct command *c = x->c;
    *ret_goes_on = false;
    if (pg_row_count(r) == 0) {
        return command_refuse(c, 404, "not_found", "There is no such consent. Connect again.");
    }
    if (!uuid_eq(pg_get_uuid(r, 0, F_USER), c->caller.user)) {
        return command_refuse(c, 403, "not_yours", "Somebody else began this consent.");
    }
    if (pg_get_bool(r, 0, F_FINISHED)) {
        struct str result = pg_get_str(r, 0, F_RESULT);
        return str_eq_c(result, "ok") ? answer_connected(c, pg_get_uuid(r, 0, F_CONNECTION),
                                                         pg_get_i64(r, 0, F_CALENDARS))
                                      : answer_bad(c, result);
    }
    if (pg_get_bool(r, 0, F_BEGUN)) {
        return command_refuse(c, 409, "exchange_in_doubt",
                              "This consent was begun and its outcome is not known. See whether "
                              "the account is connected; if not, connect again.");
    }
    if (pg_get_bool(r, 0, F_EXPIRED)) {
        return command_refuse(c, 410, "consent_expired", "It took too long. Connect again.");
    }
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc = pg_acquire(command_worker(c)->parts.pool, co_after(COMMAND_DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = command_may(c, s, pg_get_uuid(r, 0, F_ORGANIZATION), PERMISSION_CONNECT, ret_goes_on,
                         err);
    }
    return rc;
}

/* Everything that can fail before the code is spent. */
static enum err_code prepare(struct exchange *x, const struct pg_result *r, struct err *err)
{
    struct command *c = x->c;
    struct buf verifier CLEANUP(buf_fini);
    x->flow = pg_get_uuid(r, 0, F_ID);
    x->organization = pg_get_uuid(r, 0, F_ORGANIZATION);
    x->provider_name = pg_get_str(r, 0, F_PROVIDER);
    x->has_client = !pg_is_null(r, 0, F_CLIENT);
    x->client_row = pg_get_uuid(r, 0, F_CLIENT);
    x->provider = access_provider(command_worker(c)->parts.access, x->provider_name);
    enum err_code rc = access_client(command_worker(c)->parts.access, x->provider_name,
                                     x->has_client ? &x->client_row : NULL, c->arena,
                                     co_after(COMMAND_DB_MS), &x->client, err);
    if (rc != ERR_OK) {
        return rc;
    }
    x->client.redirect_uri = pg_get_str(r, 0, F_REDIRECT); /* as it was sent */
    buf_init(&verifier, 1024);
    rc = crypto_envelope_open(access_token_keys(command_worker(c)->parts.access),
                              flow_verifier_context(x->flow, c->arena),
                              pg_get_str(r, 0, F_VERIFIER), &verifier, err);
    if (rc != ERR_OK) {
        return err_wrap(err, "verifier");
    }
    x->verifier = arena_str(c->arena, buf_str(&verifier));
    x->nonce = flow_nonce(x->verifier, c->arena);
    crypto_wipe(verifier.ptr, verifier.len);
    return ERR_OK;
}

/* What the provider counts by: Google's project number begins its client ids; an organisation's own
 * client has it written down. */
static enum err_code find_project(struct exchange *x, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    if (!x->has_client) {
        size_t dash = str_find_char(x->client.id, '-');
        int64_t number;
        struct str head = str_sub(x->client.id, 0, dash);
        x->project = dash != SIZE_MAX && str_to_i64(head, &number) ? head : x->client.id;
        return ERR_OK;
    }
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->client_row);
    enum err_code rc = exec(x, &SQL_OAUTH_CLIENT_PROJECT, &p, &r, err);
    if (rc == ERR_OK && pg_row_count(r) == 0) {
        return ERR_SET_ACT(err, ERR_NOT_FOUND, ERR_ACT_CONFIG, "the organisation's client is gone");
    }
    if (rc == ERR_OK) {
        x->project = pg_get_str(r, 0, 0);
    }
    return rc;
}

static enum err_code begin(struct exchange *x, bool *ret_begun, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    enum err_code rc = failpoint("connect.before_begin", err);
    if (rc != ERR_OK) {
        return rc;
    }
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->flow);
    rc = exec(x, &SQL_FLOW_BEGIN, &p, &r, err);
    if (rc == ERR_OK) {
        *ret_begun = pg_row_count(r) > 0;
        rc = failpoint("connect.after_begin", err);
    }
    return rc;
}

/* The consent has ended badly, for good: the same answer for every replay. */
static enum err_code end_badly(struct exchange *x, const char *code, const struct err *why)
{
    struct err err;
    struct pg_params p;
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->flow);
    pg_add_text(&p, str_c(code));
    pg_add_null(&p);
    if (why != NULL) {
        LOG_WARN("connect.failed", "a consent came to nothing", F_UUID("flow", x->flow),
                 F_C("result", code), F_ERR(why));
    } else {
        LOG_WARN("connect.failed", "a consent came to nothing", F_UUID("flow", x->flow),
                 F_C("result", code));
    }
    if (exec(x, &SQL_FLOW_FINISH, &p, NULL, &err) != ERR_OK) {
        LOG_WARN("connect.unsaved", "a consent's end was not written down", F_UUID("flow", x->flow),
                 F_ERR(&err));
    }
    return answer_bad(x->c, str_c(code));
}

/* ---- the provider --------------------------------------------------------------------------- */

static const char *bad_exchange(const struct err *why, const char *refused)
{
    if (why->code == ERR_AUTH) {
        return refused;
    }
    return why->code == ERR_CONFIG ? "provider_misconfigured" : "provider_unavailable";
}

/* *ret_bad: the stable code where it came to nothing, with *why; else NULL. */
static enum err_code ask_provider(struct exchange *x, const char **ret_bad, struct err *why,
                                  struct err *err)
{
    const struct provider *provider = x->provider->provider;
    struct provider_link *link = (struct provider_link *)(uintptr_t)&x->provider->link;
    int64_t deadline = co_after(command_worker(x->c)->conf->provider_timeout);
    *ret_bad = NULL;
    if (provider->exchange(link, &x->client, x->m->code, x->verifier, deadline, x->c->arena,
                           &x->tokens, why) != ERR_OK) {
        *ret_bad = bad_exchange(why, "code_refused");
        return ERR_OK;
    }
    enum err_code rc = failpoint("connect.after_exchange", err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (x->tokens.scope.len == 0 && MESSAGE_HAS(oauth_exchange, x->m, scope)) {
        x->tokens.scope = x->m->scope;
    }
    uint32_t needed = PROVIDER_GRANT_READ | PROVIDER_GRANT_CALENDARS;
    if ((provider->grants(x->tokens.scope) & needed) != needed) {
        *ret_bad = "scope_missing";
    } else if (x->tokens.refresh_token.len == 0) {
        *ret_bad = "no_refresh_token";
    } else if (provider->identify(link, &x->client, x->tokens.id_token, x->nonce,
                                  co_after(command_worker(x->c)->conf->provider_timeout),
                                  x->c->arena, &x->who, why) != ERR_OK) {
        *ret_bad = bad_exchange(why, "identity_refused");
        return ERR_OK;
    }
    if (*ret_bad != NULL) {
        IGNORE(ERR_SET(why, ERR_DENIED, "what was granted is not enough"));
    }
    return ERR_OK;
}

/* ---- the connection ------------------------------------------------------------------------- */

static enum err_code find_account(struct exchange *x, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, x->c->arena);
    pg_add_text(&p, x->provider_name);
    pg_add_text(&p, x->project);
    pg_add_text(&p, x->who.subject);
    enum err_code rc = exec(x, &SQL_ACCOUNT_FIND, &p, &r, err);
    if (rc == ERR_OK) {
        x->account = pg_row_count(r) > 0 ? pg_get_uuid(r, 0, 0) : uuid_random();
    }
    return rc;
}

/* Nobody revokes the account's grant, or exchanges for it, meanwhile. */
static enum err_code take_lease(struct exchange *x, struct err *err)
{
    x->holder = uuid_random();
    for (int i = 0; i < LEASE_TRIES; i++) {
        bool taken = false;
        enum err_code rc = grant_lease_take(command_worker(x->c), x->account, x->holder, LEASE_MS,
                                            x->c->arena, &taken, err);
        if (rc == ERR_OK && taken) {
            return ERR_OK;
        }
        if (rc == ERR_OK) {
            rc = co_sleep(LEASE_POLL_MS, err);
        }
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return ERR_SET_ACT(err, ERR_BUSY, ERR_ACT_RETRY, "the account's grant is held by another");
}

static void add_sealed(struct pg_params *p, struct exchange *x, const char *column,
                       struct str plain)
{
    struct buf envelope CLEANUP(buf_fini);
    buf_init(&envelope, 4 * TOKEN_MAX_BYTES);
    crypto_envelope_seal(access_token_keys(command_worker(x->c)->parts.access),
                         access_token_context(x->connection, column, x->c->arena), plain,
                         &envelope);
    pg_add_text(p, buf_str(&envelope));
}

static void add_scopes(struct pg_params *p, struct str scope)
{
    struct str parts[SCOPES_MAX];
    size_t n = 0;
    struct str part;
    while (n < SCOPES_MAX && str_split(&scope, ' ', &part)) {
        if (part.len > 0) {
            parts[n++] = part;
        }
    }
    pg_add_text_array(p, parts, n);
}

static enum err_code upsert_account(struct exchange *x, struct pg_session *s, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->account);
    pg_add_text(&p, x->provider_name);
    pg_add_text(&p, x->project);
    pg_add_text(&p, x->who.subject);
    pg_add_i64(&p, hash_murmur2(uuid_bytes(&x->account)) % TOPIC_SHARDS);
    enum err_code rc =
        pg_exec(s, &SQL_ACCOUNT_UPSERT, &p, co_after(COMMAND_DB_MS), x->c->arena, &r, err);
    if (rc == ERR_OK && !uuid_eq(pg_get_uuid(r, 0, 0), x->account)) {
        /* Another exchange made it meanwhile; our lease is of an id that never was. */
        return ERR_SET_ACT(err, ERR_CONFLICT, ERR_ACT_RETRY, "another exchange was first");
    }
    return rc;
}

static enum err_code upsert_connection(struct exchange *x, struct pg_session *s, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->organization);
    pg_add_uuid(&p, x->c->caller.user);
    pg_add_text(&p, x->provider_name);
    pg_add_uuid(&p, x->account);
    enum err_code rc =
        pg_exec(s, &SQL_CONNECTION_FIND, &p, co_after(COMMAND_DB_MS), x->c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    /* The id is in what the tokens are sealed with, so it is known before. */
    x->connection = pg_row_count(r) > 0 ? pg_get_uuid(r, 0, 0) : uuid_random();
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->connection);
    pg_add_uuid(&p, x->organization);
    pg_add_uuid(&p, x->c->caller.user);
    pg_add_text(&p, x->provider_name);
    pg_add_uuid(&p, x->account);
    pg_add_text(&p, x->who.address.len > 0 ? x->who.address : (struct str){0});
    add_sealed(&p, x, "access_token", x->tokens.access_token);
    add_sealed(&p, x, "refresh_token", x->tokens.refresh_token);
    pg_add_time(&p, x->tokens.expires_at);
    pg_add_i64(&p,
               crypto_keyring_current(access_token_keys(command_worker(x->c)->parts.access))->id);
    add_scopes(&p, x->tokens.scope);
    if (x->has_client) {
        pg_add_uuid(&p, x->client_row);
    } else {
        pg_add_null(&p);
    }
    rc = pg_exec(s, &SQL_CONNECTION_STORE, &p, co_after(COMMAND_DB_MS), x->c->arena, &r, err);
    if (rc == ERR_OK && !uuid_eq(pg_get_uuid(r, 0, 0), x->connection)) {
        return ERR_SET_ACT(err, ERR_CONFLICT, ERR_ACT_RETRY, "another exchange was first");
    }
    return rc;
}

/* A renewed connection goes on at once; and the consent is at its end. */
static enum err_code wake_and_finish(struct exchange *x, struct pg_session *s, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->account);
    enum err_code rc =
        pg_exec(s, &SQL_ACCOUNT_UNPARK, &p, co_after(COMMAND_DB_MS), x->c->arena, NULL, err);
    if (rc != ERR_OK) {
        return rc;
    }
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->connection);
    pg_add_i64_array(&p, NULL, NULL, 0);
    pg_add_text(&p, STR("connected"));
    rc = pg_exec(s, &SQL_CALENDAR_DUE_NOW, &p, co_after(COMMAND_DB_MS), x->c->arena, NULL, err);
    if (rc != ERR_OK) {
        return rc;
    }
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->flow);
    pg_add_text(&p, STR("ok"));
    pg_add_uuid(&p, x->connection);
    return pg_exec(s, &SQL_FLOW_FINISH, &p, co_after(COMMAND_DB_MS), x->c->arena, NULL, err);
}

static enum err_code store_once(struct exchange *x, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    enum err_code rc =
        pg_acquire(command_worker(x->c)->parts.pool, co_after(COMMAND_DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_begin(s, PG_READ_COMMITTED, co_after(COMMAND_DB_MS), err);
    }
    if (rc == ERR_OK) {
        rc = upsert_account(x, s, err);
    }
    if (rc == ERR_OK) {
        rc = upsert_connection(x, s, err);
    }
    if (rc == ERR_OK) {
        rc = wake_and_finish(x, s, err);
    }
    if (rc == ERR_OK) {
        rc = failpoint("connect.before_commit", err);
    }
    return rc == ERR_OK ? pg_commit(s, co_after(COMMAND_DB_MS), err) : rc;
}

/* The tokens are in hand and will not come twice: what passes is tried again, and a commit that was
 * lost on its way is looked up. */
static enum err_code store(struct exchange *x, struct err *err)
{
    enum err_code rc = ERR_OK;
    for (int try = 0; try < STORE_TRIES; try++) {
        const struct pg_result *r;
        rc = try == 0 ? ERR_OK : co_sleep(LEASE_POLL_MS << try, err);
        if (rc == ERR_OK) {
            rc = find_account(x, err);
        }
        if (rc == ERR_OK) {
            rc = take_lease(x, err);
        }
        if (rc == ERR_OK) {
            rc = store_once(x, err);
            grant_lease_release(command_worker(x->c), x->account, x->holder, x->c->arena);
        }
        if (rc == ERR_OK || rc == ERR_CANCELED) {
            return rc;
        }
        if (pg_commit_unknown(err) && find_flow(x, &r, NULL) == ERR_OK && pg_row_count(r) > 0 &&
            pg_get_bool(r, 0, F_FINISHED)) {
            return ERR_OK;
        }
        if (err->act != ERR_ACT_RETRY && !pg_commit_unknown(err)) {
            return rc;
        }
    }
    return rc;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int64_t count_calendars(struct exchange *x)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, x->c->arena);
    pg_add_uuid(&p, x->connection);
    return exec(x, &SQL_CALENDAR_COUNT, &p, &r, NULL) == ERR_OK ? pg_get_i64(r, 0, 0) : 0;
}

/* The connection stands; what fails from here on is made up for by its due rows and the runs. */
static enum err_code after_connected(struct exchange *x)
{
    struct worker *w = command_worker(x->c);
    struct err why;
    if (calendars_refresh(w, x->connection, co_after(LIST_MS), &why) != ERR_OK) {
        LOG_WARN("connect.list.failed", "the calendars of a new connection could not be listed",
                 F_UUID("conn", x->connection), F_ERR(&why));
    }
    if (command_produce_sync(w, x->account, MESSAGE_SYNC_CONNECTED, &why) != ERR_OK) {
        LOG_WARN("connect.sync.quiet", "the first import was not told on the bus: it is due",
                 F_UUID("conn", x->connection), F_ERR(&why));
    }
    LOG_INFO("connect.done", "an account was connected", F_UUID("conn", x->connection),
             F_UUID("account", x->account), F_UUID("flow", x->flow));
    return answer_connected(x->c, x->connection, count_calendars(x));
}

enum err_code command_oauth_exchange(struct command *c, const void *message, struct err *err)
{
    struct exchange x = {.c = c, .m = message};
    const struct pg_result *flow;
    const char *bad = NULL;
    struct err why = {0};
    bool goes_on = false;
    bool begun = false;

    enum err_code rc = find_flow(&x, &flow, err);
    if (rc == ERR_OK) {
        rc = judge_flow(&x, flow, &goes_on, err);
    }
    if (rc != ERR_OK || !goes_on) {
        return rc;
    }
    rc = prepare(&x, flow, err);
    if (rc == ERR_OK) {
        rc = find_project(&x, err);
    }
    if (rc == ERR_OK) {
        rc = begin(&x, &begun, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    if (!begun) {
        return command_refuse(c, 409, "exchange_in_doubt",
                              "This consent is being exchanged at this moment.");
    }
    rc = ask_provider(&x, &bad, &why, err);
    if (rc == ERR_OK && bad != NULL) {
        return end_badly(&x, bad, &why);
    }
    if (rc == ERR_OK) {
        rc = store(&x, err);
    }
    return rc == ERR_OK ? after_connected(&x) : rc;
}
