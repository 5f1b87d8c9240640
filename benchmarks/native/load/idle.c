/* Idle: holds connections until told to go, and then has each of them answer once more. */
#include "load.h"

#include <stdio.h>

void run_idle(const struct options *o)
{
    struct connection *all = open_connections(o, o->connections);
    printf("open\n");
    fflush(stdout);
    getchar(); /* a byte or the end of standard input */
    try_connections(all, o->connections);
    printf("{\"operations\":%d}\n", o->connections);
}
