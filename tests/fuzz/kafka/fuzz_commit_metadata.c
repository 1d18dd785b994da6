/* Commit metadata is whatever somebody committed. What decodes must mean the same when it is
 * written again, and a core that is given it must keep its invariants. */
#include "kafka/engine_core.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int64_t open[KAFKA_INCOMPLETE_MAX], again[KAFKA_INCOMPLETE_MAX];
    struct str text = {(const char *)data, size};
    int64_t low = 1000003, end, end_again;
    size_t count, count_again;
    if (kafka_metadata_decode(text, low, &end, open, &count, NULL) != ERR_OK) {
        return 0;
    }
    BUG_ON(count == 0 || count > KAFKA_INCOMPLETE_MAX || open[0] != low ||
           end - low > KAFKA_WINDOW);
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, KAFKA_METADATA_MAX);
    kafka_metadata_encode(low, end, open, count, &out);
    BUG_ON(out.failed);
    BUG_ON(kafka_metadata_decode(buf_str(&out), low, &end_again, again, &count_again, NULL) !=
           ERR_OK);
    BUG_ON(end != end_again || count != count_again ||
           memcmp(open, again, count * sizeof *open) != 0);

    struct kafka_core *core = kafka_core_new(&(struct kafka_core_opts){.coalesce = true});
    kafka_core_assign(core, 0, low, text);
    for (int64_t o = low; o < low + 64; o += 1 + (int64_t)(size % 3)) {
        struct kafka_core_item item = {.offset = o, .key = STR("k"), .reasons = 1};
        kafka_core_record(core, 0, &item, 0);
    }
    struct kafka_core_run *run = kafka_core_next(core, 0);
    if (run != NULL) {
        kafka_core_finish(core, run, KAFKA_DONE, 0, 0);
    }
    int64_t offset;
    uint64_t version;
    if (kafka_core_commit_get(core, 0, &offset, &out, &version)) {
        BUG_ON(offset < low);
    }
    kafka_core_unassign(core, 0);
    kafka_core_free(core);
    return 0;
}
