/* Datagrams that are sent back: so many sockets, with so many datagrams under way on each.
 *
 * A datagram begins with its number, the rest are bytes that belong to the number and the socket. One
 * that does not come back for a while is lost, and another one takes its place. An operation is a
 * datagram that has come back. */
#define _GNU_SOURCE
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { BATCH = 64, LARGEST = 1472, CAPACITY = 64 };
static const int64_t LOST_AFTER = 100000000; /* ns */

/* A datagram under way; sent_at: 0 if there is none. */
struct slot {
    uint64_t number;
    int64_t sent_at;
};

struct sender {
    int fd;
    uint32_t id;
    uint64_t next;   /* the number of the next datagram */
    uint64_t missed; /* were lost, and may come all the same */
    struct slot *slots;
};

static struct window window;
static uint8_t room[BATCH][LARGEST + 1];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static void prepare(int i, size_t size)
{
    vectors[i] = (struct iovec){.iov_base = room[i], .iov_len = size};
    messages[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &vectors[i], .msg_iovlen = 1}};
}

static void write_datagram(const struct options *o, const struct sender *s, uint8_t *data)
{
    memcpy(data, &s->next, sizeof s->next);
    memcpy(data + sizeof s->next, stream_at(s->id, s->next * 64), o->size - sizeof s->next);
}

/* Sends `count` of those that are prepared, as many as the kernel takes; returns how many. */
static int send_prepared(const struct sender *s, int count)
{
    int sent = sendmmsg(s->fd, messages, count, 0);
    if (sent < 0 && errno != EAGAIN && errno != ENOBUFS)
        fail_errno("sendmmsg");
    return sent < 0 ? 0 : sent;
}

/* Sends one datagram for each slot that is free. */
static void fill(const struct options *o, struct sender *s, int64_t now)
{
    struct slot *chosen[BATCH];
    uint64_t first = s->next;
    int count = 0;
    for (int i = 0; i < o->depth && count < BATCH; i++) {
        if (s->slots[i].sent_at != 0)
            continue;
        prepare(count, o->size);
        write_datagram(o, s, room[count]);
        s->next++;
        chosen[count++] = &s->slots[i];
    }
    int sent = count == 0 ? 0 : send_prepared(s, count);
    for (int i = 0; i < sent; i++)
        *chosen[i] = (struct slot){.number = first + i, .sent_at = now};
    s->next = first + sent;
}

static void verify(const struct options *o, struct sender *s, const uint8_t *data, size_t size,
                   int64_t now)
{
    uint64_t number;
    if (size != (size_t)o->size)
        fail("socket %u: a datagram of %zu bytes came back", s->id, size);
    memcpy(&number, data, sizeof number);
    if (number >= s->next)
        fail("socket %u: a datagram came back that was never sent", s->id);
    if (memcmp(data + sizeof number, stream_at(s->id, number * 64), size - sizeof number) != 0)
        fail("socket %u: a datagram came back changed", s->id);
    for (int i = 0; i < o->depth; i++) {
        struct slot *slot = &s->slots[i];
        if (slot->sent_at == 0 || slot->number != number)
            continue;
        if (window.open) {
            window.operations++;
            window.bytes += size;
            histogram_add(&window.latency, now - slot->sent_at);
        }
        slot->sent_at = 0;
        return;
    }
    if (s->missed-- == 0) /* it is none of those that had been given up */
        fail("socket %u: a datagram came back twice", s->id);
}

static void receive(const struct options *o, struct sender *s)
{
    for (int i = 0; i < BATCH; i++)
        prepare(i, sizeof room[i]);
    int count = recvmmsg(s->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    if (count < 0 && errno != EAGAIN)
        fail_errno("recvmmsg");
    int64_t now = now_ns();
    for (int i = 0; i < count; i++)
        verify(o, s, room[i], messages[i].msg_len, now);
    fill(o, s, now);
}

static void give_up(const struct options *o, struct sender *s, int64_t now)
{
    for (int i = 0; i < o->depth; i++) {
        if (s->slots[i].sent_at == 0 || now - s->slots[i].sent_at < LOST_AFTER)
            continue;
        s->slots[i].sent_at = 0;
        s->missed++;
        window.lost += window.open;
    }
    fill(o, s, now);
}

static struct sender *open_senders(const struct options *o, int epoll)
{
    struct sender *all = calloc(o->connections, sizeof *all);
    if (all == NULL)
        fail_errno("calloc");
    for (int i = 0; i < o->connections; i++) {
        all[i].id = i;
        all[i].fd = connect_datagrams(o);
        all[i].slots = calloc(o->depth, sizeof *all[i].slots);
        if (all[i].slots == NULL)
            fail_errno("calloc");
        watch(epoll, all[i].fd, EPOLLIN, &all[i]);
        fill(o, &all[i], now_ns());
    }
    return all;
}

void run_datagrams(const struct options *o)
{
    struct epoll_event events[CAPACITY];
    int64_t looked = now_ns(), now = looked;
    if (o->size < (int)sizeof(uint64_t) || o->size > LARGEST)
        fail("a datagram has from 8 to %d bytes here", LARGEST);
    int epoll = new_epoll();
    struct sender *all = open_senders(o, epoll);
    window_begin(&window, o);
    do {
        int ready = next_events(o, epoll, events, CAPACITY, 20);
        for (int i = 0; i < ready; i++)
            receive(o, events[i].data.ptr);
        now = now_ns();
        if (now - looked > LOST_AFTER / 4) {
            looked = now;
            for (int i = 0; i < o->connections; i++)
                give_up(o, &all[i], now);
        }
    } while (window_goes_on(&window, o, now));
    window_print(&window);
}
