/* Consent, exchange, identity, refresh, revocation: against the simulator. */
#include "base/encode.h"
#include "world.h"

static struct str consent(struct world *w, const char *nonce)
{
    struct provider_consent req = {
        .client = &w->client,
        .state = STR("state-1"),
        /* of the verifier below.  src: RFC 7636 appendix B */
        .code_challenge = STR("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        .nonce = str_c(nonce),
        .login_hint = STR(ANA),
    };
    struct buf url;
    buf_init(&url, 8192);
    assert_int_equal(provider_google.consent_url(&w->link.ends, &req, &url, NULL), ERR_OK);
    struct str query = world_consent(w, arena_str(&w->arena, buf_str(&url)));
    buf_fini(&url);
    struct str state, code;
    assert_true(form_find(query, "state", &w->arena, &state));
    assert_true(str_eq_c(state, "state-1"));
    assert_true(form_find(query, "code", &w->arena, &code));
    return code;
}

static enum err_code exchange(struct world *w, struct str code, struct provider_tokens *tokens,
                              struct err *err)
{
    *err = (struct err){0};
    return provider_google.exchange(&w->link, &w->client, code,
                                    STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
                                    world_deadline(), &w->arena, tokens, err);
}

static struct provider_tokens connect_ana(struct world *w, const char *nonce)
{
    struct provider_tokens tokens;
    struct err err;
    if (exchange(w, consent(w, nonce), &tokens, &err) != ERR_OK) {
        fail_msg("%s", err.text);
    }
    return tokens;
}

static void code_becomes_tokens(struct world *w)
{
    struct provider_tokens tokens = connect_ana(w, "n-1");
    assert_true(tokens.access_token.len > 0 && tokens.refresh_token.len > 0);
    assert_true(tokens.expires_at > co_wall_now() + 60000);
    assert_int_equal(provider_google.grants(tokens.scope),
                     PROVIDER_GRANT_READ | PROVIDER_GRANT_WRITE | PROVIDER_GRANT_CALENDARS |
                         PROVIDER_GRANT_FREE_BUSY);
}

static void test_a_code_becomes_tokens_with_all_grants(void **state UNUSED)
{
    world_run(code_becomes_tokens);
}

static void code_twice(struct world *w)
{
    struct provider_tokens tokens;
    struct err err;
    struct str code = consent(w, "n");
    assert_int_equal(exchange(w, code, &tokens, &err), ERR_OK);
    assert_int_equal(exchange(w, code, &tokens, &err), ERR_AUTH);
    assert_int_equal(err.act, ERR_ACT_REAUTH);
    assert_non_null(strstr(err.text, "invalid_grant"));
}

static void test_a_code_counts_once(void **state UNUSED)
{
    world_run(code_twice);
}

static void wrong_secret(struct world *w)
{
    struct provider_tokens tokens;
    struct err err;
    struct str code = consent(w, "n");
    w->client.secret = STR("not-it");
    assert_int_equal(exchange(w, code, &tokens, &err), ERR_CONFIG);
    assert_int_equal(err.act, ERR_ACT_CONFIG);
    assert_null(strstr(err.text, "not-it"));
}

static void test_a_wrong_secret_is_the_operators_matter(void **state UNUSED)
{
    world_run(wrong_secret);
}

static void identify(struct world *w)
{
    struct provider_tokens tokens = connect_ana(w, "n-2");
    struct provider_identity who = {0};
    struct err err = {0};
    enum err_code rc = provider_google.identify(&w->link, &w->client, tokens.id_token, STR("n-2"),
                                                world_deadline(), &w->arena, &who, &err);
    if (rc != ERR_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(who.subject.len > 0);
    assert_true(str_eq_c(who.address, ANA));
    /* another nonce, another audience, one letter changed */
    assert_int_equal(provider_google.identify(&w->link, &w->client, tokens.id_token, STR("n-3"),
                                              world_deadline(), &w->arena, &who, &err),
                     ERR_AUTH);
    struct provider_client other = w->client;
    other.id = STR("someone-else");
    assert_int_equal(provider_google.identify(&w->link, &other, tokens.id_token, STR("n-2"),
                                              world_deadline(), &w->arena, &who, &err),
                     ERR_AUTH);
    char *forged = arena_cstr(&w->arena, tokens.id_token);
    forged[tokens.id_token.len / 2] = forged[tokens.id_token.len / 2] == 'A' ? 'B' : 'A';
    assert_int_equal(provider_google.identify(&w->link, &w->client, str_c(forged), STR("n-2"),
                                              world_deadline(), &w->arena, &who, &err),
                     ERR_AUTH);
    const struct str strangers[] = {STR("https://issuer.example")};
    w->link.ends.issuers = strangers;
    w->link.ends.issuer_count = 1;
    assert_int_equal(provider_google.identify(&w->link, &w->client, tokens.id_token, STR("n-2"),
                                              world_deadline(), &w->arena, &who, &err),
                     ERR_AUTH);
}

static void test_only_a_right_id_token_says_who(void **state UNUSED)
{
    world_run(identify);
}

static void keys_away(struct world *w)
{
    struct provider_tokens tokens = connect_ana(w, "n");
    struct provider_identity who;
    struct err err = {0};
    world_admin(w, "POST", "/faults", "{\"kind\":\"dark\",\"path\":\"/certs\"}");
    assert_int_equal(provider_google.identify(&w->link, &w->client, tokens.id_token, STR("n"),
                                              world_deadline(), &w->arena, &who, &err),
                     ERR_UNAVAILABLE);
    assert_int_equal(err.act, ERR_ACT_RETRY);
}

static void test_without_the_keys_nobody_is_identified(void **state UNUSED)
{
    world_run(keys_away);
}

static enum err_code refresh(struct world *w, struct str token, struct provider_tokens *tokens,
                             struct err *err)
{
    *err = (struct err){0};
    return provider_google.refresh(&w->link, &w->client, token, world_deadline(), &w->arena, tokens,
                                   err);
}

static void refresh_and_revoke(struct world *w)
{
    struct provider_tokens first = connect_ana(w, "n"), next;
    struct err err;
    assert_int_equal(refresh(w, first.refresh_token, &next, &err), ERR_OK);
    assert_true(next.access_token.len > 0 && next.refresh_token.len == 0);
    assert_int_equal(provider_google.revoke(&w->link, first.refresh_token, world_deadline(), &err),
                     ERR_OK);
    assert_int_equal(refresh(w, first.refresh_token, &next, &err), ERR_AUTH);
    assert_int_equal(err.act, ERR_ACT_REAUTH);
    /* again: it was dead already */
    assert_int_equal(provider_google.revoke(&w->link, first.refresh_token, world_deadline(), &err),
                     ERR_OK);
}

static void test_a_revoked_grant_is_dead_and_revoking_it_twice_is_no_failure(void **state UNUSED)
{
    world_run(refresh_and_revoke);
}

static void outage(struct world *w)
{
    static const char *const faults[] = {
        "{\"kind\":\"dark\",\"path\":\"/token\",\"next\":1}",
        "{\"kind\":\"html\",\"path\":\"/token\",\"next\":1}",
        "{\"kind\":\"garble\",\"path\":\"/token\",\"next\":1}",
        "{\"kind\":\"truncate\",\"path\":\"/token\",\"next\":1}",
        "{\"kind\":\"error\",\"status\":500,\"path\":\"/token\",\"next\":1}",
    };
    struct provider_tokens first = connect_ana(w, "n"), next;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        world_admin(w, "POST", "/faults", faults[i]);
        enum err_code rc = refresh(w, first.refresh_token, &next, &err);
        if (rc == ERR_OK || err.act != ERR_ACT_RETRY) {
            fail_msg("%s: %s/%s", faults[i], err_code_name(rc), err_act_name(err.act));
        }
        world_admin(w, "DELETE", "/faults", NULL);
    }
    assert_int_equal(refresh(w, first.refresh_token, &next, &err), ERR_OK);
}

static void test_an_outage_is_never_a_revocation(void **state UNUSED)
{
    world_run(outage);
}

static void session_policy(struct world *w)
{
    struct provider_tokens first = connect_ana(w, "n"), next;
    struct err err;
    world_admin(w, "POST", "/grants/policy",
                "{\"account\":\"" ANA "\",\"policy\":\"invalid_rapt\"}");
    assert_int_equal(refresh(w, first.refresh_token, &next, &err), ERR_AUTH);
    assert_int_equal(err.act, ERR_ACT_REAUTH);
    assert_non_null(strstr(err.text, "invalid_rapt"));
    world_admin(w, "POST", "/grants/policy", "{\"account\":\"" ANA "\"}");
}

static void test_a_session_policy_is_told_in_the_providers_words(void **state UNUSED)
{
    world_run(session_policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_code_becomes_tokens_with_all_grants),
        cmocka_unit_test(test_a_code_counts_once),
        cmocka_unit_test(test_a_wrong_secret_is_the_operators_matter),
        cmocka_unit_test(test_only_a_right_id_token_says_who),
        cmocka_unit_test(test_without_the_keys_nobody_is_identified),
        cmocka_unit_test(test_a_revoked_grant_is_dead_and_revoking_it_twice_is_no_failure),
        cmocka_unit_test(test_an_outage_is_never_a_revocation),
        cmocka_unit_test(test_a_session_policy_is_told_in_the_providers_words),
    };
    return cmocka_run_group_tests(tests, world_start, world_stop);
}
