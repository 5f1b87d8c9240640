/* Drive a server on 127.0.0.1 and print what was measured as one line of JSON.
 *
 * Status 0 if every byte was as it should be; else 1, and a line on standard error. */
#include "load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    void (*run)(const struct options *);
} modes[] = {
    {"echo", run_echo}, {"sink", run_sink}, {"source", run_source},       {"cycle", run_cycle},
    {"idle", run_idle}, {"file", run_file}, {"datagrams", run_datagrams}, {"flood", run_flood},
};

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    stream_init();
    alarm(300); /* it never outlives a harness that was killed by much */
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(options.mode, modes[i].name) == 0) {
            modes[i].run(&options);
            return 0;
        }
    }
    fail("%s is no mode", options.mode);
}
