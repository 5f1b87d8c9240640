/* Datagrams that are only received, sent as fast as they go. An operation is one that the server has
 * received; those that its socket had no room for are lost.
 *
 * The server counts the datagrams of full size. A datagram of one byte is a question: the answer is
 * the count, 8 bytes, big-endian, and the byte. */
#define _GNU_SOURCE
#include "load.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64 };
static const int64_t ASK_AGAIN = 50000000; /* ns */

/* Asks until there is an answer: the question may be lost too. What was sent before has been received
 * or lost when the answer comes. */
static uint64_t ask(const struct options *o, int fd, char question)
{
    struct epoll_event event;
    char answer[sizeof(uint64_t) + 1] = {0};
    int64_t asked = 0;
    int epoll = new_epoll();
    watch(epoll, fd, EPOLLIN, NULL);
    while (answer[sizeof(uint64_t)] != question) { /* that to an earlier one may come late */
        if (now_ns() - asked > ASK_AGAIN) {
            asked = now_ns();
            if (send(fd, &question, 1, 0) < 0 && errno != EAGAIN)
                fail_errno("send");
        }
        next_events(o, epoll, &event, 1, 10);
        ssize_t size = recv(fd, answer, sizeof answer, MSG_TRUNC);
        if (size < 0 && errno != EAGAIN)
            fail_errno("recv");
        if (size >= 0 && size != sizeof answer)
            fail("the server has not said how many datagrams it received");
    }
    close(epoll);
    uint64_t count;
    memcpy(&count, answer, sizeof count);
    return be64toh(count);
}

/* Sends until then; returns the number of datagrams. */
static uint64_t flood(const struct options *o, int fd, int64_t until)
{
    struct mmsghdr messages[BATCH];
    struct iovec vector = {.iov_base = (void *)stream_at(0, 0), .iov_len = o->size};
    uint64_t sent = 0;
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < BATCH; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vector, .msg_iovlen = 1};
    while (now_ns() < until && (o->requests == 0 || sent < (uint64_t)o->requests)) {
        int count = sendmmsg(fd, messages, BATCH, 0);
        if (count < 0 && errno != EAGAIN && errno != ENOBUFS)
            fail_errno("sendmmsg");
        sent += count < 0 ? 0 : count;
    }
    return sent;
}

void run_flood(const struct options *o)
{
    static struct window window;
    int fd = connect_datagrams(o);
    flood(o, fd, now_ns() + (int64_t)(o->warmup * 1e9));
    uint64_t before = ask(o, fd, 'a');
    window_begin(&window, o);
    window.opens = now_ns();
    window_goes_on(&window, o, window.opens);
    uint64_t sent = flood(o, fd, now_ns() + (int64_t)(o->seconds * 1e9));
    window.operations = ask(o, fd, 'b') - before;
    window.bytes = window.operations * o->size;
    if (window.operations > sent)
        fail("%llu datagrams sent, %llu received", (unsigned long long)sent,
             (unsigned long long)window.operations);
    window.lost = sent - window.operations;
    window.open = true;
    struct options over = *o;
    over.requests = 0;
    over.seconds = 0;
    window_goes_on(&window, &over, now_ns());
    window_print(&window);
}
