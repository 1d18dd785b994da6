/* Anybody who may produce writes requests: two lengths, then header, caller and payload. None of
 * them is sealed with the key, so none may open. */
#include "kafka/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct crypto_keyring ring = {.count = 1, .keys = {{.id = 7, .bytes = {1}}}};
    static struct kafka_rpc_server *server;
    if (server == NULL) {
        server = kafka_rpc_server_new(&(struct kafka_rpc_server_opts){.bus_keys = &ring});
    }
    if (size < 2) {
        return 0;
    }
    struct str rest = {(const char *)data + 2, size - 2};
    struct str header = str_sub(rest, 0, data[0]);
    struct str caller = str_sub(rest, header.len, data[1]);
    struct kafka_record record = {.topic = "t",
                                  .value = str_sub(rest, header.len + caller.len, SIZE_MAX),
                                  .header_count = 2,
                                  .headers = {{"cf-rq", header}, {"cf-caller", caller}}};
    struct kafka_rpc_request request;
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    BUG_ON(kafka_rpc_request_open(server, &record, 1, &arena, &request, NULL) == ERR_OK);
    return 0;
}
