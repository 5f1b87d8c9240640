/* The command line: MODE --name value ... */
#include "load.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int number(const char *text, int least)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (*end != 0 || end == text || value < least || value > INT_MAX)
        fail("%s is no number from %d on", text, least);
    return value;
}

static double duration(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (*end != 0 || end == text || !(value >= 0 && value <= 3600))
        fail("%s is no number of seconds", text);
    return value;
}

static void set(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--port") == 0)
        o->port = number(value, 1);
    else if (strcmp(name, "--connections") == 0)
        o->connections = number(value, 1);
    else if (strcmp(name, "--slow") == 0)
        o->slow = number(value, 0);
    else if (strcmp(name, "--interval-us") == 0)
        o->interval_us = number(value, 1);
    else if (strcmp(name, "--size") == 0)
        o->size = number(value, 1);
    else if (strcmp(name, "--depth") == 0)
        o->depth = number(value, 1);
    else if (strcmp(name, "--requests") == 0)
        o->requests = number(value, 1);
    else if (strcmp(name, "--pid") == 0)
        o->pid = number(value, 1);
    else if (strcmp(name, "--spin") == 0)
        o->spin = number(value, 0);
    else if (strcmp(name, "--warmup") == 0)
        o->warmup = duration(value);
    else if (strcmp(name, "--seconds") == 0)
        o->seconds = duration(value);
    else
        fail("%s is no option", name);
}

struct options parse_options(int argc, char **argv)
{
    struct options o = {.connections = 1, .size = 64, .depth = 1, .interval_us = 1000, .seconds = 1};
    if (argc < 2)
        fail("usage: load MODE --port N [--connections N] [--size N] ...");
    o.mode = argv[1];
    for (int i = 2; i < argc; i += 2) {
        if (i + 1 == argc)
            fail("%s has no value", argv[i]);
        set(&o, argv[i], argv[i + 1]);
    }
    if (o.port == 0)
        fail("--port is missing");
    return o;
}
