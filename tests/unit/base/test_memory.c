/* Arenas, lists, arrays, buffers' edges, errors, percent encoding. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/encode.h"
#include "base/err.h"
#include "base/list.h"
#include "base/vec.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <string.h>
/* cmocka wants setjmp.h and stdarg.h first */
#include <cmocka.h>

/* ---- arena ----------------------------------------------------------------------------------- */

static void test_arena_memory_is_aligned_apart_and_kept(void **state UNUSED)
{
    static const size_t sizes[] = {0, 1, 7, 16, 17, 999, 1000, 1001, 4000, 4001, 100000};
    struct arena a;
    char *ptrs[ARRAY_LEN(sizes) * 20];
    arena_init(&a);
    for (size_t i = 0; i < ARRAY_LEN(ptrs); i++) {
        size_t size = sizes[i % ARRAY_LEN(sizes)];
        ptrs[i] = arena_alloc(&a, size);
        assert_int_equal((uintptr_t)ptrs[i] % alignof(max_align_t), 0);
        memset(ptrs[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < ARRAY_LEN(ptrs); i++) {
        for (size_t at = 0; at < sizes[i % ARRAY_LEN(sizes)]; at++) {
            assert_int_equal((unsigned char)ptrs[i][at], i % 251);
        }
    }
    assert_true(a.total_bytes >= 20 * 111041);
    arena_fini(&a);
    arena_fini(&a); /* again is harmless */
}

static char order[8];

static void note(void *arg)
{
    strcat(order, arg);
}

static void test_arena_runs_what_was_deferred_newest_first_and_once(void **state UNUSED)
{
    struct arena a;
    order[0] = 0;
    arena_init(&a);
    arena_defer(&a, note, (char[]){"1"});
    arena_defer(&a, note, (char[]){"2"});
    arena_reset(&a);
    assert_string_equal(order, "21");
    arena_defer(&a, note, (char[]){"3"});
    arena_fini(&a);
    assert_string_equal(order, "213");
}

static void test_arena_copies_are_whole_zeroed_and_terminated(void **state UNUSED)
{
    struct arena a;
    char text[] = "on\0e";
    arena_init(&a);
    struct str copy = arena_str(&a, (struct str){text, 4});
    text[0] = 'x';
    assert_true(str_eq(copy, STR("on\0e")));
    assert_int_equal(copy.ptr[4], 0);
    assert_string_equal(arena_cstr(&a, (struct str){NULL, 0}), "");
    struct str print = arena_strf(&a, "%s-%05d-%s", "a", 42, "b");
    assert_true(str_eq(print, STR("a-00042-b")));
    assert_int_equal(arena_strf(&a, "%3000d", 1).len, 3000);
    const int *numbers = ARENA_ARRAY(&a, int, 500);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(numbers[i], 0);
    }
    arena_fini(&a);
}

/* ---- list and array -------------------------------------------------------------------------- */

struct item {
    struct list node;
    int number;
};

static int first_of(const struct list *head)
{
    return list_empty(head) ? -1 : LIST_ENTRY(head->next, struct item, node)->number;
}

static void test_list_keeps_order_and_forgives_removing_twice(void **state UNUSED)
{
    struct list head;
    struct item items[4];
    list_init(&head);
    for (int i = 0; i < 4; i++) {
        items[i].number = i;
        list_init(&items[i].node);
    }
    list_push(&head, &items[1].node);
    list_push(&head, &items[2].node);
    list_push_front(&head, &items[0].node);
    list_push(&head, &items[3].node);
    int expected = 0;
    list_foreach (node, &head) {
        assert_int_equal(LIST_ENTRY(node, struct item, node)->number, expected++);
    }
    assert_int_equal(expected, 4);
    list_remove(&items[1].node);
    list_remove(&items[1].node);
    assert_true(list_pop(&head) == &items[0].node);
    assert_int_equal(first_of(&head), 2);
    list_foreach_safe (node, &head) {
        list_remove(node);
    }
    assert_true(list_empty(&head));
    assert_null(list_pop(&head));
    assert_true(list_empty(&items[3].node));
}

static void test_array_grows_and_is_walked(void **state UNUSED)
{
    VEC(int64_t) numbers = {0};
    int64_t sum = 0;
    vec_foreach (n, &numbers) {
        sum += *n;
    }
    for (int64_t i = 0; i < 1000; i++) {
        vec_push(&numbers, i);
    }
    vec_foreach (n, &numbers) {
        sum += *n;
    }
    assert_int_equal(sum, 499500);
    assert_int_equal(numbers.len, 1000);
    vec_reset(&numbers);
    assert_int_equal(numbers.len, 0);
    vec_fini(&numbers);
    assert_null(numbers.ptr);
}

/* ---- buffer ---------------------------------------------------------------------------------- */

static void test_buffer_is_cut_taken_and_filled_directly(void **state UNUSED)
{
    struct buf b;
    buf_init(&b, 10);
    assert_string_equal(buf_c(&b), "");
    buf_add(&b, STR("0123456789"));
    assert_int_equal(buf_ok(&b, NULL), ERR_OK); /* the maximum itself fits */
    buf_drop_front(&b, 4);
    assert_string_equal(buf_c(&b), "456789");
    char *room = buf_reserve(&b, 4);
    assert_non_null(room);
    memcpy(room, "abcd", 4);
    buf_used(&b, 4);
    assert_string_equal(buf_c(&b), "456789abcd");
    assert_null(buf_reserve(&b, 1));
    assert_int_equal(buf_ok(&b, NULL), ERR_TOO_BIG);
    buf_reset(&b);
    assert_int_equal(buf_ok(&b, NULL), ERR_OK);
    buf_add_f(&b, "%d%s", 12, "xy");
    size_t len = 0;
    char *taken = buf_take(&b, &len);
    assert_string_equal(taken, "12xy");
    assert_int_equal(len, 4);
    assert_int_equal(buf_str(&b).len, 0);
    free(taken);
    buf_fini(&b);
}

/* ---- errors ---------------------------------------------------------------------------------- */

static enum err_code throttle(struct err *err)
{
    return ERR_SET_ACT(err, ERR_THROTTLED, ERR_ACT_RETRY, "quota %d", 7);
}

static void test_error_keeps_its_code_under_added_context(void **state UNUSED)
{
    struct err err;
    assert_int_equal(throttle(NULL), ERR_THROTTLED);
    assert_int_equal(throttle(&err), ERR_THROTTLED);
    assert_int_equal(err.act, ERR_ACT_RETRY);
    assert_int_equal(err.retry_after_ms, 0);
    assert_non_null(strstr(err.where, "test_memory.c:"));
    assert_int_equal(err_wrap(&err, "page %d", 3), ERR_THROTTLED);
    assert_string_equal(err.text, "page 3: quota 7");
    for (int i = 0; i < 100; i++) { /* stays within its bounds */
        assert_int_equal(err_wrap(&err, "context"), ERR_THROTTLED);
    }
    assert_true(strlen(err.text) < sizeof err.text);
    assert_string_equal(err_code_name(ERR_THROTTLED), "throttled");
}

/* ---- percent encoding ------------------------------------------------------------------------ */

static void test_percent_encoding_keeps_every_byte_but_nul(void **state UNUSED)
{
    char all[255];
    for (int i = 0; i < 255; i++) {
        all[i] = (char)(i + 1);
    }
    struct str bytes = {all, sizeof all};
    struct buf encoded;
    struct buf decoded;
    buf_init(&encoded, 3 * sizeof all);
    buf_init(&decoded, sizeof all);
    percent_encode(&encoded, bytes);
    assert_int_equal(buf_ok(&encoded, NULL), ERR_OK);
    assert_true(percent_decode(&decoded, buf_str(&encoded), true));
    assert_true(str_eq(buf_str(&decoded), bytes));
    buf_reset(&encoded);
    percent_encode(&encoded, STR("aZ09-._~ /?&=+%\xc3\xa9"));
    assert_string_equal(buf_c(&encoded), "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9");
    buf_fini(&encoded);
    buf_fini(&decoded);
}

static void test_percent_decoding_refuses_broken_escapes(void **state UNUSED)
{
    static const char *const bad[] = {"%", "%4", "a%", "%zz", "%4g", "%00", "%-1", "% 1"};
    struct buf out;
    buf_init(&out, 100);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        buf_reset(&out);
        assert_false(percent_decode(&out, str_c(bad[i]), false));
    }
    buf_reset(&out);
    assert_true(percent_decode(&out, STR("a+b%2b%2B"), false));
    assert_string_equal(buf_c(&out), "a+b++");
    buf_reset(&out);
    assert_true(percent_decode(&out, STR("a+b%2b"), true));
    assert_string_equal(buf_c(&out), "a b+");
    buf_fini(&out);
}

static void test_form_fields_are_written_and_the_first_one_found(void **state UNUSED)
{
    struct arena a;
    struct buf form;
    struct str value;
    arena_init(&a);
    buf_init(&form, 200);
    form_add(&form, "code", STR("a&b=c d"));
    form_add(&form, "state", STR(""));
    form_add(&form, "code", STR("second"));
    assert_string_equal(buf_c(&form), "code=a%26b%3Dc%20d&state=&code=second");
    assert_true(form_find(buf_str(&form), "code", &a, &value));
    assert_true(str_eq(value, STR("a&b=c d")));
    assert_true(form_find(buf_str(&form), "state", &a, &value));
    assert_int_equal(value.len, 0);
    assert_false(form_find(buf_str(&form), "cod", &a, &value));
    assert_false(form_find(STR(""), "code", &a, &value));
    assert_true(form_find(STR("flag&x=1"), "flag", &a, &value));
    assert_int_equal(value.len, 0);
    buf_fini(&form);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_memory_is_aligned_apart_and_kept),
        cmocka_unit_test(test_arena_runs_what_was_deferred_newest_first_and_once),
        cmocka_unit_test(test_arena_copies_are_whole_zeroed_and_terminated),
        cmocka_unit_test(test_list_keeps_order_and_forgives_removing_twice),
        cmocka_unit_test(test_array_grows_and_is_walked),
        cmocka_unit_test(test_buffer_is_cut_taken_and_filled_directly),
        cmocka_unit_test(test_error_keeps_its_code_under_added_context),
        cmocka_unit_test(test_percent_encoding_keeps_every_byte_but_nul),
        cmocka_unit_test(test_percent_decoding_refuses_broken_escapes),
        cmocka_unit_test(test_form_fields_are_written_and_the_first_one_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
