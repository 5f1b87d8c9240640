/* Echo: each connection keeps `depth` messages under way; a slow one sends one now and then. */
#include "load.h"

#include <stdlib.h>
#include <sys/epoll.h>

static struct window window;

static void queue_message(struct connection *c, const struct options *o, int64_t now)
{
    uint64_t index = (c->to_send - FIRST) / o->size;
    c->sent_at[index % o->depth] = now;
    c->to_send += o->size;
}

static int64_t next_due(const struct options *o, int64_t now)
{
    int64_t interval = o->interval_us * 1000ll;
    return now + interval / 2 + rand() % (interval + 1); /* half to one and a half times as much */
}

/* Returns whether a connection has sent its part of so many requests. */
static bool is_done(const struct connection *c, const struct options *o)
{
    uint64_t part = o->requests / o->connections;
    return o->requests > 0 && c->to_send - FIRST >= part * o->size;
}

static void complete(struct connection *c, const struct options *o, int64_t now, bool more)
{
    int64_t latency = now - c->sent_at[c->completed % o->depth];
    c->completed++;
    if (c->is_slow) {
        if (window.open)
            histogram_add(&window.slow, latency);
        c->due = next_due(o, now);
        return;
    }
    if (window.open) {
        histogram_add(&window.latency, latency);
        window.operations++;
        window.bytes += o->size;
    }
    if (more && !is_done(c, o))
        queue_message(c, o, now);
}

static void serve(struct connection *c, const struct options *o, bool more)
{
    if (receive_ready(c) > 0) {
        int64_t now = now_ns();
        while (c->received - FIRST >= (c->completed + 1) * o->size)
            complete(c, o, now, more);
    }
    send_queued(c);
}

/* Sends on the slow connections whose time has come. */
static void send_due(struct connection *slow, const struct options *o, int64_t now)
{
    for (int i = 0; i < o->slow; i++) {
        struct connection *c = &slow[i];
        if (now < c->due || c->to_send != c->received)
            continue;
        queue_message(c, o, now_ns());
        send_queued(c);
    }
}

static bool is_quiet(const struct connection *all, int count)
{
    for (int i = 0; i < count; i++)
        if (all[i].received != all[i].to_send)
            return false;
    return true;
}

static void begin(struct connection *all, int count, const struct options *o, int epoll)
{
    for (int i = 0; i < count; i++) {
        struct connection *c = &all[i];
        make_nonblocking(c->fd);
        watch(epoll, c->fd, EPOLLIN | EPOLLOUT | EPOLLET, c);
        c->is_slow = i >= o->connections;
        if (c->is_slow) {
            c->due = next_due(o, now_ns());
            continue;
        }
        for (int message = 0; message < o->depth && !is_done(c, o); message++)
            queue_message(c, o, now_ns());
        send_queued(c);
    }
}

void run_echo(const struct options *o)
{
    enum { CAPACITY = 512 };
    struct epoll_event events[CAPACITY];
    int count = o->connections + o->slow;
    struct connection *all = open_connections(o, count);
    int epoll = new_epoll();
    window_begin(&window, o);
    begin(all, count, o, epoll);
    for (bool more = true; more || !is_quiet(all, count);) {
        int ready = next_events(o, epoll, events, CAPACITY, 1);
        if (more)
            more = window_goes_on(&window, o, now_ns());
        if (more)
            send_due(all + o->connections, o, now_ns());
        for (int i = 0; i < ready; i++)
            serve(events[i].data.ptr, o, more);
    }
    window_print(&window);
}
