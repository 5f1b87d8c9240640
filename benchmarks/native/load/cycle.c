/* Connect, echo, close: the whole life of a connection, over and over, on several at once.
 *
 * state        event    goes on with
 * CONNECTING   OUT      send the message                    ECHOING
 * ECHOING      IN       all is back: close the sending side  CLOSING
 * CLOSING      IN       the end of the stream: close, count  CONNECTING, with a new socket
 */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum state { CONNECTING, ECHOING, CLOSING };

struct slot {
    enum state state;
    struct connection connection;
    int64_t since;
};

static struct window window;
static uint32_t next_id;

static void connect_slot(struct slot *slot, const struct options *o, int epoll)
{
    slot->state = CONNECTING;
    slot->since = now_ns();
    slot->connection = (struct connection){.id = next_id++, .fd = connect_start(o)};
    watch(epoll, slot->connection.fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, slot);
}

static void begin_echo(struct slot *slot, const struct options *o)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(slot->connection.fd, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    if (error != 0)
        fail_errno("connect");
    slot->connection.to_send = o->size;
    slot->state = ECHOING;
}

static void echo(struct slot *slot, const struct options *o)
{
    struct connection *c = &slot->connection;
    send_queued(c);
    receive_ready(c);
    if (c->received < (uint64_t)o->size)
        return;
    shutdown(c->fd, SHUT_WR);
    slot->state = CLOSING;
}

/* Returns whether the server has closed its side, too. */
static bool has_ended(struct slot *slot)
{
    char more;
    ssize_t size = recv(slot->connection.fd, &more, 1, 0);
    if (size < 0 && errno == EAGAIN)
        return false;
    if (size < 0)
        fail_errno("recv of the end");
    if (size > 0)
        fail("connection %u: more came back than was sent", slot->connection.id);
    close(slot->connection.fd);
    return true;
}

static void serve(struct slot *slot, const struct options *o, int epoll, uint32_t events)
{
    if (slot->state == CONNECTING && (events & (EPOLLOUT | EPOLLERR)))
        begin_echo(slot, o);
    if (slot->state == ECHOING)
        echo(slot, o);
    if (slot->state != CLOSING || !has_ended(slot))
        return;
    if (window.open) {
        histogram_add(&window.latency, now_ns() - slot->since);
        window.operations++;
        window.bytes += o->size;
    }
    connect_slot(slot, o, epoll);
}

void run_cycle(const struct options *o)
{
    enum { CAPACITY = 256 };
    struct epoll_event events[CAPACITY];
    int epoll = new_epoll();
    struct slot *slots = calloc(o->connections, sizeof *slots);
    if (slots == NULL)
        fail_errno("calloc");
    window_begin(&window, o);
    for (int i = 0; i < o->connections; i++)
        connect_slot(&slots[i], o, epoll);
    while (window_goes_on(&window, o, now_ns())) {
        int ready = next_events(o, epoll, events, CAPACITY, 100);
        for (int i = 0; i < ready; i++)
            serve(events[i].data.ptr, o, epoll, events[i].events);
    }
    window_print(&window);
}
