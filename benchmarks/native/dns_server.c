/* dns_server PORT SPIN: a name server on 127.0.0.1 that knows h0.bench.test, h1.bench.test ...
 *
 * The address of hN is 10.x.y.z, where x, y and z are the bytes of N, and fd00::N; nobody may keep
 * them. There are no other names. SPIN: 1 never to sleep: whoever asks a process that sleeps on another
 * core pays for waking it. PORT: 0 for any. Prints where it listens. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { ROOM = 512, HEADER = 12, BATCH = 64, BUFFER = 64 << 20, A = 1, AAAA = 28, NO_SUCH_NAME = 3 };

static const char domain[] = "\5bench\4test";

struct message {
    uint8_t data[ROOM];
    struct sockaddr_in from;
    struct iovec vector;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* Returns the length of a name in the form of DNS, its end included; 0 if it does not end. */
static size_t name_length(const uint8_t *name, size_t room)
{
    size_t length = 0;
    while (length < room && name[length] != 0)
        length += name[length] + 1;
    return length < room ? length + 1 : 0;
}

/* Returns N of hN.bench.test, or -1 for any other name. */
static long number_of(const uint8_t *name, size_t length)
{
    char digits[16] = {0}, *end;
    size_t label = name[0];
    if (label < 2 || label > sizeof digits || length != 1 + label + sizeof domain)
        return -1;
    if (strncasecmp((const char *)name + 1 + label, domain, sizeof domain) != 0)
        return -1;
    memcpy(digits, name + 2, label - 1);
    long number = strtol(digits, &end, 10);
    return (name[1] | 32) == 'h' && *end == 0 && number >= 0 && number < 1 << 24 ? number : -1;
}

/* Writes an answer behind the question, whose name it refers to; returns its length. */
static size_t write_record(uint8_t *to, int type, uint32_t number)
{
    static const uint8_t start[] = {0xc0, HEADER, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    uint32_t last = htonl(number | (type == A ? 10u << 24 : 0));
    size_t size = type == A ? 4 : 16;
    memcpy(to, start, sizeof start);
    to[3] = type;
    to[11] = size;
    memset(to + sizeof start, 0, size);
    to[sizeof start] = 0xfd;
    memcpy(to + sizeof start + size - 4, &last, 4);
    return sizeof start + size;
}

/* Turns a question into its answer; returns the answer's length, 0 for what is no question. */
static size_t answer(uint8_t *data, size_t size)
{
    size_t name = size > HEADER ? name_length(data + HEADER, size - HEADER) : 0;
    size_t end = HEADER + name + 4;
    if (name == 0 || end > size || end > ROOM - 32 || data[2] & 0x80)
        return 0;
    long number = number_of(data + HEADER, name);
    int type = data[end - 4] << 8 | data[end - 3];
    int known = number >= 0 && (type == A || type == AAAA);
    data[2] = 0x84 | (data[2] & 1);                     /* an answer, from who has to know */
    data[3] = 0x80 | (number < 0 ? NO_SUCH_NAME : 0);   /* recursion could be had */
    memset(data + 4, 0, HEADER - 4);
    data[5] = 1;
    data[7] = known;
    return known ? end + write_record(data + end, type, number) : end;
}

static int listen_on(int port)
{
    int size = BUFFER, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* All questions come at once, and those that find no room would be asked again a second later. */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        die("bind");
    socklen_t length = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static struct message all[BATCH];
static struct mmsghdr headers[BATCH], answers[BATCH];

static int receive(int fd, int flags)
{
    for (int i = 0; i < BATCH; i++) {
        all[i].vector = (struct iovec){.iov_base = all[i].data, .iov_len = ROOM};
        headers[i].msg_hdr = (struct msghdr){.msg_name = &all[i].from,
                                             .msg_namelen = sizeof all[i].from,
                                             .msg_iov = &all[i].vector,
                                             .msg_iovlen = 1};
    }
    int count = recvmmsg(fd, headers, BATCH, flags, NULL);
    if (count < 0 && errno != EAGAIN && errno != EINTR)
        die("recvmmsg");
    return count;
}

static void reply(int fd, int count)
{
    int ready = 0;
    for (int i = 0; i < count; i++) {
        all[i].vector.iov_len = answer(all[i].data, headers[i].msg_len);
        if (all[i].vector.iov_len > 0)
            answers[ready++].msg_hdr = headers[i].msg_hdr;
    }
    for (int sent = 0; sent < ready;) {
        int now = sendmmsg(fd, answers + sent, ready - sent, 0);
        sent += now > 0 ? now : 1; /* one that cannot be sent is lost */
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int fd = listen_on(atoi(argv[1])), flags = atoi(argv[2]) ? MSG_DONTWAIT : MSG_WAITFORONE;
    for (;;)
        reply(fd, receive(fd, flags));
}
