/* The filter that stops a program at the calls that the observer wants to see (seccomp(2)). */
#include "calls.h"

#include <linux/filter.h>
#include <linux/seccomp.h>

#define NONE (-1)

const struct watched watched_calls[] = {
#ifdef SYS_open
	{SYS_open, NONE, 0},
	{SYS_creat, NONE, 0},
	{SYS_stat, NONE, 0},
	{SYS_lstat, NONE, 0},
	{SYS_access, NONE, 0},
	{SYS_readlink, NONE, 0},
	{SYS_rename, NONE, 1},
	{SYS_link, NONE, 1},
	{SYS_symlink, NONE, 1},
	{SYS_mkdir, NONE, 0},
	{SYS_getdents, 0, NONE},
	{SYS_time, NONE, NONE},
#endif
#ifdef SYS_renameat
	{SYS_renameat, 2, 3},
#endif
	{SYS_openat, 0, 1},
#ifdef SYS_openat2
	{SYS_openat2, 0, 1},
#endif
	{SYS_newfstatat, 0, 1},
#ifdef SYS_statx
	{SYS_statx, 0, 1},
#endif
	{SYS_faccessat, 0, 1},
#ifdef SYS_faccessat2
	{SYS_faccessat2, 0, 1},
#endif
	{SYS_readlinkat, 0, 1},
	{SYS_renameat2, 2, 3},
	{SYS_linkat, 2, 3},
	{SYS_symlinkat, 1, 2},
	{SYS_mkdirat, 0, 1},
	{SYS_truncate, NONE, 0},
	{SYS_getdents64, 0, NONE},
	{SYS_chdir, NONE, 0},
	{SYS_execve, NONE, 0},
	{SYS_execveat, 0, 1},
	{SYS_gettimeofday, NONE, NONE},
	{SYS_clock_gettime, NONE, NONE},
	/* after these, paths may mean other files, or files are opened without a call */
	{SYS_connect, NONE, NONE},
	{SYS_chroot, NONE, NONE},
	{SYS_pivot_root, NONE, NONE},
	{SYS_mount, NONE, NONE},
	{SYS_unshare, NONE, NONE},
	{SYS_setns, NONE, NONE},
	{SYS_ptrace, NONE, NONE},
	{SYS_open_by_handle_at, NONE, NONE},
#ifdef SYS_io_uring_setup
	{SYS_io_uring_setup, NONE, NONE},
#endif
};
const unsigned watched_count = sizeof watched_calls / sizeof *watched_calls;

#define LOAD(field) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field)))
#define IF(value, yes, no) ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), yes, no))
#define END(action) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action))

/* make_filter writes the program and returns its length. */
static unsigned short make_filter(struct sock_filter *f) {
	unsigned n = 0;
	f[n++] = LOAD(arch);
	f[n++] = IF(AUDIT_ARCH, 1, 0);
	f[n++] = END(SECCOMP_RET_TRACE);
	f[n++] = LOAD(nr);
#if defined(__x86_64__) /* calls of the x32 ABI */
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1);
	f[n++] = END(SECCOMP_RET_TRACE);
#endif
	/* of the clocks only those that tell the time of day: CLOCK_REALTIME, its coarse form, TAI */
	f[n++] = IF(SYS_clock_gettime, 0, 6);
	f[n++] = LOAD(args[0]);
	f[n++] = IF(0, 2, 0);
	f[n++] = IF(5, 1, 0);
	f[n++] = IF(11, 0, 1);
	f[n++] = END(SECCOMP_RET_TRACE);
	f[n++] = END(SECCOMP_RET_ALLOW);
	for (unsigned i = 0; i < watched_count; i++) {
		f[n++] = IF(watched_calls[i].number, 0, 1);
		f[n++] = END(SECCOMP_RET_TRACE);
	}
	f[n++] = END(SECCOMP_RET_ALLOW);
	return (unsigned short)n;
}

static long install(const struct sock_fprog *program) {
	/* without a slower processor: the filter is no sandbox */
	long result = syscall(SYS_seccomp, (long)SECCOMP_SET_MODE_FILTER, 4L /* SPEC_ALLOW */, program);
	if (result && errno == EINVAL)
		result = syscall(SYS_seccomp, (long)SECCOMP_SET_MODE_FILTER, 0L, program);
	return result;
}

int install_filter(void) {
	static struct sock_filter filter[32 + 2 * sizeof watched_calls / sizeof *watched_calls];
	struct sock_fprog program = {.filter = filter};
	program.len = make_filter(filter);
	if (install(&program) == 0)
		return 0;
	/* Who has no rights may filter only what gets no rights by starting a program. */
	if (errno == EACCES && syscall(SYS_prctl, 38L /* PR_SET_NO_NEW_PRIVS */, 1L, 0L, 0L, 0L) == 0 && install(&program) == 0)
		return 0;
	return errno;
}
