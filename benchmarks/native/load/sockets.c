/* Sockets: connecting, and waiting for them. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static struct sockaddr_in address(uint32_t host, int port)
{
    struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons(port)};
    result.sin_addr.s_addr = htonl(host);
    return result;
}

static void set_option(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof value) != 0)
        fail_errno("setsockopt");
}

/* A connection that was closed occupies its pair of addresses for a minute, and from one address
 * there are 28,000 ports: so the source goes round 127.1.0.1 to 127.1.0.250. */
static int new_socket(int flags)
{
    static unsigned turn;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        fail_errno("socket");
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    struct sockaddr_in source = address((127u << 24) + (1 << 16) + 1 + turn++ % 250, 0);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) != 0)
        fail_errno("bind");
    return fd;
}

static int start(int fd, const struct options *o)
{
    struct sockaddr_in server = address(INADDR_LOOPBACK, o->port);
    return connect(fd, (struct sockaddr *)&server, sizeof server);
}

int connect_blocking(const struct options *o)
{
    struct timeval patience = {.tv_sec = 10};
    int fd = new_socket(0);
    if (start(fd, o) != 0)
        fail_errno("connect");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

int connect_start(const struct options *o)
{
    int fd = new_socket(SOCK_NONBLOCK);
    if (start(fd, o) != 0 && errno != EINPROGRESS)
        fail_errno("connect");
    return fd;
}

int connect_datagrams(const struct options *o)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        fail_errno("socket");
    if (start(fd, o) != 0)
        fail_errno("connect");
    return fd;
}

void make_nonblocking(int fd)
{
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        fail_errno("fcntl");
}

int new_epoll(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        fail_errno("epoll_create1");
    return epoll;
}

void watch(int epoll, int fd, uint32_t events, void *owner)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        fail_errno("epoll_ctl");
}

int next_events(const struct options *o, int epoll, struct epoll_event *events, int capacity,
                int timeout_ms)
{
    static int64_t last;
    int count = epoll_wait(epoll, events, capacity, o->spin ? 0 : timeout_ms);
    if (count < 0 && errno != EINTR)
        fail_errno("epoll_wait");
    if (count > 0 || last == 0) {
        last = now_ns();
        return count < 0 ? 0 : count;
    }
    if (now_ns() - last > 10ll * 1000000000)
        fail("nothing has come from the server for ten seconds");
    return 0;
}
