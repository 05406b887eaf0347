/* Which compiler is meant. */
#include "client.h"

int begins_with(const char *s, const char *prefix) { return !strncmp(s, prefix, strlen(prefix)); }

const char *variable(char **env, const char *name) {
	size_t n = strlen(name);
	for (; *env; env++)
		if (!strncmp(*env, name, n) && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

const char *base_name(const char *path) {
	const char *base = path;
	for (; *path; path++)
		if (*path == '/')
			base = path + 1;
	return base;
}

int is_own_name(const char *path) {
	const char *name = base_name(path);
	size_t n = strlen(name), ending = sizeof ".client" - 1;
	return begins_with(name, "replibuild") || (n > ending && !strcmp(name + n - ending, ".client"));
}

char *join(const char *a, const char *between, const char *c) {
	char *to = map_memory(strlen(a) + strlen(between) + strlen(c) + 1);
	if (!to)
		leave(127);
	strcpy(to, a);
	strcat(to, between);
	return strcat(to, c);
}

int program_path(char *to) {
	long n = syscall(SYS_readlinkat, (long)AT_FDCWD, "/proc/self/exe", to, 4095L);
	if (n > 0)
		to[n] = 0;
	return n > 0;
}

int is_this(const char *path) {
	struct stat ours, other;
	return !syscall(SYS_newfstatat, (long)AT_FDCWD, "/proc/self/exe", &ours, 0L) &&
	       !syscall(SYS_newfstatat, (long)AT_FDCWD, path, &other, 0L) && ours.st_ino == other.st_ino && ours.st_dev == other.st_dev;
}

/* is_ours reports whether a file is this program: the same file, or one with our name behind all
 * links. A folder with links to us may stand in PATH several times. */
static int is_ours(const char *path) {
	if (is_this(path))
		return 1;
	int fd = (int)syscall(SYS_openat, (long)AT_FDCWD, path, (long)(O_PATH | O_CLOEXEC), 0L);
	if (fd < 0)
		return 0;
	char name[64] = "/proc/self/fd/", real[4096];
	digits(name + strlen(name), (unsigned)fd);
	long n = syscall(SYS_readlinkat, (long)AT_FDCWD, name, real, sizeof real - 1);
	syscall(SYS_close, (long)fd);
	if (n <= 0)
		return 0;
	real[n] = 0;
	return is_own_name(real);
}

static int can_run(const char *path) {
	struct stat s;
	return !syscall(SYS_newfstatat, (long)AT_FDCWD, path, &s, 0L) && S_ISREG(s.st_mode) &&
	       !syscall(SYS_faccessat, (long)AT_FDCWD, path, 1L /* X_OK */);
}

static const char *absolute(const char *path, const char *folder) {
	return *path == '/' ? path : join(folder, "/", path);
}

const char *find_compiler(const char *name, int has_path, char **env, const char *folder, int *passed_us) {
	if (has_path)
		return absolute(name, folder);
	const char *p = variable(env, "PATH");
	if (!p)
		p = "/bin:/usr/bin"; /* execvp(3) */
	for (;; p++) {
		size_t n = 0;
		while (p[n] && p[n] != ':')
			n++;
		char *dir = map_memory(n + 2);
		if (!dir)
			return NULL;
		memcpy(dir, n ? p : ".", n ? n : 1);
		const char *path = absolute(join(dir, "/", name), folder);
		if (can_run(path)) {
			if (!is_ours(path))
				return path;
			*passed_us = 1;
		}
		p += n;
		if (!*p)
			return NULL;
	}
}
