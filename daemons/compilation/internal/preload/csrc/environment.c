/* The environment: which variables a process asks for, and how what we put into it stays
 * out of its sight. What makes a process record is taken out of the environment when it
 * begins, and put back in whenever it starts another program (processes.c). */
#include "preload.h"

#include <sys/mman.h>

extern char **environ;

/* What a resident asked for before it waits: the fork that serves a request has not the
 * answers of its own environment (resident.c). Names, each with its zero. */
static char early[1 << 14];
static size_t early_length;
static int early_lost, ended_early;

static int has_early(const char *name) {
	for (const char *e = early; e < early + early_length; e += strlen(e) + 1)
		if (!strcmp(e, name))
			return 1;
	return 0;
}

/* note_early is called by one thread: static initialisation has no other. */
static void note_early(const char *name) {
	size_t n = strlen(name) + 1;
	if (ended_early || has_early(name))
		return;
	if (early_length + n > sizeof early) {
		early_lost = 1;
		return;
	}
	memcpy(early + early_length, name, n);
	early_length += n;
}

void end_early(void) { ended_early = 1; }

static const char *value_in(char **env, const char *name) {
	size_t n = strlen(name);
	for (; env && *env; env++)
		if (!strncmp(*env, name, n) && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

int same_early(char **before, char **now) {
	if (early_lost)
		return 0;
	for (const char *e = early; e < early + early_length; e += strlen(e) + 1) {
		const char *was = value_in(before, e), *is = value_in(now, e);
		if (was != is && (!was || !is || strcmp(was, is)))
			return 0;
	}
	return 1;
}

void note_all_early(void) {
	for (const char *e = early; e < early + early_length; e += strlen(e) + 1)
		note_text(VARIABLE, e);
}

static void asked_for(const char *name) {
	if (!name || !*name)
		return;
	if (tracing())
		note_text(VARIABLE, name);
	else if (!ended_early)
		note_early(name);
}

WRAP(char *, getenv, (const char *name)) {
	asked_for(name);
	return REAL(getenv)(name);
}

WRAP(char *, secure_getenv, (const char *name)) {
	asked_for(name);
	return REAL(secure_getenv)(name);
}

/* only_theirs takes our object out of a value of LD_PRELOAD, and reports whether anything
 * is left of it. It changes the text, and leaves zeros behind: the kernel shows it. */
static int only_theirs(char *setting, const char *own) {
	char *value = setting + sizeof PRELOAD_VARIABLE - 1;
	char *at = own ? strstr(value, own) : NULL;
	if (!at)
		return 1;
	char *rest = at + strlen(own);
	if (*rest == ':' || *rest == ' ')
		rest++;
	else if (at > value)
		at--;
	size_t left = strlen(rest);
	memmove(at, rest, left);
	memset(at + left, 0, (size_t)(rest - at));
	return *value != 0;
}

/* hide_settings takes what is ours out of the environment, in place: the array is the one that
 * main gets. Behind it lies what the kernel tells the program (getauxval(3)), and some
 * programs find that by its end; they pass over what is left between. */
void hide_settings(void) {
	char **to = environ, **from = environ;
	for (; from && *from; from++) {
		int ours = !strncmp(*from, TRACE_VARIABLE, sizeof TRACE_VARIABLE - 1) ||
			   (!strncmp(*from, PRELOAD_VARIABLE, sizeof PRELOAD_VARIABLE - 1) && !only_theirs(*from, own_path()));
		if (ours)
			memset(*from, 0, strlen(*from)); /* the kernel shows this memory */
		else
			*to++ = *from;
	}
	if (to == from)
		return;
	for (char **left = to + 1; left < from; left++)
		*left = (char *)1; /* AT_IGNORE */
	*to = NULL;
}

/* without_ours writes an environment as the kernel shows it, without what is ours. */
static void without_ours(int fd, char *text, size_t length) {
	for (char *at = text, *next; at < text + length; at = next) {
		next = at + strlen(at) + 1;
		if (!*at || !strncmp(at, TRACE_VARIABLE, sizeof TRACE_VARIABLE - 1))
			continue;
		if (!strncmp(at, PRELOAD_VARIABLE, sizeof PRELOAD_VARIABLE - 1) && !only_theirs(at, own_path()))
			continue;
		if (write(fd, at, strlen(at) + 1) < 0)
			return;
	}
}

/* read_all reads a file that tells no size into memory of its own; the byte behind it is 0. */
static char *read_all(int fd, size_t *room, size_t *length) {
	for (*room = 1 << 13;; *room *= 2) {
		char *text = mmap(NULL, *room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (text == MAP_FAILED)
			return NULL;
		ssize_t got;
		*length = 0;
		while (*length < *room && (got = pread(fd, text + *length, *room - *length, (off_t)*length)) > 0)
			*length += (size_t)got;
		if (*length < *room)
			return text;
		munmap(text, *room);
	}
}

/* replace_environment puts a file in the place of an open one that the kernel has. All of
 * the environment is an input from here on. */
static void replace_environment(int fd) {
	size_t room, length;
	note_text(WHOLE, "/proc/self/environ");
	char *text = read_all(fd, &room, &length);
	int copy = (int)syscall(SYS_memfd_create, "environ", 0);
	if (!text || copy < 0) {
		note_lost();
	} else {
		without_ours(copy, text, length);
		lseek(copy, 0, SEEK_SET);
		dup3(copy, fd, fcntl(fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0);
	}
	if (copy >= 0)
		syscall(SYS_close, copy);
	if (text)
		munmap(text, room);
}

int took_environment(int fd, const char *path) {
	const char *rest = path ? own_proc(path) : NULL;
	if (!rest || strcmp(rest, "environ"))
		return 0;
	replace_environment(fd);
	return 1;
}
