/* Messages: what was written comes back, old bytes decode for ever, hostile bytes are refused. */
#include "base/encode.h"
#include "messages/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static struct message_schedule_create sample(void)
{
    static const struct str addresses[] = {{"a@example.com", 13}, {"b@example.com", 13}};
    static const struct uuid users[] = {{{1, 2, 3}}};
    struct message_schedule_create m = {
        .idempotency_key = STR("k1"), .title = STR("Plan \xe2\x82\xac"), .start_at = -5};
    MESSAGE_SET(schedule_create, &m, attendee_addresses, (struct message_strs){addresses, 2});
    MESSAGE_SET(schedule_create, &m, attendee_users, (struct message_uuids){users, 1});
    MESSAGE_SET(schedule_create, &m, conference, true);
    return m;
}

static void test_fields_come_back_and_absent_ones_stay_absent(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct buf bytes CLEANUP(buf_fini);
    struct message_schedule_create in = sample();
    struct message_schedule_create out;
    int type = 0;
    arena_init(&arena);
    buf_init(&bytes, 1000);
    assert_int_equal(message_encode(MESSAGE_schedule_create, &in, &bytes, NULL), ERR_OK);
    assert_int_equal(message_type(buf_str(&bytes), &type, NULL), ERR_OK);
    assert_int_equal(type, MESSAGE_schedule_create);
    assert_int_equal(message_decode(type, buf_str(&bytes), &arena, &out, NULL), ERR_OK);
    assert_true(str_eq(out.title, in.title));
    assert_true(out.start_at == -5 && out.conference);
    assert_int_equal(out.attendee_addresses.len, 2);
    assert_true(str_eq_c(out.attendee_addresses.ptr[1], "b@example.com"));
    assert_true(uuid_eq(out.attendee_users.ptr[0], in.attendee_users.ptr[0]));
    assert_true(MESSAGE_HAS(schedule_create, &out, conference));
    assert_false(MESSAGE_HAS(schedule_create, &out, end_at));
}

static void test_cut_or_lengthened_bytes_are_refused(void **state UNUSED)
{
    struct arena arena CLEANUP(arena_fini);
    struct buf bytes CLEANUP(buf_fini);
    struct message_schedule_create in = sample();
    struct message_schedule_create out;
    arena_init(&arena);
    buf_init(&bytes, 1000);
    assert_int_equal(message_encode(MESSAGE_schedule_create, &in, &bytes, NULL), ERR_OK);
    for (size_t n = 0; n < bytes.len; n++) {
        assert_int_equal(message_decode(MESSAGE_schedule_create, str_sub(buf_str(&bytes), 0, n),
                                        &arena, &out, NULL),
                         ERR_PROTO);
    }
    buf_add_char(&bytes, '\xc0');
    assert_int_equal(message_decode(MESSAGE_schedule_create, buf_str(&bytes), &arena, &out, NULL),
                     ERR_PROTO);
}

static enum err_code decode_hex(const char *hex, struct message_sync *ret)
{
    struct arena arena CLEANUP(arena_fini);
    uint8_t bytes[200];
    size_t len = strlen(hex) / 2;
    arena_init(&arena);
    assert_true(hex_decode(str_c(hex), bytes, len));
    return message_decode(MESSAGE_sync, (struct str){(char *)bytes, len}, &arena, ret, NULL);
}

#define ACCOUNT_HEX "01c41000000000000000000000000000000001"

static void test_unknown_keys_are_skipped_and_wrong_kinds_refused(void **state UNUSED)
{
    struct message_sync m = {0};
    assert_int_equal(decode_hex("930101"
                                "83" ACCOUNT_HEX "02050301",
                                &m),
                     ERR_OK);
    assert_true(m.calendar == 5 && m.reason == MESSAGE_SYNC_WEBHOOK);
    /* key 60 with a list inside, version 2: a later writer */
    assert_int_equal(decode_hex("930102"
                                "84" ACCOUNT_HEX "020503013c92c0a161",
                                &m),
                     ERR_OK);
    /* a required field is missing */
    assert_int_equal(decode_hex("930101"
                                "82" ACCOUNT_HEX "0205",
                                &m),
                     ERR_PROTO);
    /* calendar as text; reason negative; account too short; another type; not an array; a text key
     */
    assert_int_equal(decode_hex("93010183" ACCOUNT_HEX "02a1610301", &m), ERR_PROTO);
    assert_int_equal(decode_hex("93010183" ACCOUNT_HEX "020503ff", &m), ERR_PROTO);
    assert_int_equal(decode_hex("9301018301c40100"
                                "02050301",
                                &m),
                     ERR_PROTO);
    assert_int_equal(decode_hex("93020183" ACCOUNT_HEX "02050301", &m), ERR_PROTO);
    assert_int_equal(decode_hex("83" ACCOUNT_HEX "02050301", &m), ERR_PROTO);
    assert_int_equal(decode_hex("93010183a16100"
                                "02050301",
                                &m),
                     ERR_PROTO);
}

static void test_lengths_that_claim_more_than_is_there_are_refused(void **state UNUSED)
{
    struct message_sync m;
    static const char *const hostile[] = {
        "ddffffffff",       /* an array of four thousand million */
        "930101dfffffffff", /* a map likewise */
        "93010181"
        "3c"
        "ddffffffff", /* in a field that we would skip */
        "93010181"
        "3cc6ffffffff",                   /* bytes */
        "9301018101919191919191919191c0", /* too deep */
        "93010181"
        "3cc70100ff", /* an extension type */
        "c1",
    };
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        assert_int_equal(decode_hex(hostile[i], &m), ERR_PROTO);
    }
}

static void test_golden_bytes_of_released_versions_decode(void **state UNUSED)
{
    FILE *f = fopen(GOLDEN_DIR "/sync.v1.hex", "r");
    char hex[400] = {0};
    struct message_sync m;
    assert_non_null(f);
    assert_non_null(fgets(hex, sizeof hex, f));
    fclose(f);
    hex[strcspn(hex, "\n")] = '\0';
    assert_int_equal(decode_hex(hex, &m), ERR_OK);
    assert_string_equal(UUID_C(m.account), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    assert_true(m.calendar == 4711 && m.reason == MESSAGE_SYNC_USER &&
                m.asked_at == 1795000000123LL);
}

static void test_docs_list_every_message(void **state UNUSED)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 1 << 20);
    messages_print_docs(&out);
    assert_non_null(strstr(buf_c(&out), "## 1: sync"));
    assert_non_null(strstr(buf_c(&out), "## 32: schedule_cancel"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_come_back_and_absent_ones_stay_absent),
        cmocka_unit_test(test_cut_or_lengthened_bytes_are_refused),
        cmocka_unit_test(test_unknown_keys_are_skipped_and_wrong_kinds_refused),
        cmocka_unit_test(test_lengths_that_claim_more_than_is_there_are_refused),
        cmocka_unit_test(test_golden_bytes_of_released_versions_decode),
        cmocka_unit_test(test_docs_list_every_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
