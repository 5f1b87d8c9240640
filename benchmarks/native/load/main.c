/* Drive a server on 127.0.0.1 and print what was measured as one line of JSON.
 *
 * Status 0 if every byte was as it should be; else 1, and a line on standard error. */
#include "load.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_SECONDS = 100 };

static const struct {
    const char *name;
    void (*run)(const struct options *);
} modes[] = {
    {"echo", run_echo}, {"sink", run_sink}, {"source", run_source},       {"cycle", run_cycle},
    {"idle", run_idle}, {"file", run_file}, {"datagrams", run_datagrams}, {"flood", run_flood},
};

static void gives_up(int number)
{
    static const char line[] = "the server draws it out: not done after 100 seconds\n";
    (void)number;
    if (write(STDERR_FILENO, line, sizeof line - 1) < 0)
        _exit(2);
    _exit(1);
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    stream_init();
    signal(SIGALRM, gives_up);
    alarm(MOST_SECONDS); /* however a server draws it out, and by whatever the harness was killed */
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(options.mode, modes[i].name) == 0) {
            modes[i].run(&options);
            return 0;
        }
    }
    fail("%s is no mode", options.mode);
}
