/* The compiler, as our child. Limits, jobserver, folder and everything else of ours is its own.
 * Its standard outputs come through here: a pipe where ours is none of a terminal, else a
 * terminal of the same size, so that it prints what it prints without us. */
#include "client.h"

enum { MAX_TEXT = 1 << 20 };

_Noreturn void execute(const struct command *c) {
	syscall(SYS_execve, c->program, c->args, c->env);
	int why = errno;
	say("replibuild cc: cannot execute ");
	say(c->program);
	say(why == ENOENT ? ": it is not there\n" : why == EACCES ? ": permission denied\n" : why == E2BIG ? ": too many arguments\n" : "\n");
	leave(why == ENOENT ? 127 : 126); /* as a shell does */
}

_Noreturn void end_as(int status) {
	int number = status & 0x7f;
	if (!number)
		leave(status >> 8 & 0xff);
	struct { uint64_t soft, hard; } none = {0, 0}; /* the compiler has dumped its core */
	syscall(SYS_prlimit64, 0L, 4L /* RLIMIT_CORE */, &none, NULL);
	struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } standard = {0};
	uint64_t mask = 0;
	syscall(SYS_rt_sigaction, (long)number, &standard, NULL, 8L);
	syscall(SYS_rt_sigprocmask, 2L /* SIG_SETMASK */, &mask, NULL, 8L);
	syscall(SYS_kill, syscall(SYS_getpid), (long)number);
	leave(128 + number);
}

/* terminal_like makes a terminal with the size and settings of another. */
static int terminal_like(int fd, int ends[2]) {
	struct { uint32_t in, out, control, local; unsigned char more[20]; } settings;
	uint16_t size[4];
	int zero = 0;
	ends[0] = (int)syscall(SYS_openat, (long)AT_FDCWD, "/dev/ptmx", (long)(O_RDWR | O_NOCTTY | O_CLOEXEC), 0L);
	if (ends[0] < 0 || syscall(SYS_ioctl, (long)ends[0], 0x40045431L /* TIOCSPTLCK */, &zero))
		return 0;
	ends[1] = (int)syscall(SYS_ioctl, (long)ends[0], 0x5441L /* TIOCGPTPEER */, (long)(O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (ends[1] < 0 || syscall(SYS_ioctl, (long)fd, 0x5401L /* TCGETS */, &settings))
		return 0;
	settings.out &= ~1u; /* OPOST: the real terminal does that */
	syscall(SYS_ioctl, (long)ends[1], 0x5402L /* TCSETS */, &settings);
	if (!syscall(SYS_ioctl, (long)fd, 0x5413L /* TIOCGWINSZ */, size))
		syscall(SYS_ioctl, (long)ends[1], 0x5414L /* TIOCSWINSZ */, size);
	return 1;
}

/* open_ends makes the way from one of the child's outputs to us. */
static int open_ends(int fd, int ends[2]) {
	char settings[64];
	struct stat s;
	if (syscall(SYS_fstat, (long)fd, &s))
		return 0; /* closed: the compiler shall find that out */
	if (!syscall(SYS_ioctl, (long)fd, 0x5401L, settings)) {
		if (!terminal_like(fd, ends))
			return 0;
	} else if (syscall(SYS_pipe2, ends, (long)O_CLOEXEC)) {
		return 0;
	}
	return !syscall(SYS_fcntl, (long)ends[0], 4L /* F_SETFL */, (long)O_NONBLOCK);
}

/* child_environment puts the variables of the answer in the place of ours. */
static char **child_environment(char **env, char *texts, uint32_t count) {
	size_t n = 0;
	while (env[n])
		n++;
	char **all = map_memory((n + count + 1) * sizeof *all), **to = all;
	if (!all)
		return NULL;
	for (; *env; env++) {
		char *t = texts;
		uint32_t i = 0;
		for (; i < count; i++, t += strlen(t) + 1) {
			size_t name = 0;
			while (t[name] && t[name] != '=')
				name++;
			if (!strncmp(*env, t, name + 1))
				break;
		}
		if (i == count)
			*to++ = *env;
	}
	for (uint32_t i = 0; i < count; i++, texts += strlen(texts) + 1)
		*to++ = texts;
	return all;
}

/* child_arguments are those of the compiler, behind the second observer's if it starts it. */
static char **child_arguments(const struct command *c, char *texts, uint32_t count) {
	size_t n = 0;
	while (c->args[n])
		n++;
	char **all = map_memory((n + count + 2) * sizeof *all), **to = all;
	if (!all)
		return NULL;
	for (uint32_t i = 0; i < count; i++, texts += strlen(texts) + 1)
		*to++ = texts;
	if (count)
		*to++ = (char *)c->program;
	memcpy(to, c->args, n * sizeof *to);
	return all;
}

/* pass_on writes to one of our own outputs what was read of the child's. It returns 0 when
 * there is nothing more for now. */
static int pass_on(int from, int fd, struct ended *e) {
	static char text[1 << 16];
	long n = syscall(SYS_read, (long)from, text, sizeof text);
	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (fd == 1) {
		e->printed += (uint32_t)n;
	} else if (e->size + (size_t)n <= MAX_TEXT) {
		memcpy(e->text + e->size, text, (size_t)n);
		e->size += (uint32_t)n;
	} else {
		e->cut = 1;
	}
	for (long done = 0; done < n;) {
		long w = syscall(SYS_write, (long)fd, text + done, n - done);
		if (w < 0 && errno == EAGAIN) {
			struct pollfd p = {.fd = fd, .events = POLLOUT};
			syscall(SYS_ppoll, &p, 1L, NULL, NULL, 0L);
		} else if (w < 0 && errno != EINTR) {
			e->cut = 1;
			return 1; /* no reader is left: SIGPIPE ends the compiler by itself */
		} else if (w > 0) {
			done += w;
		}
	}
	return 1;
}

/* Signals that a compiler may be sent, which we pass on: HUP, INT, QUIT, USR1, USR2, TERM. */
static const uint64_t passed = 1u << 0 | 1u << 1 | 1u << 2 | 1u << 9 | 1u << 11 | 1u << 14, child_ended = 1u << 16;

static void pass_signal(int signals, int pid) {
	struct signalfd_siginfo s;
	while (syscall(SYS_read, (long)signals, &s, sizeof s) == sizeof s)
		if (s.ssi_signo != 17 && s.ssi_code != 0x80 /* SI_KERNEL: the terminal sent it to all */)
			syscall(SYS_kill, (long)pid, (long)s.ssi_signo);
}

/* attend passes on outputs and signals until the child has ended. */
static void attend(int pid, int signals, int out, int err, struct ended *e, struct rusage *used) {
	struct pollfd p[3] = {{signals, POLLIN, 0}, {out, POLLIN, 0}, {err, POLLIN, 0}};
	for (;;) {
		syscall(SYS_ppoll, p, 3L, NULL, NULL, 0L);
		if (p[0].revents)
			pass_signal(signals, pid);
		long gone = syscall(SYS_wait4, (long)pid, &e->status, 1L /* WNOHANG */, used);
		for (int i = 1; i <= 2; i++) {
			while (p[i].fd >= 0 && pass_on(p[i].fd, i, e))
				;
			if (p[i].revents & (POLLHUP | POLLERR) && !(p[i].revents & POLLIN))
				p[i].fd = -1; /* closed by all */
		}
		if (gone == pid)
			return;
	}
}

static uint32_t clock_now(void) {
	long t[2];
	syscall(SYS_clock_gettime, 1L /* CLOCK_MONOTONIC */, t);
	return (uint32_t)(t[0] * 1000 + t[1] / 1000000);
}

int run_child(const struct command *c, const struct answer *a, struct ended *e) {
	int out[2], err[2];
	char *texts = a->texts;
	char **args = child_arguments(c, texts, a->first);
	for (uint32_t i = 0; i < a->first; i++)
		texts += strlen(texts) + 1;
	char **env = child_environment(c->env, texts, a->second);
	e->text = map_memory(MAX_TEXT);
	if (!args || !env || !e->text || !open_ends(1, out) || !open_ends(2, err))
		return 0;
	uint64_t mask, ours = passed | child_ended;
	struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } standard = {0}, before;
	syscall(SYS_rt_sigaction, 17L, &standard, &before, 8L);
	syscall(SYS_rt_sigprocmask, 0L /* SIG_BLOCK */, &ours, &mask, 8L);
	int signals = (int)syscall(SYS_signalfd4, -1L, &ours, 8L, (long)(O_CLOEXEC | O_NONBLOCK));
	uint32_t begin = clock_now();
	long self = syscall(SYS_getpid);
	int pid = signals < 0 ? -1 : (int)syscall(SYS_clone, 17L, 0L, 0L, 0L, 0L);
	if (!pid) {
		syscall(SYS_rt_sigaction, 17L, &before, NULL, 8L);
		syscall(SYS_rt_sigprocmask, 2L /* SIG_SETMASK */, &mask, NULL, 8L);
		syscall(SYS_prctl, 1L /* PR_SET_PDEATHSIG */, 9L, 0L, 0L, 0L);
		if (syscall(SYS_getppid) != self)
			leave(137);
		syscall(SYS_dup3, (long)out[1], 1L, 0L);
		syscall(SYS_dup3, (long)err[1], 2L, 0L);
		struct command child = {args, env, a->first ? args[0] : c->program, NULL, NULL};
		execute(&child);
	}
	if (pid < 0) {
		syscall(SYS_rt_sigaction, 17L, &before, NULL, 8L);
		syscall(SYS_rt_sigprocmask, 2L, &mask, NULL, 8L);
		return 0;
	}
	syscall(SYS_close, (long)out[1]);
	syscall(SYS_close, (long)err[1]);
	struct rusage used;
	attend(pid, signals, out[0], err[0], e, &used);
	e->milliseconds = clock_now() - begin;
	e->cpu = (uint32_t)((used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000);
	e->peak = (uint32_t)used.ru_maxrss;
	return 1;
}
