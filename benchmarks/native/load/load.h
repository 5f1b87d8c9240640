/* The load generator: what its files have in common. One process, one thread, one epoll. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the command line says; see options.c. */
struct options {
    const char *mode;
    int port;
    int connections;
    int slow;         /* connections that send now and then (mode wakeup) */
    int interval_us;  /* between two messages of a slow connection, on average */
    int size;         /* bytes per message */
    int depth;        /* messages under way on each connection */
    double warmup;    /* seconds that are not counted */
    double seconds;   /* seconds that are */
    int64_t requests; /* unless 0: so many, however long it takes; of an echo exactly */
    int pid;          /* the server, whose processor time is read; 0 if there is none to read */
    int spin;         /* 1: never sleep while waiting for the server; see next_events */
};

struct options parse_options(int argc, char **argv);

/* -- time and failure (clock.c) */

int64_t now_ns(void);

/* Ends the process with status 1 and a message. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* The same for a system call, with errno's text. */
void fail_errno(const char *call) __attribute__((noreturn));

/* -- the bytes that are sent (stream.c) */

enum { MAX_SLICE = 1 << 18 };

/* Returns the bytes that connection `id` sends from `offset` on: MAX_SLICE of them are valid. */
const uint8_t *stream_at(uint32_t id, uint64_t offset);
void stream_init(void);
/* Fails unless `data` is what connection `id` has sent from `offset` on. */
void stream_verify(uint32_t id, uint64_t offset, const uint8_t *data, size_t size);

/* -- latencies (histogram.c) */

enum { SUB_BITS = 5, BUCKETS = (64 - SUB_BITS) << SUB_BITS };

struct histogram {
    uint64_t count[BUCKETS];
};

void histogram_add(struct histogram *h, int64_t ns);
/* Prints the buckets that are not empty as a JSON list of pairs. */
void histogram_print(const struct histogram *h);

/* -- what is counted, between warm-up and end (window.c) */

struct usage {
    int64_t server_ns;
    int64_t server_user, server_system; /* ticks: good for the ratio of the two only */
    int64_t client_ns;
};

struct window {
    int64_t opens, closes;
    bool open;
    uint64_t operations, bytes;
    uint64_t lost; /* datagrams that did not arrive, or whose answer did not */
    struct usage before, after;
    struct histogram latency, slow;
};

void window_begin(struct window *w, const struct options *o);
/* Opens the window when its time has come; returns false once it is closed. */
bool window_goes_on(struct window *w, const struct options *o, int64_t now);
void window_print(const struct window *w);

/* -- sockets (sockets.c) */

int connect_blocking(const struct options *o);
/* Starts to connect from an address that changes from call to call, so that ports never run out. */
int connect_start(const struct options *o);
/* Returns a non-blocking socket for datagrams to the server and from it alone. */
int connect_datagrams(const struct options *o);
void make_nonblocking(int fd);
int new_epoll(void);
void watch(int epoll, int fd, uint32_t events, void *owner);
/* Returns the next events, at most `capacity`, or none after `timeout_ms`; fails when nothing happens
 * for ten seconds. With --spin it returns at once: whoever sends to a process that sleeps on another
 * core pays for waking it, and the server is not to pay for that. A client on another machine would
 * not cost it anything either. */
struct epoll_event;
int next_events(const struct options *o, int epoll, struct epoll_event *events, int capacity,
                int timeout_ms);

/* -- the connections of an echo (connections.c) */

struct connection {
    int fd;
    uint32_t id;
    bool is_slow;
    uint64_t sent, received; /* offsets in the stream */
    uint64_t to_send;        /* up to here it may be sent */
    uint64_t completed;      /* messages */
    int64_t due;             /* of a slow connection: when it sends again */
    int64_t *sent_at;        /* a ring of `depth` moments */
};

enum { FIRST = 64 }; /* bytes of the message with which a connection is tried */

/* Connects so many and has one message echoed on each, which shows that the server serves it. */
struct connection *open_connections(const struct options *o, int count);
/* Has one more message of FIRST bytes echoed on each; blocks. */
void try_connections(struct connection *all, int count);
void send_queued(struct connection *c);
/* Reads and verifies what is there; returns the number of bytes. */
size_t receive_ready(struct connection *c);

/* -- the modes */

void run_echo(const struct options *o);
void run_sink(const struct options *o);
void run_source(const struct options *o);
void run_cycle(const struct options *o);
void run_idle(const struct options *o);
void run_file(const struct options *o);
void run_datagrams(const struct options *o);
void run_flood(const struct options *o);

#endif
