/*
 * A PAM module for the tests: what it does hangs on the login, what it saw goes to a file.
 *
 *   auth required /path/pam_probe.so calls=FILE gate=FILE password=FILE
 *
 * calls=    one line for every authentication: "pid login service rhost"
 * map=      what PAM_USER becomes, see map_login
 * gate=     the login "gate" waits until this file is gone
 * password= the file that holds the right password; without it the right password is "right"
 */
#include <security/pam_appl.h>
#include <security/pam_modules.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

static const char *argument(const char *name, int argc, const char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], name, strlen(name)) == 0)
            return argv[i] + strlen(name);
    return NULL;
}

static const char *item(pam_handle_t *pam, int type)
{
    const void *value = NULL;
    return pam_get_item(pam, type, &value) == PAM_SUCCESS && value ? value : "";
}

/* The answer to one message of the given style; status is what the conversation returned. */
static char *ask(pam_handle_t *pam, int style, const char *text, int *status)
{
    const struct pam_conv *conversation = NULL;
    struct pam_message message = { style, text };
    const struct pam_message *messages = &message;
    struct pam_response *responses = NULL;
    char *answer = NULL;

    *status = pam_get_item(pam, PAM_CONV, (const void **)&conversation);
    if (*status != PAM_SUCCESS)
        return NULL;
    *status = conversation->conv(1, &messages, &responses, conversation->appdata_ptr);
    if (*status == PAM_SUCCESS && responses) {
        answer = responses[0].resp;
        free(responses);
    }
    return answer;
}

static void record(pam_handle_t *pam, const char *login, const char *path)
{
    char line[4096];
    int length = snprintf(line, sizeof line, "%d %s %s %s\n", (int)getpid(), login, item(pam, PAM_SERVICE),
                          item(pam, PAM_RHOST));
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file < 0 || write(file, line, length) != length)
        abort();
    close(file);
}

static void hang(void)
{
    sigset_t everything;
    sigfillset(&everything);
    sigprocmask(SIG_SETMASK, &everything, NULL);
    for (;;)
        pause();
}

/* Leaves a child behind that does nothing but keep open what it has inherited, and dies. */
static void die_with_sleeper(const char *calls, pam_handle_t *pam)
{
    if (fork() == 0) {
        record(pam, "sleeper", calls);
        sleep(60);
        _exit(0);
    }
    abort();
}

static void write_to_broken_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    close(ends[0]);
    if (write(ends[1], "x", 1) != -1)
        abort();
    close(ends[1]);
}

static void log_much(void)
{
    char text[20001];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    syslog(LOG_WARNING, "much: %s", text);
}

/* Waits for a third of a second in connect(2), since the one it connects to has no room for it. */
static int waits_in_connect(void)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    socklen_t length = sizeof name;
    struct timeval limit = { .tv_usec = 300000 };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0);
    int waiting = socket(AF_UNIX, SOCK_STREAM, 0);

    if (bind(listener, (struct sockaddr *)&name, sizeof(sa_family_t)) != 0 || listen(listener, 0) != 0 ||
        getsockname(listener, (struct sockaddr *)&name, &length) != 0 ||
        connect(first, (struct sockaddr *)&name, length) != 0 ||
        setsockopt(waiting, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0)
        abort();
    int interrupted = connect(waiting, (struct sockaddr *)&name, length) == -1 && errno != EAGAIN;
    close(listener);
    close(first);
    close(waiting);
    return !interrupted;
}

/* Whether nothing interrupts three calls that wait: a module mostly takes that for a server that is down. */
static int waits_undisturbed(void)
{
    struct timespec time = { .tv_nsec = 300000000 };
    return nanosleep(&time, NULL) == 0 && poll(NULL, 0, 300) == 0 && waits_in_connect();
}

/* Leaves a program in a session of its own behind, as a child or with its own parent gone. */
static void leave_behind(int as_orphan, const char *calls, pam_handle_t *pam)
{
    pid_t child = fork();
    if (child == 0) {
        setsid();
        if (as_orphan && fork() != 0)
            _exit(0);
        record(pam, "left", calls);
        sleep(60);
        _exit(0);
    }
    if (as_orphan)
        waitpid(child, NULL, 0);
}

static void *start_program(void *argument)
{
    const void **calls_and_handle = argument;
    leave_behind(0, calls_and_handle[0], (pam_handle_t *)calls_and_handle[1]);
    for (;;)
        pause();
    return NULL;
}

static void hang_with_a_thread(const char *calls, pam_handle_t *pam)
{
    const void *both[] = { calls, pam };
    pthread_t thread;
    if (pthread_create(&thread, NULL, start_program, both) != 0)
        abort();
    hang();
}

/* 1 MiB more that nobody frees. */
static int leak(void)
{
    static void *leaked;
    void **memory = malloc(1 << 20);
    if (!memory)
        return 0;
    memset(memory, 'x', 1 << 20);
    *memory = leaked;
    leaked = memory;
    return 1;
}

/* What a module may forget to put right. */
static void leave_changed(const char *login)
{
    sigset_t none;
    if (strcmp(login, "euid") == 0 && seteuid(54321) != 0)
        abort();
    if (strcmp(login, "egid") == 0 && setegid(54321) != 0)
        abort();
    if (strcmp(login, "chdir") == 0 && chdir("/") != 0)
        abort();
    if (strcmp(login, "descriptors") == 0) {
        struct rlimit few = { 3, 3 };
        if (setrlimit(RLIMIT_NOFILE, &few) != 0)
            abort();
    }
    if (strcmp(login, "signals") == 0) {
        umask(0);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGCHLD, SIG_IGN);
        signal(SIGPIPE, SIG_DFL);
        alarm(1);
    }
}

static int is_right(const char *password, const char *path)
{
    char right[256] = "right";
    if (path) {
        int file = open(path, O_RDONLY);
        ssize_t length = file < 0 ? -1 : read(file, right, sizeof right - 1);
        if (length < 0)
            return 0;
        right[length] = '\0';
        close(file);
    }
    int same = password && strcmp(password, right) == 0;
    explicit_bzero(right, sizeof right);
    return same;
}

/*
 * As pam_winbind does: whoever is known under the name or one of its spellings becomes the account. Lines of the file:
 * the login, a blank, the account.
 */
static int map_login(pam_handle_t *pam, const char *login, const char *path)
{
    char line[1024];
    FILE *map = path ? fopen(path, "r") : NULL;
    int status = path ? PAM_USER_UNKNOWN : PAM_SUCCESS;

    while (map && fgets(line, sizeof line, map)) {
        char *account = strchr(line, ' ');
        if (!account)
            continue;
        *account++ = '\0';
        account[strcspn(account, "\n")] = '\0';
        if (strcmp(line, login) == 0)
            status = pam_set_item(pam, PAM_USER, account);
    }
    if (map)
        fclose(map);
    return status;
}

PAM_EXTERN int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    const char *calls = argument("calls=", argc, argv), *gate = argument("gate=", argc, argv);
    const char *login = NULL;
    int status;

    if (pam_get_user(pam, &login, NULL) != PAM_SUCCESS || !login)
        return PAM_USER_UNKNOWN;
    if (calls)
        record(pam, login, calls);
    if (strcmp(login, "segv") == 0)
        *(volatile int *)NULL = 0;
    if (strcmp(login, "abort") == 0)
        abort();
    if (strcmp(login, "exit") == 0)
        exit(0);
    if (strcmp(login, "hang") == 0)
        hang();
    if (strcmp(login, "euid-hangs") == 0 && seteuid(54321) == 0)
        hang();
    if (strcmp(login, "orphan") == 0 && calls)
        die_with_sleeper(calls, pam);
    if (strcmp(login, "pipe") == 0)
        write_to_broken_pipe();
    if (strcmp(login, "much") == 0)
        log_much();
    if (strcmp(login, "waits") == 0 && !waits_undisturbed())
        return PAM_AUTH_ERR;
    if (strcmp(login, "leaves-child") == 0 || strcmp(login, "leaves-orphan") == 0)
        leave_behind(strcmp(login, "leaves-orphan") == 0, calls, pam);
    if (strcmp(login, "thread-hangs") == 0)
        hang_with_a_thread(calls, pam);
    if (strcmp(login, "orphan-hangs") == 0) {
        leave_behind(1, calls, pam);
        hang();
    }
    if (strcmp(login, "leak") == 0 && !leak())
        return PAM_BUF_ERR;
    if (strcmp(login, "gate") == 0)
        while (gate && access(gate, F_OK) == 0)
            usleep(20000);
    if (strcmp(login, "slow") == 0)
        pam_fail_delay(pam, 1500000);
    if (strcmp(login, "offline") == 0)
        return PAM_AUTHINFO_UNAVAIL;
    if (strcmp(login, "renamed") == 0)
        pam_set_item(pam, PAM_USER, "somebody]else");
    if (map_login(pam, login, argument("map=", argc, argv)) != PAM_SUCCESS)
        return PAM_USER_UNKNOWN;
    if (strcmp(login, "chatty") == 0) {
        ask(pam, PAM_ERROR_MSG, "an error message", &status);
        if (status != PAM_SUCCESS)
            return PAM_CONV_ERR;
        ask(pam, PAM_TEXT_INFO, "a text", &status);
        if (status != PAM_SUCCESS)
            return PAM_CONV_ERR;
    }
    if (strcmp(login, "asked") == 0) {
        pam_set_item(pam, PAM_USER_PROMPT, "Who? ");
        const char *answer = ask(pam, PAM_PROMPT_ECHO_ON, "Who? ", &status);
        if (!answer || strcmp(answer, login) != 0)
            return PAM_CONV_ERR;
    }
    if (strcmp(login, "prompted") == 0) {
        const char *answer = ask(pam, PAM_PROMPT_ECHO_ON, "login:", &status);
        if (!answer || strcmp(answer, login) != 0)
            return PAM_CONV_ERR;
    }
    if (strcmp(login, "riddle") == 0) {
        pam_set_item(pam, PAM_USER_PROMPT, "Who? ");
        if (ask(pam, PAM_PROMPT_ECHO_ON, "Your first pet? ", &status) || status != PAM_SUCCESS)
            return PAM_CONV_ERR;
    }
    if (strcmp(login, "binary") == 0) {
        ask(pam, 7 /* PAM_BINARY_PROMPT */, "", &status);
        if (status != PAM_CONV_ERR)
            abort();
        return PAM_CONV_ERR;
    }
    char *password = ask(pam, PAM_PROMPT_ECHO_OFF, "Password: ", &status);
    int right = is_right(password, argument("password=", argc, argv));
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
    leave_changed(login);
    return right ? PAM_SUCCESS : PAM_AUTH_ERR;
}

PAM_EXTERN int pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    return strcmp(item(pam, PAM_USER), "expired") == 0 ? PAM_ACCT_EXPIRED : PAM_SUCCESS;
}

PAM_EXTERN int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    return PAM_SUCCESS;
}
