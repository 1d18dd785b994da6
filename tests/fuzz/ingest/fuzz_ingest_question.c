/* Bodies of users: the first byte chooses the route. What is taken must be a message that decodes;
 * what is refused has a status, a code and a sentence. */
#include "messages/messages.h"
#include "question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const question_fn routes[] = {
    question_sync_now, question_oauth_start, question_oauth_exchange, question_connection_patch,
    question_freebusy, question_schedule,    question_connections,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_caller caller = {.role = MESSAGE_ROLE_USER};
    struct crypto_keyring ring = {.count = 1, .keys = {{.id = 1}}};
    struct question q = {0};
    struct refusal refusal = {0};
    struct arena arena CLEANUP(arena_fini);
    int type = 0;

    arena_init(&arena);
    if (size == 0) {
        return 0;
    }
    struct str text = {(const char *)data + 1, size - 1};
    struct asked asked = {
        .body = text,
        .query = text,
        .caller = &caller,
        .bus_keys = &ring,
        .arena = &arena,
    };
    if (routes[data[0] % ARRAY_LEN(routes)](&asked, &q, &refusal)) {
        BUG_ON(q.key.len != sizeof(struct uuid) || q.topic == NULL);
        BUG_ON(message_type(q.payload, &type, NULL) != ERR_OK);
    } else {
        BUG_ON(refusal.status < 400 || refusal.code == NULL || refusal.text[0] == '\0');
    }
    return 0;
}
