/* A file of known length, over and over: each time over a new connection, which the server closes
 * behind it. It holds the bytes 0, 1 ... 255, again and again. An operation is a whole file; the first
 * one is not counted. */
#include "load.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t buffer[MAX_SLICE], ramp[256 + MAX_SLICE];

/* Reads and compares what is there; returns false at the end of the stream. */
static bool receive(const struct options *o, int fd, int64_t *received)
{
    ssize_t size = recv(fd, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EAGAIN)
        return true;
    if (size < 0)
        fail_errno("recv");
    if (memcmp(buffer, ramp + *received % 256, size) != 0)
        fail("wrong bytes after %lld of the file", (long long)*received);
    *received += size;
    if (*received > o->size)
        fail("more than the %d bytes of the file came", o->size);
    return size > 0;
}

static void fetch(const struct options *o)
{
    struct epoll_event event;
    int64_t received = 0;
    int epoll = new_epoll(), fd = connect_blocking(o);
    make_nonblocking(fd);
    watch(epoll, fd, EPOLLIN, NULL);
    bool more = true;
    while (more) {
        if (next_events(o, epoll, &event, 1, 100) > 0)
            more = receive(o, fd, &received);
    }
    if (received != o->size)
        fail("%lld bytes came, the file has %d", (long long)received, o->size);
    close(fd);
    close(epoll);
}

void run_file(const struct options *o)
{
    static struct window window;
    for (size_t i = 0; i < sizeof ramp; i++)
        ramp[i] = i;
    fetch(o);
    window_begin(&window, o);
    window.opens = now_ns();
    window_goes_on(&window, o, now_ns());
    do {
        fetch(o);
        window.bytes += o->size;
        window.operations++;
    } while (window_goes_on(&window, o, now_ns()));
    window_print(&window);
}
