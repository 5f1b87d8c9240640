/* The bytes that go over a connection.
 *
 * Each connection sends the same pseudo-random sequence over and over, starting at a place of its
 * own. Its length is prime, so that no message size divides it: a byte that is lost, doubled, swapped
 * or delivered to somebody else's connection is found out by a comparison with what should be there.
 */
#include "load.h"

#include <string.h>

enum { PERIOD = 65521 };

static uint8_t bytes[PERIOD + MAX_SLICE];

void stream_init(void)
{
    uint32_t state = 1;
    for (int i = 0; i < PERIOD; i++) {
        state = state * 1664525 + 1013904223;
        bytes[i] = state >> 24;
    }
    for (int i = PERIOD; i < PERIOD + MAX_SLICE; i++)
        bytes[i] = bytes[i - PERIOD];
}

const uint8_t *stream_at(uint32_t id, uint64_t offset)
{
    return bytes + (offset + (uint64_t)id * 7919) % PERIOD;
}

void stream_verify(uint32_t id, uint64_t offset, const uint8_t *data, size_t size)
{
    const uint8_t *expected = stream_at(id, offset);
    if (memcmp(data, expected, size) == 0)
        return;
    size_t i = 0;
    while (data[i] == expected[i])
        i++;
    fail("connection %u: byte %llu came back as %d, not %d", id, (unsigned long long)(offset + i),
         data[i], expected[i]);
}
