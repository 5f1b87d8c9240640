/* What is measured: operations, and the processor time that both sides spent on them. */
#include "load.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Reads the processor time of the server with all its threads, in nanoseconds. The clock's number is
 * made as clock_getcpuclockid(3) makes it. */
static int64_t server_ns(int pid)
{
    clockid_t clock;
    struct timespec used;
    if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0)
        return 0;
    if (clock_gettime(clock, &used) != 0)
        fail_errno("clock_gettime of the server");
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* Reads user and system time: fields 14 and 15 of /proc/PID/stat, see proc_pid_stat(5). */
static void server_ticks(int pid, struct usage *usage)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = pid ? fopen(path, "r") : NULL;
    if (file == NULL)
        return;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    long long user = 0, system = 0;
    /* The name stands in parentheses and may hold spaces and parentheses itself. */
    char *rest = strrchr(text, ')');
    if (rest != NULL)
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld", &user, &system);
    usage->server_user = user;
    usage->server_system = system;
}

static struct usage read_usage(int pid)
{
    struct usage usage = {.server_ns = server_ns(pid)};
    struct timespec own;
    server_ticks(pid, &usage);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    usage.client_ns = (int64_t)own.tv_sec * 1000000000 + own.tv_nsec;
    return usage;
}

void window_begin(struct window *w, const struct options *o)
{
    memset(w, 0, sizeof *w);
    w->opens = now_ns() + (int64_t)(o->warmup * 1e9);
}

static bool is_over(const struct window *w, const struct options *o, int64_t now)
{
    if (o->requests > 0)
        return w->operations >= (uint64_t)o->requests / o->connections * o->connections;
    return now >= w->opens + (int64_t)(o->seconds * 1e9);
}

bool window_goes_on(struct window *w, const struct options *o, int64_t now)
{
    if (!w->open) {
        if (now < w->opens)
            return true;
        w->before = read_usage(o->pid);
        w->opens = now_ns();
        w->open = true;
        return true;
    }
    if (!is_over(w, o, now))
        return true;
    w->after = read_usage(o->pid);
    w->closes = now;
    w->open = false;
    return false;
}

void window_print(const struct window *w)
{
    printf("{\"seconds\":%.9f,\"operations\":%llu,\"bytes\":%llu,", (w->closes - w->opens) / 1e9,
           (unsigned long long)w->operations, (unsigned long long)w->bytes);
    printf("\"lost\":%llu,", (unsigned long long)w->lost);
    printf("\"server_ns\":%lld,", (long long)(w->after.server_ns - w->before.server_ns));
    printf("\"user_ticks\":%lld,", (long long)(w->after.server_user - w->before.server_user));
    printf("\"system_ticks\":%lld,", (long long)(w->after.server_system - w->before.server_system));
    printf("\"client_ns\":%lld,", (long long)(w->after.client_ns - w->before.client_ns));
    printf("\"latency\":");
    histogram_print(&w->latency);
    printf(",\"slow\":");
    histogram_print(&w->slow);
    printf("}\n");
}
