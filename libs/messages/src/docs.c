#include "table_int.h"

static const char *const kind_names[] = {
    [FIELD_U64] = "unsigned", [FIELD_I64] = "integer",   [FIELD_BOOL] = "boolean",
    [FIELD_UUID] = "uuid",    [FIELD_STR] = "text",      [FIELD_BYTES] = "bytes",
    [FIELD_STRS] = "texts",   [FIELD_I64S] = "integers", [FIELD_UUIDS] = "uuids"};

void messages_print_docs(struct buf *out)
{
    buf_add_c(
        out, "# Messages\n\nPrinted from `libs/messages/include/messages/messages.def`; change "
             "that file, then run `scripts/docs`.\n\nMessagePack, `[type, version, {key: value}]`, "
             "version 1. Unknown keys are skipped. Requests and replies\nare sealed "
             "(docs/ARCHITECTURE.md); `calendar.sync` records are in clear and hold nothing "
             "personal.\n");
    for (size_t i = 0; i < message_table_len; i++) {
        const struct message *m = &message_table[i];
        buf_add_f(out, "\n## %d: %s\n\n%s Topic: `%s`.\n\n", m->type, m->name, m->meaning,
                  m->topic);
        buf_add_c(out, "| key | field | kind | | meaning |\n|---|---|---|---|---|\n");
        for (size_t k = 0; k < m->field_count; k++) {
            const struct field *f = &m->fields[k];
            buf_add_f(out, "| %d | %s | %s | %s | %s |\n", f->key, f->name, kind_names[f->kind],
                      f->required ? "required" : "", f->meaning);
        }
    }
}
