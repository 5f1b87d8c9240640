/* One-way throughput. An operation is a MiB.
 *
 * sink: the server reads all and, after the end of the stream, answers with the number of bytes it
 * has read: eight of them, big-endian. source: the server sends the bytes 0, 1 ... 255 over and over.
 */
#include "load.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CAPACITY = 64, MIB = 1 << 20 };

static struct window window;
static uint8_t buffer[MAX_SLICE], ramp[256 + MAX_SLICE];

static void count_bytes(size_t size)
{
    if (!window.open)
        return;
    window.bytes += size;
    window.operations = window.bytes / MIB;
}

static struct connection *connect_all(const struct options *o, int epoll, uint32_t events)
{
    struct connection *all = calloc(o->connections, sizeof *all);
    if (all == NULL)
        fail_errno("calloc");
    for (int i = 0; i < o->connections; i++) {
        all[i].id = i;
        all[i].fd = connect_blocking(o);
        make_nonblocking(all[i].fd);
        watch(epoll, all[i].fd, events, &all[i]);
    }
    return all;
}

static void push(struct connection *c)
{
    /* A few slices, then it is another connection's turn; the event is level-triggered. */
    for (int slice = 0; slice < 4; slice++) {
        ssize_t sent = send(c->fd, stream_at(c->id, c->sent), MAX_SLICE, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0)
            fail_errno("send");
        c->sent += sent;
        count_bytes(sent);
    }
}

/* The server's count must be what was sent. */
static void settle(const struct options *o, struct connection *c)
{
    uint64_t answer;
    struct epoll_event event;
    int epoll = new_epoll();
    shutdown(c->fd, SHUT_WR);
    watch(epoll, c->fd, EPOLLIN, c);
    for (size_t have = 0; have < sizeof answer;) {
        next_events(o, epoll, &event, 1, 100);
        ssize_t size = recv(c->fd, (char *)&answer + have, sizeof answer - have, 0);
        if (size < 0 && errno == EAGAIN)
            continue;
        if (size <= 0)
            fail("connection %u: the server has not said how much it read", c->id);
        have += size;
    }
    close(epoll);
    if (be64toh(answer) != c->sent)
        fail("connection %u: %llu bytes sent, %llu read by the server", c->id,
             (unsigned long long)c->sent, (unsigned long long)be64toh(answer));
}

void run_sink(const struct options *o)
{
    struct epoll_event events[CAPACITY];
    int epoll = new_epoll();
    struct connection *all = connect_all(o, epoll, EPOLLOUT);
    window_begin(&window, o);
    do {
        int ready = next_events(o, epoll, events, CAPACITY, 100);
        for (int i = 0; i < ready; i++)
            push(events[i].data.ptr);
    } while (window_goes_on(&window, o, now_ns()));
    for (int i = 0; i < o->connections; i++)
        settle(o, &all[i]);
    window_print(&window);
}

static void pull(struct connection *c)
{
    ssize_t size = recv(c->fd, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EAGAIN)
        return;
    if (size < 0)
        fail_errno("recv");
    if (size == 0)
        fail("connection %u: closed by the server", c->id);
    if (memcmp(buffer, ramp + c->received % 256, size) != 0)
        fail("connection %u: wrong bytes after %llu", c->id, (unsigned long long)c->received);
    c->received += size;
    count_bytes(size);
}

void run_source(const struct options *o)
{
    struct epoll_event events[CAPACITY];
    int epoll = new_epoll();
    for (size_t i = 0; i < sizeof ramp; i++)
        ramp[i] = i;
    connect_all(o, epoll, EPOLLIN);
    window_begin(&window, o);
    do {
        int ready = next_events(o, epoll, events, CAPACITY, 100);
        for (int i = 0; i < ready; i++)
            pull(events[i].data.ptr);
    } while (window_goes_on(&window, o, now_ns()));
    window_print(&window);
}
