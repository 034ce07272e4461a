/* A client of the mux socket that a test runs as another user.
 *
 *   mux_client silent SOCKET COUNT                     keeps COUNT connections open that say nothing
 *   mux_client hang-up SOCKET LOGIN PASSWORD COUNT     sends logins on COUNT descriptors and closes, again and again
 *   mux_client log-in SOCKET LOGIN PASSWORD COUNT      logs in COUNT times; prints "MICROSECONDS REPLY" for each
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int connected(const char *path, int flags)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (s >= 0 && connect(s, (struct sockaddr *)&address, sizeof address) != 0) {
        close(s);
        return -1;
    }
    return s;
}

static size_t request(char *buffer, const char *login, const char *password)
{
    const char *fields[] = {login, password, "", ""};
    size_t length = 0;
    for (int i = 0; i < 4; i++) {
        size_t size = strlen(fields[i]);
        buffer[length++] = (char)(size >> 8);
        buffer[length++] = (char)size;
        memcpy(buffer + length, fields[i], size);
        length += size;
    }
    return length;
}

static void stay_silent(const char *path, int count)
{
    struct pollfd *all = calloc((size_t)count, sizeof *all);
    for (int i = 0; i < count; i++)
        all[i].fd = -1;
    for (;;) {
        for (int i = 0; i < count; i++) {
            if (all[i].fd >= 0 && all[i].revents != 0) {
                close(all[i].fd);
                all[i].fd = -1;
            }
            all[i].revents = 0;
            if (all[i].fd < 0)
                all[i].fd = connected(path, SOCK_NONBLOCK);
            all[i].events = POLLIN;
        }
        poll(all, (nfds_t)count, 10);
    }
}

static void hang_up(const char *path, const char *login, const char *password, int count)
{
    char bytes[1024];
    size_t length = request(bytes, login, password);
    int *all = calloc((size_t)count, sizeof *all);
    for (;;) {
        for (int i = 0; i < count; i++) {
            all[i] = connected(path, SOCK_NONBLOCK);
            if (all[i] < 0)
                usleep(1000);
            else
                (void)!send(all[i], bytes, length, MSG_NOSIGNAL);
        }
        for (int i = 0; i < count; i++)
            if (all[i] >= 0)
                close(all[i]);
    }
}

static void log_in(const char *path, const char *login, const char *password, int count)
{
    char bytes[1024], reply[1100];
    size_t length = request(bytes, login, password);
    for (int i = 0; i < count; i++) {
        struct timespec before, after;
        clock_gettime(CLOCK_MONOTONIC, &before);
        int s = connected(path, 0);
        ssize_t got = 0, more = 0;
        if (s >= 0 && send(s, bytes, length, MSG_NOSIGNAL) >= 0)
            while ((more = recv(s, reply + got, sizeof reply - 1 - (size_t)got, 0)) > 0)
                got += more;
        close(s);
        clock_gettime(CLOCK_MONOTONIC, &after);
        reply[got > 0 ? got : 0] = 0;
        long took = (after.tv_sec - before.tv_sec) * 1000000L + (after.tv_nsec - before.tv_nsec) / 1000;
        printf("%ld %s\n", took, got > 2 ? reply + 2 : "nothing");
        fflush(stdout);
    }
}

int main(int count, char **words)
{
    struct rlimit descriptors;
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    if (count == 4 && !strcmp(words[1], "silent"))
        stay_silent(words[2], atoi(words[3]));
    else if (count == 6 && !strcmp(words[1], "hang-up"))
        hang_up(words[2], words[3], words[4], atoi(words[5]));
    else if (count == 6 && !strcmp(words[1], "log-in"))
        log_in(words[2], words[3], words[4], atoi(words[5]));
    else
        return 2;
    return 0;
}
