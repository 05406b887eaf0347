/* All threads that are traced, and what ptrace(2) tells of them. */
#include "calls.h"

enum { MOST = 4096, STOPPED = 0x7f };

static struct thread threads[MOST];
static unsigned used; /* entries above were never used */

static struct thread *find_thread(pid_t tid) {
	for (unsigned i = 0; i < used; i++)
		if (threads[i].tid == tid)
			return &threads[i];
	return NULL;
}

static struct thread *new_thread(pid_t tid) {
	struct thread *t = find_thread(0);
	if (!t && used < MOST)
		t = &threads[used++];
	if (!t)
		return NULL;
	char *text = t->text; /* is used again */
	memset(t, 0, sizeof *t);
	t->text = text;
	if (text)
		text[0] = 0;
	t->tid = t->tgid = tid;
	t->call = -1;
	return t;
}

/* status_number reads a line of /proc/PID/status; 0 if there is none. */
static pid_t status_number(pid_t tid, const char *line) {
	char name[40], text[1024];
	kernel_folder(name, (unsigned)tid, "/status");
	int fd = (int)syscall(SYS_openat, (long)AT_FDCWD, name, (long)(O_RDONLY | O_CLOEXEC), 0L);
	long n = fd < 0 ? 0 : syscall(SYS_read, (long)fd, text, sizeof text - 1);
	if (fd >= 0)
		syscall(SYS_close, (long)fd);
	text[n > 0 ? n : 0] = 0;
	for (char *p = text; *p; p++) {
		if (!strncmp(p, line, strlen(line)) && (p == text || p[-1] == '\n')) {
			pid_t number = 0;
			for (p += strlen(line); *p == '\t' || *p == ' '; p++)
				;
			for (; *p >= '0' && *p <= '9'; p++)
				number = number * 10 + (*p - '0');
			return number;
		}
	}
	return 0;
}

/* met returns the entry of a thread. A new one runs the program of parent; without that, of
 * its process, or of its parent process as the kernel knows it. */
static struct thread *met(pid_t tid, const struct thread *parent) {
	struct thread *t = find_thread(tid);
	if (t || !(t = new_thread(tid)))
		return t;
	pid_t tgid = status_number(tid, "Tgid:");
	if (tgid)
		t->tgid = tgid;
	if (!parent && t->tgid != tid)
		parent = find_thread(t->tgid);
	if (!parent)
		parent = find_thread(status_number(tid, "PPid:"));
	if (parent) {
		t->covered = parent->covered;
		t->number = parent->number;
	} else {
		note_lost();
	}
	return t;
}

/* begin_program makes the entry of the only thread that is left in a process in which a
 * program was started: it has the number of the process, and was another one before. */
static void begin_program(pid_t tid) {
	unsigned long former = (unsigned long)tid;
	ptrace(PTRACE_GETEVENTMSG, tid, NULL, &former);
	struct thread *t = find_thread((pid_t)former);
	if (t && t->tid != tid) {
		struct thread *first = find_thread(tid);
		if (first)
			first->tid = 0;
		t->tid = tid;
	}
	if (!t)
		t = met(tid, NULL);
	if (!t)
		return;
	t->tgid = tid;
	executed(t);
}

/* stops_all reports whether a signal stops a process (signal(7)). */
static int stops_all(int signal) {
	return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

/* handle acts on a stop, and lets the thread go on. */
static void handle(pid_t tid, int signal, int event) {
	long how = PTRACE_CONT;
	int deliver = 0;
	unsigned long child = 0;
	struct thread *t = met(tid, NULL);
	if (!t)
		note_lost();
	switch (event) {
	case EVENT_SECCOMP:
		if (t && entered(t))
			how = PTRACE_SYSCALL;
		break;
	case EVENT_FORK:
	case EVENT_VFORK:
	case EVENT_CLONE:
		if (t && ptrace(PTRACE_GETEVENTMSG, tid, NULL, &child) == 0)
			met((pid_t)child, t);
		break;
	case EVENT_EXEC:
		begin_program(tid);
		break;
	case EVENT_STOP:
		if (stops_all(signal))
			how = PTRACE_LISTEN;
		break;
	case 0:
		if (signal != (SIGTRAP | 0x80))
			deliver = signal;
		else if (t)
			returned(t);
		/* A call that a signal has interrupted is seen again when it goes on. */
		break;
	}
	ptrace(how, tid, NULL, (void *)(long)deliver);
}

void watch_first(pid_t pid) {
	struct thread *t = new_thread(pid);
	t->covered = 1; /* until the program begins, it is this observer */
	record_for(t);
}

void watch(void) {
	for (;;) {
		int status;
		pid_t tid = (pid_t)syscall(SYS_wait4, -1L, &status, 0x40000000L /* __WALL */, 0L);
		if (tid < 0 && errno == EINTR)
			continue;
		if (tid < 0)
			return;
		if ((status & 0xff) == STOPPED) {
			handle(tid, status >> 8 & 0xff, status >> 16);
		} else {
			struct thread *t = find_thread(tid);
			if (t)
				t->tid = 0;
		}
	}
}
