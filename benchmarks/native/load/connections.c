/* The connections of an echo: what was sent must come back, byte by byte. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* So many are connected, and tried, at once: fewer than any server's backlog. */
enum { WAVE = 100 };

static void ask(struct connection *c)
{
    if (send(c->fd, stream_at(c->id, c->sent), FIRST, MSG_NOSIGNAL) != FIRST)
        fail_errno("send of the first message");
    c->sent += FIRST;
    c->to_send = c->sent;
}

static void take_answer(struct connection *c)
{
    uint8_t answer[FIRST];
    ssize_t size = recv(c->fd, answer, FIRST, MSG_WAITALL);
    if (size < 0)
        fail_errno("recv of the first message");
    if (size != FIRST)
        fail("connection %u: only %zd of the first %d bytes came back", c->id, size, FIRST);
    stream_verify(c->id, c->received, answer, FIRST);
    c->received += FIRST;
}

void try_connections(struct connection *all, int count)
{
    /* A wave at a time: one by one, nearly all of the time would be that of waking up. */
    for (int first = 0; first < count; first += WAVE) {
        int end = first + WAVE < count ? first + WAVE : count;
        for (int i = first; i < end; i++)
            ask(&all[i]);
        for (int i = first; i < end; i++)
            take_answer(&all[i]);
    }
}

struct connection *open_connections(const struct options *o, int count)
{
    struct connection *all = calloc(count, sizeof *all);
    int64_t *rings = calloc((size_t)count * o->depth, sizeof *rings);
    if (all == NULL || rings == NULL)
        fail_errno("calloc");
    for (int first = 0; first < count; first += WAVE) {
        int end = first + WAVE < count ? first + WAVE : count;
        for (int i = first; i < end; i++) {
            all[i] = (struct connection){.id = i, .sent_at = rings + (size_t)i * o->depth};
            all[i].fd = connect_blocking(o);
        }
        try_connections(all + first, end - first);
    }
    return all;
}

void send_queued(struct connection *c)
{
    while (c->sent < c->to_send) {
        uint64_t size = c->to_send - c->sent;
        if (size > MAX_SLICE)
            size = MAX_SLICE;
        ssize_t sent = send(c->fd, stream_at(c->id, c->sent), size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return; /* edge-triggered: the event that says there is room comes by itself */
        if (sent < 0)
            fail_errno("send");
        c->sent += sent;
    }
}

size_t receive_ready(struct connection *c)
{
    static uint8_t buffer[MAX_SLICE];
    size_t total = 0;
    for (;;) {
        ssize_t size = recv(c->fd, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EAGAIN)
            return total;
        if (size < 0)
            fail_errno("recv");
        if (size == 0)
            fail("connection %u: closed by the server", c->id);
        if (c->received + size > c->sent)
            fail("connection %u: more came back than was sent", c->id);
        stream_verify(c->id, c->received, buffer, size);
        c->received += size;
        total += size;
        if ((size_t)size < sizeof buffer)
            return total; /* drained: the next byte makes a new edge */
    }
}
