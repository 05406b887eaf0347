/* The calls of a traced thread: what is looked at before one, and what is recorded when it
 * has returned. The records are made by the code that the preloaded object has for a call by
 * its number (bynumber.c); a path is made absolute for it here. */
#include "calls.h"

static const struct thread *current; /* whose call is being recorded */

int tracing(void) { return 1; }
void note_new_libraries(void) {}
void forget_folder(void) {}
uint64_t folder_changes;

static char current_folder[32];

void record_for(const struct thread *t) {
	current = t;
	process = t->number;
	kernel_folder(current_folder, (unsigned)t->tid, "");
}

const char *proc_folder(void) { return current_folder; }
unsigned own_pid(void) { return (unsigned)current->tgid; }

const char *working_folder(size_t *length) {
	static char folder[4096];
	char name[40];
	kernel_folder(name, (unsigned)current->tid, "/cwd");
	long n = syscall(SYS_readlinkat, (long)AT_FDCWD, name, folder, sizeof folder);
	if (n <= 0 || n == (long)sizeof folder || folder[0] != '/')
		return NULL;
	*length = (size_t)n;
	return folder;
}

static void descriptor(char *name, int fd) {
	kernel_folder(name, (unsigned)current->tid, "/fd/");
	digits(name + strlen(name), (unsigned)fd);
}

int look_open(int fd, struct stamp *s) {
	char name[48];
	descriptor(name, fd);
	return look(AT_FDCWD, name, 0, s);
}

long read_memory(pid_t tid, uint64_t from, void *to, size_t size) {
	struct {
		void *at;
		size_t size;
	} mine = {to, size}, theirs = {(void *)from, size};
	return syscall(SYS_process_vm_readv, (long)tid, &mine, 1L, &theirs, 1L, 0L);
}

/* read_text reads a string of a thread, a page at a time. It returns its length, -1 if it
 * cannot be read or is too long. */
static long read_text(pid_t tid, uint64_t from, char *to, size_t size) {
	const size_t page = 4096;
	for (size_t n = 0; n < size;) {
		size_t part = page - (from + n) % page;
		long got = read_memory(tid, from + n, to + n, part < size - n ? part : size - n);
		if (got <= 0)
			return -1;
		for (long i = 0; i < got; i++, n++)
			if (!to[n])
				return (long)n;
	}
	return -1;
}

/* put_self writes the name of a thread's own folder of the kernel for a path by way of that.
 * It returns how much of the path it stands for, 0 for none. */
static size_t put_self(char *to, const char *path) {
	static const struct {
		const char *name, *rest;
	} ways[] = {
		{"/proc/self", ""}, {"/proc/thread-self", ""}, {"/dev/fd", "/fd"},
		{"/dev/stdin", "/fd/0"}, {"/dev/stdout", "/fd/1"}, {"/dev/stderr", "/fd/2"},
	};
	for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
		size_t n = strlen(ways[i].name);
		if (!strncmp(path, ways[i].name, n) && (!path[n] || path[n] == '/')) {
			kernel_folder(to, (unsigned)current->tgid, ways[i].rest);
			return n;
		}
	}
	return 0;
}

/* put_folder writes the folder in which a relative path begins, and a slash. */
static int put_folder(char *to, int dirfd) {
	char name[48];
	if (dirfd == AT_FDCWD)
		kernel_folder(name, (unsigned)current->tid, "/cwd");
	else
		descriptor(name, dirfd);
	long n = syscall(SYS_readlinkat, (long)AT_FDCWD, name, to, 4096L);
	if (n <= 0 || n == 4096 || to[0] != '/')
		return 0;
	to[n] = 0;
	if (n > 1)
		strcpy(to + n, "/");
	return 1;
}

/* put_path writes the path of a call in a form that means the same file here. 0: the path
 * is none, and the call will fail. */
static int put_path(struct thread *t, int dirfd, uint64_t address) {
	static char path[4096];
	long n = read_text(t->tid, address, path, sizeof path);
	if (n < 0) {
		if (address)
			note_lost();
		return 0;
	}
	t->text[0] = 0;
	if (n == 0)
		return 1;
	size_t passed = path[0] == '/' ? put_self(t->text, path) : 0;
	if (path[0] != '/' && !put_folder(t->text, dirfd)) {
		struct stamp s;
		if (dirfd == AT_FDCWD || look_open(dirfd, &s))
			note_lost(); /* else there is no such descriptor, and the call will fail */
		return 0;
	}
	strcat(t->text, path + passed);
	return 1;
}

static const struct watched *find(long number) {
	for (unsigned i = 0; i < watched_count; i++)
		if (watched_calls[i].number == number)
			return &watched_calls[i];
	return NULL;
}

static int lists(long number) {
#ifdef SYS_getdents
	if (number == SYS_getdents)
		return 1;
#endif
	return number == SYS_getdents64;
}

static int asks_time(long number) {
#ifdef SYS_time
	if (number == SYS_time)
		return 1;
#endif
	return number == SYS_gettimeofday || number == SYS_clock_gettime;
}

/* asks_names reports a connection by which the C library asks for names of users. It is in the
 * program itself if that is static. */
static int asks_names(pid_t tid, uint64_t address) {
	static const char nscd[] = "/var/run/nscd/socket"; /* behind the family */
	char there[2 + sizeof nscd];
	return read_memory(tid, address, there, sizeof there) == sizeof there && !memcmp(there + 2, nscd, sizeof nscd);
}

/* note_other records a call without a path. */
static void note_other(pid_t tid, long number, const uint64_t *arguments) {
	if (asks_time(number)) {
		note(CLOCK, AT_FDCWD, "/");
		return;
	}
	switch (number) {
	case SYS_connect:
		if (!asks_names(tid, arguments[1]))
			note(CONNECTED, AT_FDCWD, "/");
		return;
	case SYS_unshare:
		if (!(arguments[0] & (0x00020000u /* CLONE_NEWNS */ | 0x10000000u /* CLONE_NEWUSER */)))
			return;
		break;
#ifdef SYS_io_uring_setup
	case SYS_io_uring_setup:
		note_flags(RAW_CALLS);
		return;
#endif
	}
	note_lost();
}

/* link_source records the file that gets another name, which before_call cannot read. */
static void link_source(struct thread *t, long number, const uint64_t *arguments) {
	int is = 0;
#ifdef SYS_link
	if (number == SYS_link || number == SYS_rename)
		is = put_path(t, AT_FDCWD, arguments[0]);
#endif
#ifdef SYS_renameat
	if (number == SYS_renameat)
		is = put_path(t, (int)arguments[0], arguments[1]);
#endif
	if (number == SYS_linkat || number == SYS_renameat2)
		is = put_path(t, (int)arguments[0], arguments[1]);
	if (is)
		linked_from(AT_FDCWD, t->text);
}

/* call_info asks which call a thread is in. A kernel before 5.3, or a container, may not say. */
int call_info(pid_t tid, struct call_info *info) {
	errno = 0;
	if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, (void *)sizeof *info, info) > 0)
		return 1;
	if (errno != ESRCH && !settings.trying) /* ESRCH: it was killed */
		note_lost();
	return 0;
}

int entered(struct thread *t) {
	struct call_info info;
	t->call = -1;
	record_for(t);
	if (!call_info(t->tid, &info))
		return 0;
	const struct watched *w = info.arch == AUDIT_ARCH ? find((long)info.entry.number) : NULL;
	int begins = w && (w->number == SYS_execve || w->number == SYS_execveat);
	if (t->covered && !begins)
		return 0;
	if (!w) {
		note_lost(); /* a call of another machine */
		return 0;
	}
	if (w->path < 0 && w->folder < 0) {
		note_other(t->tid, w->number, info.entry.arguments);
		return 0;
	}
	if (!t->text && !(t->text = map_memory(TEXT))) {
		note_lost();
		return 0;
	}
	for (int i = 0; i < 4; i++)
		t->arguments[i] = (long)info.entry.arguments[i];
	int dirfd = w->folder < 0 ? AT_FDCWD : (int)info.entry.arguments[w->folder];
	if (!t->covered)
		link_source(t, w->number, info.entry.arguments);
	if (w->path < 0) {
		if (!put_folder(t->text, dirfd))
			return 0;
		strcat(t->text, ".");
	} else {
		if (!put_path(t, dirfd, info.entry.arguments[w->path]))
			return 0;
		t->arguments[w->path] = (long)t->text;
		if (w->folder >= 0)
			t->arguments[w->folder] = AT_FDCWD;
	}
#ifdef SYS_openat2
	if (w->number == SYS_openat2) {
		if (read_memory(t->tid, info.entry.arguments[2], t->how, 24) != 24)
			return 0;
		t->arguments[2] = (long)t->how;
	}
#endif
	if (t->covered)
		return 0; /* the path is the name of the program that may begin now */
	t->call = w->number;
	before_call(t->call, t->arguments[0], t->arguments[1], t->arguments[2], t->arguments[3], &t->before);
	return 1;
}

void returned(struct thread *t) {
	struct call_info info;
	long call = t->call;
	t->call = -1;
	if (call < 0)
		return;
	record_for(t);
	if (!call_info(t->tid, &info))
		return;
	long result = info.exit.is_error ? -1 : (long)info.exit.value;
	int reason = info.exit.is_error ? (int)-info.exit.value : 0;
	if (reason >= 512)
		return; /* a signal came first; the kernel makes the call again */
	errno = reason;
	if (call == SYS_execve || call == SYS_execveat)
		note_failure(AT_FDCWD, t->text, reason);
	else if (!lists(call))
		after_call(call, result, t->arguments[0], t->arguments[1], t->arguments[2], t->arguments[3], &t->before);
	else if (result >= 0 && first_note(LISTED, AT_FDCWD, t->text))
		listed(1, AT_FDCWD, t->text);
}
