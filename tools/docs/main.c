/* Prints the documents that are made from the code's tables; see scripts/docs. */
#include "messages/messages.h"
#include "observe/metric.h"

#include <stdio.h>

#define PAGE_MAX_BYTES (4 << 20)

static void print_metrics(struct buf *out)
{
    buf_add_c(out, "# Metrics\n\nPrinted from `libs/observe/include/observe/metrics.def`; change "
                   "that file, then run `scripts/docs`.\n\nEvery service serves its own on "
                   "`/metrics` of the admin port. A metric appears once it was used. A label\n"
                   "takes at most 256 values; what comes after them is counted as `other`. "
                   "Histograms are in seconds.\n\n");
    metric_print_docs(out);
}

int main(int argc, char **argv)
{
    struct buf out CLEANUP(buf_fini);
    struct err err;

    buf_init(&out, PAGE_MAX_BYTES);
    if (argc == 2 && strcmp(argv[1], "metrics") == 0) {
        print_metrics(&out);
    } else if (argc == 2 && strcmp(argv[1], "messages") == 0) {
        messages_print_docs(&out);
    } else {
        fputs("usage: calfleet-docs metrics|messages\n", stderr);
        return 64;
    }
    if (buf_ok(&out, &err) != ERR_OK || fwrite(buf_c(&out), 1, out.len, stdout) != out.len) {
        fputs("calfleet-docs: the page could not be printed\n", stderr);
        return 70;
    }
    return 0;
}
