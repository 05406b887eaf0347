/* What happens when another program begins in a traced process. One that the preloaded
 * object can follow gets the object, and is left alone from then on: it sees more there
 * (dates, variables) and costs less. All others are watched. */
#include "calls.h"

#include <elf.h>

static struct {
	uint64_t *words; /* of the stack: argc, argv, 0, envp, 0, pairs of auxv */
	size_t count;    /* with the last pair, AT_NULL */
	size_t envp, auxv; /* indices */
	uint64_t at;     /* where the stack begins there */
} stack;

enum { MOST_WORDS = 1 << 19 };

/* read_stack reads what the kernel has put on the stack of a program that is about to
 * begin. */
static int read_stack(pid_t tid) {
	struct call_info info;
	if (!stack.words && !(stack.words = map_memory(MOST_WORDS * sizeof *stack.words)))
		return 0;
	if (!call_info(tid, &info))
		return 0;
	stack.at = info.stack;
	stack.count = stack.envp = stack.auxv = 0;
	for (size_t n = 0, have = 0; n < MOST_WORDS; n++) {
		if (n == have) {
			size_t part = 4096 - (stack.at + have * 8) % 4096;
			if (have + part / 8 > MOST_WORDS || read_memory(tid, stack.at + have * 8, stack.words + have, part) != (long)part)
				return 0;
			have += part / 8;
		}
		if (n == 0) {
			stack.envp = stack.words[0] + 2;
		} else if (!stack.auxv) {
			if (n >= stack.envp && !stack.words[n])
				stack.auxv = n + 1;
		} else if ((n - stack.auxv) % 2 == 1 && stack.words[n - 1] == AT_NULL) {
			stack.count = n + 1;
			return 1;
		}
	}
	return 0;
}

static uint64_t *auxiliary(uint64_t type) {
	for (size_t i = stack.auxv; i < stack.count; i += 2)
		if (stack.words[i] == type)
			return &stack.words[i];
	return NULL;
}

/* write_memory writes by way of /proc: the kernel lets a stack grow there. */
static int write_memory(pid_t tid, uint64_t at, const void *from, size_t size) {
	char name[40];
	kernel_folder(name, (unsigned)tid, "/mem");
	int fd = (int)syscall(SYS_openat, (long)AT_FDCWD, name, (long)(O_RDWR | O_CLOEXEC), 0L);
	long n = fd < 0 ? -1 : syscall(SYS_pwrite64, (long)fd, from, size, at);
	if (fd >= 0)
		syscall(SYS_close, (long)fd);
	return n == (long)size;
}

static int set_stack(pid_t tid, uint64_t at) {
	uint64_t registers[68]; /* user_regs_struct, user_pt_regs */
	struct {
		void *at;
		size_t size;
	} room = {registers, sizeof registers};
#if defined(__x86_64__)
	const int pointer = 19;
#else
	const int pointer = 31;
#endif
	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &room))
		return 0;
	registers[pointer] = at;
	return ptrace(PTRACE_SETREGSET, tid, (void *)NT_PRSTATUS, &room) == 0;
}

/* setting finds a variable among the strings of the environment, which lie in one piece. */
static const char *setting(const char *strings, const char *end, const char *variable) {
	for (; strings < end; strings += strlen(strings) + 1)
		if (!strncmp(strings, variable, strlen(variable)))
			return strings;
	return NULL;
}

/* put_settings puts a program's environment onto its stack again, with what makes the
 * object record there. It returns 0 if that is not possible. */
static int put_settings(pid_t tid) {
	static char strings[1 << 21], list[8192];
	uint64_t *name = auxiliary(AT_EXECFN); /* lies behind the environment */
	uint64_t first = stack.words[stack.envp];
	size_t length = 0;
	if (first && name && name[1] > first && name[1] - first < sizeof strings) {
		length = name[1] - first;
		if (read_memory(tid, first, strings, length) != (long)length)
			return 0;
	}
	strings[length] = 0;
	if (setting(strings, strings + length, TRACE_VARIABLE))
		return 1; /* its parent has done this */
	const char *old = setting(strings, strings + length, PRELOAD_VARIABLE);
	strcpy(list, PRELOAD_VARIABLE);
	if (strlen(settings.library) + (old ? strlen(old) : 0) + 32 > sizeof list)
		return 0;
	strcat(list, settings.library);
	if (old && old[sizeof PRELOAD_VARIABLE - 1]) {
		strcat(list, ":");
		strcat(list, old + sizeof PRELOAD_VARIABLE - 1);
	}
	size_t list_size = strlen(list) + 1, trace_size = strlen(settings.trace) + 1;
	uint64_t text = (stack.at - list_size - trace_size) & ~(uint64_t)15;
	uint64_t base = (text - (stack.count + 2) * 8) & ~(uint64_t)15;
	uint64_t added[3] = {text + list_size}; /* and zeros */
	size_t more = 2, end = stack.auxv - 1, rest = stack.count - stack.auxv;
	if (old) { /* the list takes the place of the old one */
		for (size_t i = stack.envp; i < end; i++)
			if (stack.words[i] == first + (uint64_t)(old - strings))
				stack.words[i] = text;
	} else {
		added[1] = text;
		more = 3;
	}
	return write_memory(tid, text, list, list_size) && write_memory(tid, text + list_size, settings.trace, trace_size) &&
	       write_memory(tid, base, stack.words, end * 8) && write_memory(tid, base + end * 8, added, more * 8) &&
	       write_memory(tid, base + (end + more) * 8, stack.words + stack.auxv, rest * 8) && set_stack(tid, base);
}

/* hide_clock takes the kernel's own code for the time out of a program's sight, so that it
 * asks by a system call (vdso(7)). */
static void hide_clock(pid_t tid) {
	uint64_t ignore = 1 /* AT_IGNORE */, *clock = auxiliary(AT_SYSINFO_EHDR);
	if (clock)
		write_memory(tid, stack.at + (uint64_t)((char *)clock - (char *)stack.words), &ignore, sizeof ignore);
}

static int open_program(unsigned pid) {
	char name[40];
	kernel_folder(name, pid, "/exe");
	return (int)syscall(SYS_openat, (long)AT_FDCWD, name, (long)(O_RDONLY | O_CLOEXEC), 0L);
}

static int stamp_of_program(const char *name, struct stamp *s) { return look(AT_FDCWD, name, 0, s); }

int is_this_observer(unsigned pid) {
	char name[40];
	struct stamp theirs, ours;
	kernel_folder(name, pid, "/exe");
	return stamp_of_program(name, &theirs) && stamp_of_program("/proc/self/exe", &ours) && theirs.dev == ours.dev && theirs.ino == ours.ino;
}

/* note_program records what begins, as the preloaded object does (attach.c). Its reads of
 * the environment are not seen. */
static void note_program(const struct thread *t, const char *loader) {
	static char file[4096];
	char name[40];
	struct stamp s;
	kernel_folder(name, (unsigned)t->tgid, "/exe");
	long n = syscall(SYS_readlinkat, (long)AT_FDCWD, name, file, sizeof file - 1);
	if (n > 0) {
		file[n] = 0;
		look(AT_FDCWD, name, 0, &s);
		note_stamped(PROGRAM, AT_FDCWD, file, &s);
		if (s.mode & (S_ISUID | S_ISGID))
			note_lost(); /* it does not get the rights that it has untraced */
	} else {
		note_lost();
	}
	if (*loader && look(AT_FDCWD, loader, 0, &s))
		note_stamped(LIBRARY, AT_FDCWD, loader, &s);
	if (t->text && t->text[0]) {
		look(AT_FDCWD, t->text, 0, &s);
		note_stamped(EXECUTED, AT_FDCWD, t->text, &s);
	}
}

void executed(struct thread *t) {
	int announced = t->covered; /* by the preloaded object, or by who started the observer */
	t->call = -1;
	if (is_this_observer((unsigned)t->tgid)) {
		t->covered = 1;
		return;
	}
	if (!announced)
		expect_process(1);
	int fd = open_program((unsigned)t->tgid), readable = read_stack(t->tid);
	char loader[LOADER_BYTES] = "";
	enum program_kind kind = fd < 0 ? UNFOLLOWED : program_kind(fd, settings.loader, loader);
	if (fd >= 0)
		syscall(SYS_close, (long)fd);
	t->covered = kind == FOLLOWED && !settings.all && *settings.library && readable && put_settings(t->tid);
	if (t->covered)
		return;
	t->number = __atomic_fetch_add(&trace->attached, 1, __ATOMIC_RELAXED);
	record_for(t);
	if (!readable || kind == OTHER_MACHINE)
		note_lost();
	else
		hide_clock(t->tid);
	note_program(t, loader);
	note_text(WHOLE, "/proc/self/environ"); /* how a program reads its environment is not seen */
}
