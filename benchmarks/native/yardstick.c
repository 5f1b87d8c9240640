/* yardstick CORE OTHER: how fast the machine is at this moment, in about three milliseconds.
 *
 * Prints two numbers of nanoseconds: what sending 64 bytes over loopback and receiving them costs on
 * CORE, and how long a cache line takes to OTHER and back (0 if that is the same core). A virtual
 * machine's processors wander over the host: when the two are far apart, or when one shares its
 * core with a stranger, everything that is measured in that moment is a multiple of what it was. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCHES = 15, SENDS = 50, CROSSINGS = 200 };

static _Atomic int turn; /* whose turn it is: 0 mine, 1 the other's, 2 the end */
static int other_core;

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void pin(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0) {
        perror("sched_setaffinity");
        exit(1);
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median: a batch in which somebody else had the processor does not count. */
static int64_t median(int64_t *batches)
{
    qsort(batches, BATCHES, sizeof *batches, compare);
    return batches[BATCHES / 2];
}

static int64_t measure_kernel(void)
{
    char data[64] = {0};
    int64_t batches[BATCHES];
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        connect(client, (struct sockaddr *)&address, size) != 0) {
        perror("a loopback connection");
        exit(1);
    }
    int server = accept(listener, NULL, NULL);
    for (int batch = 0; batch < BATCHES; batch++) {
        int64_t start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
        for (int i = 0; i < SENDS; i++)
            if (send(client, data, sizeof data, 0) < 0 || recv(server, data, sizeof data, 0) < 0)
                exit(1);
        batches[batch] = (now_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / SENDS;
    }
    return median(batches);
}

static void *answer(void *nothing)
{
    pin(other_core);
    for (;;) {
        int now = atomic_load(&turn);
        if (now == 2)
            return nothing;
        if (now == 1)
            atomic_store(&turn, 0);
    }
}

static int64_t measure_crossing(void)
{
    int64_t batches[BATCHES];
    pthread_t other;
    if (pthread_create(&other, NULL, answer, NULL) != 0)
        exit(1);
    for (int batch = 0; batch < BATCHES; batch++) {
        int64_t start = now_ns(CLOCK_MONOTONIC);
        for (int i = 0; i < CROSSINGS; i++) {
            atomic_store(&turn, 1);
            while (atomic_load(&turn) != 0)
                continue;
        }
        batches[batch] = (now_ns(CLOCK_MONOTONIC) - start) / CROSSINGS;
    }
    atomic_store(&turn, 2);
    pthread_join(other, NULL);
    return median(batches);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int core = atoi(argv[1]);
    other_core = atoi(argv[2]);
    pin(core);
    long long kernel = measure_kernel();
    printf("%lld %lld\n", kernel, core == other_core ? 0LL : (long long)measure_crossing());
}
