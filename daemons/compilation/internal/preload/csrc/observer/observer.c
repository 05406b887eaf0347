/* The second observer: it starts a program, and sees the files that the program and all that
 * it starts look at, by ptrace(2). Its arguments:
 *
 *	OBJECT TRACE LOADER MODE PATH ARGUMENT...
 *
 * OBJECT is the preloaded object ("" = none), TRACE the setting of the trace
 * (REPLIBUILD_TRACE=...), LOADER the dynamic loader of programs that the object can be loaded
 * into, MODE is "all" to watch these too. PATH is executed with the arguments; the
 * first one is its name. With "try" for PATH nothing runs: the exit status says whether it could.
 *
 * The process that was started becomes the program, so that its parent, its number, its
 * signals and its exit are those of the program. The observer is a child of it that the
 * kernel does not count among its children: it has no signal of its own when it ends, so
 * wait(2) passes over it. It leads a session of its own, for a signal to the program's group
 * is not for it, and leaves when nothing is left to watch. If it is killed, the kernel kills
 * what it watches. */
#include "calls.h"

struct settings settings;

static int set_up_trace(void) {
	const char *path = settings.trace;
	if (strncmp(path, TRACE_VARIABLE, sizeof TRACE_VARIABLE - 1))
		return 0;
	int fd = (int)syscall(SYS_openat, (long)AT_FDCWD, path + sizeof TRACE_VARIABLE - 1, (long)(O_RDWR | O_CLOEXEC), 0L);
	if (fd < 0)
		return 0;
	long size = syscall(SYS_lseek, (long)fd, 0L, (long)SEEK_END);
	long at = size < (long)sizeof *trace ? -1 : syscall(SYS_mmap, 0L, size, 3L, 1L /* shared */, (long)fd, 0L);
	syscall(SYS_close, (long)fd);
	if (at == -1)
		return 0;
	trace = (struct head *)at;
	return trace->magic == MAGIC && trace->size == (uint64_t)size;
}

/* without_ours takes what makes the preloaded object record out of an environment. */
static void without_ours(char **env) {
	char **to = env;
	for (; *env; env++) {
		if (!strncmp(*env, TRACE_VARIABLE, sizeof TRACE_VARIABLE - 1))
			continue;
		if (!strncmp(*env, PRELOAD_VARIABLE, sizeof PRELOAD_VARIABLE - 1)) {
			size_t n = strlen(settings.library);
			char *list = *env + sizeof PRELOAD_VARIABLE - 1;
			if (n && !strncmp(list, settings.library, n) && (!list[n] || list[n] == ':')) {
				if (!list[n] || !list[n + 1])
					continue;
				memmove(list, list + n + 1, strlen(list + n + 1) + 1);
			}
		}
		*to++ = *env;
	}
	*to = NULL;
}

/* A watched program has nothing of ours in its environment. */
int took_environment(int fd, const char *path) {
	(void)fd, (void)path;
	return 0;
}

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* let_go closes what the program has open: a pipe must end when the program closes it. */
static void let_go(int kept) {
	int below = kept > 0 ? (int)syscall(SYS_close_range, 0L, (long)kept - 1, 0L) : 0;
	if (below || syscall(SYS_close_range, (long)kept + 1, (long)~0u, 0L)) /* an old kernel, or a container that refuses it */
		for (int fd = 0; fd < 1 << 16; fd++)
			if (fd != kept)
				syscall(SYS_close, (long)fd);
}

/* cannot_read says, as an errno, why the memory of a process cannot be read, although ptrace may be
 * allowed: some containers refuse that alone. at is in the memory of both. */
static int cannot_read(pid_t pid, const char *at) {
	char there;
	return read_memory(pid, (uint64_t)at, &there, 1) == 1 ? 0 : errno;
}

/* cannot_ask says the same of the calls of a process that is traced, and lets go of it. */
static int cannot_ask(pid_t pid) {
	struct call_info info;
	errno = 0;
	if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) || syscall(SYS_wait4, (long)pid, 0L, 0x40000000L /* __WALL */, 0L) != pid)
		return errno ? errno : EIO;
	int reason = call_info(pid, &info) ? 0 : errno ? errno : EIO;
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return reason;
}

/* observe is the life of the observer. link is a socket to the program's process. */
static _Noreturn void observe(pid_t pid, int link) {
	uint64_t all = ~(uint64_t)0;
	int reason = 0;
	char go;
	syscall(SYS_rt_sigprocmask, (long)SIG_BLOCK, &all, 0L, sizeof all);
	syscall(SYS_setsid);
	syscall(SYS_chdir, "/");
	let_go(link);
	if (syscall(SYS_read, (long)link, &go, 1L) != 1)
		leave(1);
	watch_first(pid);
	if ((reason = cannot_read(pid, &go)) == 0 && ptrace(PTRACE_SEIZE, pid, NULL, (void *)OPTIONS))
		reason = errno;
	else if (!reason && settings.trying)
		reason = cannot_ask(pid);
	syscall(SYS_write, (long)link, &reason, sizeof reason);
	syscall(SYS_close, (long)link);
	if (!reason && !settings.trying)
		watch();
	leave(reason != 0);
}

/* start_observer returns 0, or as an errno why this process cannot be watched. */
static int start_observer(void) {
	int pair[2], reason = 0;
	pid_t pid = (pid_t)syscall(SYS_getpid);
	if (syscall(SYS_socketpair, 1L /* AF_UNIX */, (long)(1 | O_CLOEXEC) /* SOCK_STREAM */, 0L, pair))
		return errno;
	/* without SIGCHLD, see above */
	pid_t observer = (pid_t)syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
	if (observer < 0)
		return errno;
	if (observer == 0)
		observe(pid, pair[1]);
	syscall(SYS_close, (long)pair[1]);
	syscall(SYS_prctl, 0x59616d61L /* PR_SET_PTRACER */, (long)observer, 0L, 0L, 0L);
	if (syscall(SYS_write, (long)pair[0], "", 1L) != 1 || syscall(SYS_read, (long)pair[0], &reason, sizeof reason) != (long)sizeof reason)
		reason = EIO;
	syscall(SYS_close, (long)pair[0]);
	if (reason)
		syscall(SYS_wait4, (long)observer, 0L, 0x40000000L, 0L);
	else
		reason = install_filter();
	return reason;
}

/* is_watched reports whether an observer sees this process already. */
static int is_watched(void) {
	char text[4096];
	int fd = (int)syscall(SYS_openat, (long)AT_FDCWD, "/proc/self/status", (long)O_RDONLY, 0L);
	long n = fd < 0 ? 0 : syscall(SYS_read, (long)fd, text, sizeof text - 1);
	unsigned pid = 0;
	if (fd >= 0)
		syscall(SYS_close, (long)fd);
	for (long i = 0; i + 11 < n; i++) {
		if (strncmp(text + i, "TracerPid:\t", 11))
			continue;
		for (i += 11; i < n && text[i] >= '0' && text[i] <= '9'; i++)
			pid = pid * 10 + (unsigned)(text[i] - '0');
		break;
	}
	return pid && is_this_observer(pid);
}

/* refuse records that the program cannot be watched. It attaches in the program's place, so
 * that this is the reason that is told. */
static void refuse(int reason) {
	trace->refused = (uint32_t)reason;
	__atomic_fetch_or(&trace->flags, REFUSED, __ATOMIC_RELAXED);
	__atomic_fetch_add(&trace->attached, 1, __ATOMIC_RELAXED);
}

/* start becomes the program. A file that somebody writes at the moment is tried again for
 * some time; other reasons were excluded before the observer was started. */
static _Noreturn void start(const char *path, char **argv, char **env) {
	for (int i = 0; i < 200; i++) {
		syscall(SYS_execve, path, argv, env);
		if (errno != ETXTBSY)
			break;
		struct {
			long seconds, ns;
		} pause = {0, 5000000};
		syscall(SYS_nanosleep, &pause, 0L);
	}
	char number[12];
	int reason = errno;
	digits(number, (unsigned)reason);
	say("replibuild: cannot start ");
	say(path);
	say(": error ");
	say(number);
	say("\n");
	leave(reason == ENOENT ? 127 : 126);
}

__attribute__((used)) _Noreturn void program_start(long *stack) {
	long argc = stack[0];
	char **argv = (char **)(stack + 1), **env = argv + argc + 1;
	if (argc < 6) {
		say("replibuild: the second observer is started by replibuild only\n");
		leave(126);
	}
	settings = (struct settings){argv[1], argv[2], argv[3], !strcmp(argv[4], "all"), 0};
	const char *path = argv[5];
	if (!strcmp(path, "try")) {
		settings.trying = 1;
		leave(start_observer());
	}
	if (is_watched()) {
		without_ours(env);
	} else if (set_up_trace()) {
		int reason = start_observer();
		if (reason)
			refuse(reason);
		else
			without_ours(env);
	}
	start(path, argv + 6, env);
}
