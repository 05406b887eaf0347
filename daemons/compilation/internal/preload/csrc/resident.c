/* The resident program: after dynamic linking and static initialisation it waits on a
 * socket instead of running; for each request it forks, and the child calls the
 * program's own main. resident_linux.go holds the other end.
 *
 * The parent never allocates, keeps no descriptor of a request, and does not read it:
 * that is the child's, which finds it in a memory file. So nothing can leak from one
 * compile into the next. */
#include "preload.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

extern char **environ;

int (*program_main)(int, char **, char **);

enum { RUN = 1, KILL = 2 };                            /* requests */
enum { READY = 1, STARTED = 2, ENDED = 3, FAILED = 4 }; /* reports */
enum { DESCRIPTORS = 4 };                              /* of RUN: the request, 0, 1 and 2 */
enum { MOST = 256 };                                   /* children at a time */

struct request {
	uint64_t id;
	uint32_t what;
	int32_t signal;
};

struct report {
	uint64_t id;
	uint32_t what;
	int32_t pid;    /* READY: number of threads */
	int32_t status; /* of wait4; FAILED: errno */
	uint32_t stage; /* of FAILED */
	uint64_t cpu;   /* microseconds */
	uint64_t peak;  /* KiB */
};

/* The head of the memory file; limits and strings follow. */
struct call {
	uint32_t arguments, variables, limits, change_umask;
	uint32_t umask, padding;
	uint64_t ignored; /* a bit for each signal */
};

struct limit {
	uint64_t which, soft, hard;
};

static int control = -1;

static struct {
	uint64_t id;
	pid_t pid;
} children[MOST];

static void report(struct report r) {
	while (send(control, &r, sizeof r, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

/* stages at which a child can fail before it is the program; resident_linux.go names them */
enum { NO_REQUEST = 1, NO_DESCRIPTOR = 2, NO_FOLDER = 3, NO_LIMIT = 4, OTHER_START = 5, NO_ROOM = 6, NO_FORK = 7 };

static void fail(uint64_t id, uint32_t stage) {
	report((struct report){.id = id, .what = FAILED, .status = errno, .stage = stage});
}

static void give_up(uint64_t id, uint32_t stage) {
	fail(id, stage);
	_exit(127);
}

static char **strings(char **next, char *end, uint32_t count) {
	char **list = calloc((size_t)count + 1, sizeof *list);
	for (uint32_t i = 0; list && i < count && *next < end; i++) {
		list[i] = *next;
		*next += strlen(*next) + 1;
	}
	return list;
}

static void take_descriptors(uint64_t id, const int fds[DESCRIPTORS]) {
	for (int i = 1; i < DESCRIPTORS; i++)
		if (dup2(fds[i], i - 1) < 0)
			give_up(id, NO_DESCRIPTOR);
	for (int i = 0; i < DESCRIPTORS; i++)
		close(fds[i]);
}

static void set_limits(uint64_t id, const struct limit *l, uint32_t count) {
	for (; count; count--, l++) {
		struct rlimit r = {(rlim_t)l->soft, (rlim_t)l->hard};
		if (setrlimit((int)l->which, &r) < 0)
			give_up(id, NO_LIMIT);
	}
}

static void ignore_signals(uint64_t mask) {
	struct sigaction ignore;
	memset(&ignore, 0, sizeof ignore);
	ignore.sa_handler = SIG_IGN;
	for (int s = 1; s < NSIG; s++)
		if (mask & (uint64_t)1 << (s - 1))
			sigaction(s, &ignore, NULL);
}

static void name_program(char *name) {
#ifdef __GLIBC__
	extern char *program_invocation_name, *program_invocation_short_name;
	char *slash = strrchr(name, '/');
	program_invocation_name = name;
	program_invocation_short_name = slash ? slash + 1 : name;
#else
	(void)name;
#endif
}

/* become turns a fork of the resident into the process that was asked for. */
static int become(uint64_t id, const int fds[DESCRIPTORS], int signals, pid_t parent) {
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	close(signals);
	off_t size = lseek(fds[0], 0, SEEK_END);
	char *m = size < (off_t)sizeof(struct call) ? MAP_FAILED
		: mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fds[0], 0);
	if (m == MAP_FAILED)
		give_up(id, NO_REQUEST);
	struct call *call = (struct call *)(void *)m;
	struct limit *limits = (struct limit *)(void *)(call + 1);
	char *next = (char *)(limits + call->limits), *end = m + size;
	char *where = next;
	next += strlen(next) + 1;
	char **argv = strings(&next, end, call->arguments);
	char **envp = strings(&next, end, call->variables);
	if (!argv || !envp || call->arguments == 0)
		give_up(id, NO_REQUEST);
	if (!same_early(environ, envp))
		give_up(id, OTHER_START);
	if (chdir(where) < 0)
		give_up(id, NO_FOLDER);
	set_limits(id, limits, call->limits);
	if (call->change_umask)
		umask((mode_t)call->umask);
	ignore_signals(call->ignored);
	take_descriptors(id, fds);
	close(control);
	environ = envp;
	name_program(argv[0]);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	attach_again();
	note_all_early();
	return program_main((int)call->arguments, argv, envp);
}

/* await_request reads a request and its descriptors; 0 is the end of the connection. */
static int await_request(struct request *q, int fds[DESCRIPTORS], int *count) {
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
	} u;
	struct iovec v = {q, sizeof *q};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = u.room, .msg_controllen = sizeof u.room};
	ssize_t n;
	while ((n = recvmsg(control, &m, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	*count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); n > 0 && c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*count = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(c), (size_t)*count * sizeof(int));
	}
	return n == (ssize_t)sizeof *q;
}

static int slot_of(pid_t pid) {
	for (int i = 0; i < MOST; i++)
		if (children[i].pid == pid)
			return i;
	return -1;
}

static void kill_child(uint64_t id, int sig) {
	for (int i = 0; i < MOST; i++)
		if (children[i].pid && children[i].id == id)
			kill(-children[i].pid, sig);
}

/* leave ends us and everything that we started. */
static void leave(void) {
	for (int i = 0; i < MOST; i++)
		if (children[i].pid)
			kill(-children[i].pid, SIGKILL);
	_exit(0);
}

/* reap reports children that have ended. Who is left of a group is killed while the
 * zombie of its leader still holds the group's number. */
static void reap(void) {
	for (;;) {
		siginfo_t info;
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || !info.si_pid)
			return;
		struct rusage use;
		int status = 0;
		kill(-info.si_pid, SIGKILL);
		if (wait4(info.si_pid, &status, 0, &use) < 0)
			return;
		int i = slot_of(info.si_pid);
		if (i < 0)
			continue;
		struct report r = {.id = children[i].id, .what = ENDED, .pid = info.si_pid, .status = status};
		r.cpu = (uint64_t)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
			(uint64_t)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
		r.peak = (uint64_t)use.ru_maxrss;
		children[i].pid = 0;
		report(r);
	}
}

/* start forks; in the child it returns 1 with the program's result. */
static int start(const struct request *q, const int fds[DESCRIPTORS], int signals, int *result) {
	int slot = slot_of(0);
	if (slot < 0) {
		fail(q->id, NO_ROOM);
		return 0;
	}
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		*result = become(q->id, fds, signals, parent);
		return 1;
	}
	if (pid < 0) {
		fail(q->id, NO_FORK);
		return 0;
	}
	setpgid(pid, pid); /* both do it, and the first one counts */
	children[slot].id = q->id;
	children[slot].pid = pid;
	report((struct report){.id = q->id, .what = STARTED, .pid = pid});
	return 0;
}

static int prepare_signals(void) {
	struct sigaction standard;
	memset(&standard, 0, sizeof standard);
	standard.sa_handler = SIG_DFL;
	for (int s = 1; s < NSIG; s++)
		sigaction(s, &standard, NULL);
	sigset_t ours;
	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	sigaddset(&ours, SIGTERM);
	sigprocmask(SIG_SETMASK, &ours, NULL);
	return signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void handle_signals(int signals) {
	struct signalfd_siginfo info;
	while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
		if (info.ssi_signo == SIGTERM)
			leave();
	reap();
}

static int threads(void) {
	struct stat st;
	memset(&st, 0, sizeof st);
	return fstatat(AT_FDCWD, "/proc/self/task", &st, 0) == 0 ? (int)st.st_nlink - 2 : -1;
}

int resident_main(int argc, char **argv, char **envp) {
	(void)argc, (void)argv;
	control = resident_wanted(envp);
	end_early();
	int signals = prepare_signals();
	report((struct report){.what = READY, .pid = threads()});
	struct pollfd wait[2] = {{.fd = control, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
	for (;;) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			leave();
		if (wait[1].revents)
			handle_signals(signals);
		if (!wait[0].revents)
			continue;
		struct request q;
		int fds[DESCRIPTORS], count, result;
		if (!await_request(&q, fds, &count))
			leave();
		if (q.what == KILL)
			kill_child(q.id, q.signal);
		else if (q.what == RUN && count == DESCRIPTORS && start(&q, fds, signals, &result))
			return result;
		for (int i = 0; i < count; i++)
			close(fds[i]);
	}
}

/* resident_wanted returns the socket that the environment names, or -1. */
int resident_wanted(char **envp) {
	size_t n = sizeof RESIDENT_VARIABLE - 1;
	for (; *envp; envp++)
		if (!strncmp(*envp, RESIDENT_VARIABLE, n))
			return atoi(*envp + n);
	return -1;
}

/* note_line records the line of `sh -c LINE`. What else the arguments say decides how it is
 * read, so they must be these. */
static void note_line(int argc, char **argv) {
	if (argc == 3 && argv[1] && argv[2] && (!strcmp(argv[1], "-c") || !strcmp(argv[1], "-ec")))
		note_text(LINE, argv[2]);
}

WRAP(int, __libc_start_main, (int (*program)(int, char **, char **), int argc, char **argv, void (*init)(void),
			      void (*fini)(void), void (*loader_fini)(void), void *stack)) {
	program_main = program;
	if (tracing())
		note_line(argc, argv);
	if (resident_wanted(argv + argc + 1) >= 0)
		program = resident_main;
	else
		end_early();
	return REAL(__libc_start_main)(program, argc, argv, init, fini, loader_fini, stack);
}
