/* The calls that start programs: each new process must be preloaded too, and is counted,
 * so that one that does not record (static, setuid, for another machine) is noticed.
 *
 * The child of a vfork shares our memory: nothing here may leave a trace in it but on
 * the stack above its own frames. */
#include "preload.h"

#include <alloca.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

const char *own_path(void) {
	static const char *path;
	Dl_info info;
	if (!path && dladdr((void *)&path, &info))
		path = info.dli_fname;
	return path;
}

static size_t length_of(char *const *list) {
	size_t n = 0;
	while (list && list[n])
		n++;
	return n;
}

static const char *find(char *const *env, const char *variable) {
	size_t n = strlen(variable);
	for (; env && *env; env++)
		if (!strncmp(*env, variable, n))
			return *env;
	return NULL;
}

/* preloaded reports whether the environment has all that a child needs. */
static int preloaded(char *const *env, const char *own) {
	const char *list = find(env, PRELOAD_VARIABLE), *record = find(env, TRACE_VARIABLE);
	return list && record && strstr(list, own) && !strcmp(record, trace_setting());
}

/* complete copies env into room (two more pointers and a zero) and text. */
static void complete(char **room, char *text, char *const *env, const char *own) {
	size_t n = 0;
	const char *list = NULL;
	for (; env && *env; env++) {
		if (!list && !strncmp(*env, PRELOAD_VARIABLE, sizeof PRELOAD_VARIABLE - 1)) {
			list = *env + sizeof PRELOAD_VARIABLE - 1;
			room[n++] = text; /* in its place: programs show their variables in this order */
		} else if (strncmp(*env, TRACE_VARIABLE, sizeof TRACE_VARIABLE - 1)) {
			room[n++] = *env;
		}
	}
	strcpy(text, PRELOAD_VARIABLE);
	strcat(text, own);
	if (list && *list && !strstr(list, own)) {
		strcat(text, ":");
		strcat(text, list);
	}
	if (!list)
		room[n++] = text;
	room[n++] = (char *)(uintptr_t)trace_setting();
	room[n] = NULL;
}

/* WITH_ENVIRONMENT makes env an environment with which a child records. It is a macro
 * because of alloca. */
#define WITH_ENVIRONMENT(env)                                                                         \
	do {                                                                                          \
		const char *own_ = own_path();                                                        \
		if (tracing() && own_ && !preloaded(env, own_)) {                  \
			const char *list_ = find(env, PRELOAD_VARIABLE);                              \
			char **room_ = alloca((length_of(env) + 3) * sizeof *room_);                  \
			char *text_ = alloca(strlen(own_) + (list_ ? strlen(list_) : 0) + 16);        \
			complete(room_, text_, env, own_);                                            \
			(env) = room_;                                                                \
		}                                                                                     \
	} while (0)

/* OBSERVER_ENDING is that of the second observer's file, which lies beside this object. */
#define OBJECT_ENDING ".so"
#define OBSERVER_ENDING ".observer"

/* BY_OBSERVER has the second observer start a program that this object cannot follow: path
 * and argv become its own. Its arguments: observer/observer.c. It is a macro because of
 * alloca. */
#define BY_OBSERVER(path, argv)                                                                       \
	do {                                                                                          \
		const char *own_ = own_path();                                                        \
		size_t n_ = own_ ? strlen(own_) : 0, count_ = length_of(argv);                        \
		if (tracing() && n_ > sizeof OBJECT_ENDING && (path) && is_unfollowed(path, own_loader())) { \
			char *file_ = alloca(n_ + sizeof OBSERVER_ENDING);                            \
			strcpy(file_, own_);                                                          \
			strcpy(file_ + n_ - (sizeof OBJECT_ENDING - 1), OBSERVER_ENDING);             \
			char **room_ = alloca((count_ + 7) * sizeof *room_);                          \
			const char *const first_[] = {file_, own_, trace_setting(), own_loader(), "", path}; \
			memcpy(room_, first_, sizeof first_);                                         \
			memcpy(room_ + 6, argv, (count_ + 1) * sizeof *room_);                        \
			if (syscall(SYS_faccessat, AT_FDCWD, file_, X_OK) == 0) {                     \
				(path) = file_;                                                       \
				(argv) = room_;                                                       \
			}                                                                             \
		}                                                                                     \
	} while (0)

/* found finds a program as execvp does; file itself if it is not found. */
static const char *found(const char *file, char *path, size_t size) {
	const char *list = find(environ, "PATH=");
	if (!file || !*file || strchr(file, '/'))
		return file;
	for (list = list ? list + 5 : "/bin:/usr/bin";; list++) {
		size_t n = strcspn(list, ":"), name = strlen(file);
		struct stamp s;
		if (n + name + 2 <= size) {
			memcpy(path, list, n);
			path[n] = '/';
			memcpy(path + n + (n > 0), file, name + 1);
			if (S_ISREG(look(AT_FDCWD, path, 0, &s)) && syscall(SYS_faccessat, AT_FDCWD, path, X_OK) == 0)
				return path;
		}
		list += n;
		if (!*list)
			return file;
	}
}

/* not_started takes back what was announced. */
static void not_started(const char *path) {
	int error = errno;
	expect_process(-1);
	if (path && strchr(path, '/'))
		note_failure(AT_FDCWD, path, error);
	errno = error;
}

WRAP(int, execve, (const char *path, char *const argv[], char *const envp[])) {
	char *const *env = envp, *const *given = argv;
	const char *program = path;
	WITH_ENVIRONMENT(env);
	BY_OBSERVER(program, argv);
	expect_process(1);
	if (argv != given)
		REAL(execve)(program, argv, env); /* comes back if the arguments are too long with ours */
	REAL(execve)(path, given, env);
	not_started(path);
	return -1;
}

int start_program(const char *path, char *const argv[], char *const envp[]) { return wrapped_execve(path, argv, envp); }

WRAP(int, execveat, (int dirfd, const char *path, char *const argv[], char *const envp[], int flags)) {
	char *const *env = envp;
	if (dirfd == AT_FDCWD && !flags)
		return wrapped_execve(path, argv, envp);
	WITH_ENVIRONMENT(env);
	expect_process(1);
	REAL(execveat)(dirfd, path, argv, env, flags);
	not_started(dirfd == AT_FDCWD ? path : NULL);
	return -1;
}

WRAP(int, execvpe, (const char *file, char *const argv[], char *const envp[])) {
	char *const *env = envp, *const *given = argv;
	WITH_ENVIRONMENT(env);
	note_search("PATH=", "/bin:/usr/bin", file, X_OK);
	char room[4096];
	const char *program = found(file, room, sizeof room);
	BY_OBSERVER(program, argv);
	expect_process(1);
	if (argv != given)
		REAL(execve)(program, argv, env);
	REAL(execvpe)(file, given, env);
	not_started(file);
	return -1;
}

WRAP(int, fexecve, (int fd, char *const argv[], char *const envp[])) {
	char *const *env = envp;
	WITH_ENVIRONMENT(env);
	expect_process(1);
	REAL(fexecve)(fd, argv, env);
	not_started(NULL);
	return -1;
}

WRAP(int, execv, (const char *path, char *const argv[])) { return wrapped_execve(path, argv, environ); }

WRAP(int, execvp, (const char *file, char *const argv[])) { return wrapped_execvpe(file, argv, environ); }

/* LIST makes argv of the arguments up to the NULL. */
#define LIST(argv, first)                                                                             \
	size_t n_ = 1;                                                                                \
	va_list count_, rest;                                                                         \
	va_start(count_, first);                                                                      \
	while (va_arg(count_, char *))                                                                \
		n_++;                                                                                 \
	va_end(count_);                                                                               \
	char **argv = alloca((n_ + 1) * sizeof *argv);                                                \
	argv[0] = (char *)(uintptr_t)first;                                                           \
	va_start(rest, first);                                                                        \
	for (size_t i_ = 1; i_ <= n_; i_++)                                                           \
		argv[i_] = va_arg(rest, char *);

WRAP(int, execl, (const char *path, const char *first, ...)) {
	LIST(argv, first)
	va_end(rest);
	return wrapped_execve(path, argv, environ);
}

WRAP(int, execlp, (const char *file, const char *first, ...)) {
	LIST(argv, first)
	va_end(rest);
	return wrapped_execvpe(file, argv, environ);
}

WRAP(int, execle, (const char *path, const char *first, ...)) {
	LIST(argv, first)
	char *const *env = va_arg(rest, char *const *);
	va_end(rest);
	return wrapped_execve(path, argv, env);
}

WRAP(int, posix_spawn, (pid_t *pid, const char *path, const void *actions, const void *attributes,
			char *const argv[], char *const envp[])) {
	char *const *env = envp;
	const char *program = path;
	WITH_ENVIRONMENT(env);
	BY_OBSERVER(program, argv);
	expect_process(1);
	int error = REAL(posix_spawn)(pid, program, actions, attributes, argv, env);
	if (error) {
		expect_process(-1);
		note_failure(AT_FDCWD, path, error);
	}
	return error;
}

WRAP(int, posix_spawnp, (pid_t *pid, const char *file, const void *actions, const void *attributes,
			 char *const argv[], char *const envp[])) {
	char *const *env = envp, *const *given = argv;
	WITH_ENVIRONMENT(env);
	note_search("PATH=", "/bin:/usr/bin", file, X_OK);
	char room[4096];
	const char *program = found(file, room, sizeof room);
	BY_OBSERVER(program, argv);
	expect_process(1);
	int error = REAL(posix_spawnp)(pid, argv != given ? program : file, actions, attributes, argv, env);
	if (error)
		expect_process(-1);
	return error;
}

/* system and popen start a shell with our environment, past all of the above. It has what
 * a child needs while they do. */
#define WITH_OWN_ENVIRONMENT(call)                                                                    \
	do {                                                                                          \
		char **before_ = environ;                                                             \
		char *const *env_ = before_;                                                          \
		WITH_ENVIRONMENT(env_);                                                               \
		environ = (char **)(uintptr_t)env_;                                                   \
		call;                                                                                 \
		if (environ == env_)                                                                  \
			environ = before_;                                                            \
		else /* another thread has changed a variable: it copied what is ours */            \
			hide_settings();                                                              \
	} while (0)

WRAP(int, system, (const char *command)) {
	int result;
	if (!command)
		return REAL(system)(command);
	expect_process(1);
	WITH_OWN_ENVIRONMENT(result = REAL(system)(command));
	return result;
}

WRAP(FILE *, popen, (const char *command, const char *mode)) {
	FILE *f;
	expect_process(1);
	WITH_OWN_ENVIRONMENT(f = REAL(popen)(command, mode));
	if (!f)
		expect_process(-1);
	return f;
}
