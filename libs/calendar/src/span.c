#include "calendar/span.h"

#include "base/vec.h"

bool calendar_takes_time(enum calendar_status status, enum calendar_show_as show_as,
                         enum calendar_response mine, struct str event_type,
                         enum calendar_show_as *ret_show_as)
{
    if (status == CALENDAR_CANCELLED || mine == CALENDAR_DECLINED || show_as == CALENDAR_FREE ||
        str_eq_c(event_type, "birthday")) {
        return false;
    }
    bool unsure = status == CALENDAR_TENTATIVE || show_as == CALENDAR_SHOW_TENTATIVE ||
                  mine == CALENDAR_NONE || mine == CALENDAR_TENTATIVELY;
    if (show_as == CALENDAR_WORKING_ELSEWHERE || str_eq_c(event_type, "workingLocation")) {
        *ret_show_as = CALENDAR_WORKING_ELSEWHERE;
    } else if (show_as == CALENDAR_OUT_OF_OFFICE || str_eq_c(event_type, "outOfOffice")) {
        *ret_show_as = CALENDAR_OUT_OF_OFFICE;
    } else {
        *ret_show_as = unsure ? CALENDAR_SHOW_TENTATIVE : CALENDAR_BUSY;
    }
    return true;
}

bool calendar_blocks(enum calendar_show_as show_as)
{
    return show_as == CALENDAR_BUSY || show_as == CALENDAR_SHOW_TENTATIVE ||
           show_as == CALENDAR_OUT_OF_OFFICE;
}

/* Strongest first. */
static const enum calendar_show_as by_strength[] = {
    CALENDAR_OUT_OF_OFFICE, CALENDAR_BUSY, CALENDAR_SHOW_TENTATIVE, CALENDAR_WORKING_ELSEWHERE};

struct edge {
    int64_t at;
    int delta;
    enum calendar_show_as show_as;
};

static int edge_cmp(const void *a, const void *b)
{
    const struct edge *x = a;
    const struct edge *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

static bool strongest(const int *open, enum calendar_show_as *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(by_strength); i++) {
        if (open[by_strength[i]] > 0) {
            *ret = by_strength[i];
            return true;
        }
    }
    return false;
}

size_t calendar_spans_merge(struct calendar_span *spans, size_t count)
{
    VEC(struct edge) edges = {0};
    int open[CALENDAR_WORKING_ELSEWHERE + 1] = {0};
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (spans[i].start_at < spans[i].end_at && spans[i].show_as != CALENDAR_FREE) {
            vec_push(&edges, (struct edge){spans[i].start_at, 1, spans[i].show_as});
            vec_push(&edges, (struct edge){spans[i].end_at, -1, spans[i].show_as});
        }
    }
    if (edges.len > 0) {
        qsort(edges.ptr, edges.len, sizeof *edges.ptr, edge_cmp);
    }
    /* Between two neighbouring instants the strongest open span rules. */
    for (size_t i = 0; i < edges.len;) {
        int64_t at = edges.ptr[i].at;
        for (; i < edges.len && edges.ptr[i].at == at; i++) {
            open[edges.ptr[i].show_as] += edges.ptr[i].delta;
        }
        enum calendar_show_as show_as;
        if (i == edges.len || !strongest(open, &show_as)) {
            continue;
        }
        if (n > 0 && spans[n - 1].end_at == at && spans[n - 1].show_as == show_as) {
            spans[n - 1].end_at = edges.ptr[i].at;
        } else {
            spans[n++] = (struct calendar_span){at, edges.ptr[i].at, show_as};
        }
    }
    vec_fini(&edges);
    return n;
}

size_t calendar_spans_clip(struct calendar_span *spans, size_t count, int64_t from_at,
                           int64_t to_at)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        struct calendar_span s = spans[i];
        s.start_at = MAX(s.start_at, from_at);
        s.end_at = MIN(s.end_at, to_at);
        if (s.start_at < s.end_at) {
            spans[n++] = s;
        }
    }
    return n;
}

size_t calendar_spans_subtract(const struct calendar_span *spans, size_t count,
                               const struct calendar_span *minus, size_t minus_count,
                               struct calendar_span *out)
{
    size_t n = 0;
    size_t k = 0;
    for (size_t i = 0; i < count; i++) {
        struct calendar_span left = spans[i];
        while (k < minus_count && minus[k].end_at <= left.start_at) {
            k++;
        }
        /* k stays at the last one: it may reach into the next span too. */
        for (size_t at = k; at < minus_count && minus[at].start_at < left.end_at; at++) {
            if (minus[at].start_at > left.start_at) {
                out[n] = left;
                out[n++].end_at = minus[at].start_at;
            }
            left.start_at = MAX(left.start_at, minus[at].end_at);
            k = at;
        }
        if (left.start_at < left.end_at) {
            out[n++] = left;
        }
    }
    return n;
}

const struct calendar_span *calendar_spans_find(const struct calendar_span *spans, size_t count,
                                                int64_t from_at, int64_t to_at)
{
    /* Disjoint spans are sorted by their ends as well: the first that ends after the window began.
     */
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (spans[mid].end_at <= from_at) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    bool found = low < count && from_at < to_at && spans[low].start_at < to_at;
    return found ? &spans[low] : NULL;
}
