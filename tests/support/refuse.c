/*
 * Becomes a program that is refused system calls: as by SELinux (EACCES), or by the filter of a container (EPERM, or ENOSYS as
 * from an old kernel).
 *
 *   refuse setpgid|execveat|landlock|sandbox PROGRAM ARGUMENT...
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped)
#define FAIL(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

static int filter(struct sock_filter *rules, unsigned short count)
{
    struct sock_fprog program = { count, rules };
    /* Root need not give up its rights for that. */
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int refuse(unsigned call, unsigned error)
{
    struct sock_filter rules[] = { LOAD(nr), UNLESS(call, 1), FAIL(error), ALLOW };
    return filter(rules, sizeof rules / sizeof *rules);
}

/* Installed last: nothing can be filtered behind it. */
static int refuse_filters(unsigned error)
{
    struct sock_filter rules[] = {
        LOAD(nr),       UNLESS(SYS_seccomp, 1),     FAIL(error), UNLESS(SYS_prctl, 3),
        LOAD(args[0]),  UNLESS(PR_SET_SECCOMP, 1),  FAIL(error), ALLOW,
    };
    return filter(rules, sizeof rules / sizeof *rules);
}

int main(int argc, char **argv)
{
    int failed;
    if (argc < 3)
        return 96;
    if (strcmp(argv[1], "landlock") == 0)
        failed = refuse(SYS_landlock_create_ruleset, EPERM);
    else if (strcmp(argv[1], "sandbox") == 0)
        failed = refuse(SYS_landlock_create_ruleset, ENOSYS) || refuse_filters(ENOSYS);
    else
        failed = refuse(strcmp(argv[1], "setpgid") == 0 ? SYS_setpgid : SYS_execveat, EACCES);
    if (failed) {
        perror("prctl");
        return 97;
    }
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 98;
}
