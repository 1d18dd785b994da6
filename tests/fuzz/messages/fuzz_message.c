/* Every decoder on the same bytes; what decodes must encode and decode to the same again. */
#include "messages/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_type(int type, struct str bytes)
{
    struct arena arena CLEANUP(arena_fini);
    struct buf again CLEANUP(buf_fini);
    union {
        uint64_t present;
        char room[1024];
    } m;

    arena_init(&arena);
    buf_init(&again, MESSAGE_MAX_BYTES * 4);
    if (message_decode(type, bytes, &arena, &m, NULL) == ERR_OK) {
        BUG_ON(message_encode(type, &m, &again, NULL) != ERR_OK);
        BUG_ON(message_decode(type, buf_str(&again), &arena, &m, NULL) != ERR_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = {(const char *)data, size};
    int type = 0;
    (void)message_type(bytes, &type, NULL);
#define MESSAGE_BEGIN(name, type, topic, meaning) try_type(type, bytes);
#define FIELD(message, name, key, kind, req, meaning)
#define MESSAGE_END(name)
#include "messages/messages.def"
    return 0;
}
