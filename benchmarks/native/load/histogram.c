/* Latencies in buckets: exact up to 63 ns, then 32 buckets for each power of two (3 % wide). */
#include "load.h"

#include <stdio.h>

static int bucket_of(uint64_t ns)
{
    if (ns < 2u << SUB_BITS)
        return ns;
    int shift = 63 - __builtin_clzll(ns) - SUB_BITS;
    return (shift << SUB_BITS) + (ns >> shift);
}

void histogram_add(struct histogram *h, int64_t ns)
{
    h->count[bucket_of(ns < 0 ? 0 : ns)]++;
}

void histogram_print(const struct histogram *h)
{
    const char *separator = "";
    putchar('[');
    for (int i = 0; i < BUCKETS; i++) {
        if (h->count[i] == 0)
            continue;
        printf("%s[%d,%llu]", separator, i, (unsigned long long)h->count[i]);
        separator = ",";
    }
    putchar(']');
}
