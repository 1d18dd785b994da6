#include "service_int.h"

#include "observe/metric.h"

#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* More than a process of ours opens, and less than what makes code that walks all descriptors slow
 * where the hard limit is a thousand million. */
#define NOFILE_MAX 1048576

void process_tune(void)
{
    struct rlimit limit;

    signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of its write, not our end */
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)NOFILE_MAX);
        IGNORE(setrlimit(RLIMIT_NOFILE, &limit)); /* the limit that was there still works */
    }
    /* Threads of libraries allocate little; an arena for each would cost address space and RSS. */
    (void)mallopt(M_ARENA_MAX, 2);
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void measure_memory(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    long long total, resident;
    if (f == NULL) {
        return;
    }
    if (fscanf(f, "%lld %lld", &total, &resident) == 2) {
        metric_set(METRIC_PROCESS_MEMORY, NULL, (double)resident * (double)sysconf(_SC_PAGESIZE));
    }
    fclose(f);
}

static void measure_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t count = -1; /* the folder's own */
    if (dir == NULL) {
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    metric_set(METRIC_PROCESS_FDS, NULL, (double)count);
}

void process_measure(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        metric_set(METRIC_PROCESS_CPU, NULL, seconds(usage.ru_utime) + seconds(usage.ru_stime));
    }
    measure_memory();
    measure_fds();
}
