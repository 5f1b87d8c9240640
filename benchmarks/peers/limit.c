/* The limit: what an epoll loop in C costs, with nothing around it.
 *
 * limit MODE READ-SIZE, where MODE is echo, sink or source; prints where it listens. Edge-triggered,
 * registered once; a read that returns less than was asked for has drained the socket. A connection
 * has memory of its own only while the peer does not read what is sent to it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 512, CHUNK = 65536, BACKLOG = 1024 };

struct connection {
    int fd;
    uint64_t received;
    uint8_t *pending; /* read but not yet sent */
    size_t size, sent;
};

static int epoll;
static size_t read_size;
static uint8_t *buffer, chunk[CHUNK + 256];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void end(struct connection *c)
{
    close(c->fd);
    free(c->pending);
    free(c);
}

/* Sends as much as the kernel takes; returns the number of bytes, or -1 if the peer is gone. */
static ssize_t send_some(int fd, const uint8_t *data, size_t size)
{
    size_t sent = 0;
    while (sent < size) {
        ssize_t now = send(fd, data + sent, size - sent, MSG_NOSIGNAL);
        if (now < 0)
            return errno == EAGAIN ? (ssize_t)sent : -1;
        sent += now;
    }
    return sent;
}

/* Keeps what the kernel did not take. */
static void keep(struct connection *c, const uint8_t *data, size_t size)
{
    c->pending = malloc(size);
    if (c->pending == NULL)
        die("malloc");
    memcpy(c->pending, data, size);
    c->size = size;
    c->sent = 0;
}

/* Sends what was kept; returns 1 when all is gone, 0 when the peer has to read first, -1 at its end. */
static int send_pending(struct connection *c)
{
    ssize_t sent = send_some(c->fd, c->pending + c->sent, c->size - c->sent);
    if (sent < 0)
        return -1;
    c->sent += sent;
    if (c->sent < c->size)
        return 0;
    free(c->pending);
    c->pending = NULL;
    return 1;
}

static void serve_echo(struct connection *c, uint32_t events)
{
    if (c->pending != NULL) {
        int done = send_pending(c);
        if (done < 0)
            end(c);
        if (done <= 0)
            return;
        events |= EPOLLIN; /* there may be more to read, of which no new event tells */
    }
    while (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        ssize_t size = recv(c->fd, buffer, read_size, 0);
        if (size < 0 && errno == EAGAIN)
            return;
        ssize_t sent = size <= 0 ? -1 : send_some(c->fd, buffer, size);
        if (sent < 0) {
            end(c);
            return;
        }
        if (sent < size) {
            keep(c, buffer + sent, size - sent);
            return;
        }
        if ((size_t)size < read_size && !(events & EPOLLRDHUP))
            return;
    }
}

static void serve_sink(struct connection *c, uint32_t events)
{
    for (;;) {
        ssize_t size = recv(c->fd, buffer, read_size, 0);
        if (size < 0 && errno == EAGAIN)
            return;
        if (size <= 0) {
            uint64_t answer = htobe64(c->received);
            send(c->fd, &answer, sizeof answer, MSG_NOSIGNAL);
            end(c);
            return;
        }
        c->received += size;
        if ((size_t)size < read_size && !(events & EPOLLRDHUP))
            return;
    }
}

static void serve_source(struct connection *c, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR)) {
        end(c);
        return;
    }
    for (;;) {
        ssize_t sent = send(c->fd, chunk + c->sent % 256, CHUNK, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) {
            end(c);
            return;
        }
        c->sent += sent;
    }
}

static int listen_anywhere(void)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* the connections inherit it */
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, BACKLOG) != 0)
        die("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
        if (c == NULL)
            die("calloc");
        c->fd = fd;
        event.data.ptr = c;
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    void (*serve)(struct connection *, uint32_t) = strcmp(argv[1], "echo") == 0   ? serve_echo
                                                   : strcmp(argv[1], "sink") == 0 ? serve_sink
                                                                                  : serve_source;
    read_size = atoi(argv[2]);
    buffer = malloc(read_size);
    for (size_t i = 0; i < sizeof chunk; i++)
        chunk[i] = i;
    epoll = epoll_create1(0);
    int listener = listen_anywhere();
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_all(listener);
            else
                serve(events[i].data.ptr, events[i].events);
        }
    }
}
