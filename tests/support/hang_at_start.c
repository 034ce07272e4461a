/*
 * To be preloaded into a daemon: the first worker hangs before its main function. The file that HANG_AT_START names
 * says that none has done so yet; whoever hangs takes it away.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void hang_at_start(int argc, char **argv)
{
    const char *file = getenv("HANG_AT_START");
    if (file && argc > 0 && strcmp(argv[0], "saslauthd: worker") == 0 && unlink(file) == 0)
        for (;;)
            pause();
}
