/* What the client does when it is called as ninja. */
#include "client.h"

int is_ninja(const char *name) { return !strcmp(name, "ninja") || !strcmp(name, "replibuild-ninja"); }

/* build_folder returns the folder of -C, else the working folder. The daemon reads all flags, and
 * refuses a build of another folder. */
static const char *build_folder(const struct command *c) {
	const char *dir = NULL;
	for (char **a = c->args + 1; *a; a++) {
		if (!strcmp(*a, "-C") && a[1])
			dir = *++a;
		else if (begins_with(*a, "-C") && (*a)[2])
			dir = *a + 2;
	}
	if (!dir)
		return c->folder;
	static char real[4096];
	int fd = (int)syscall(SYS_openat, (long)AT_FDCWD, dir, (long)(O_PATH | O_DIRECTORY | O_CLOEXEC), 0L);
	if (fd < 0)
		return NULL;
	char name[64] = "/proc/self/fd/";
	digits(name + strlen(name), (unsigned)fd);
	long n = syscall(SYS_readlinkat, (long)AT_FDCWD, name, real, sizeof real - 1);
	syscall(SYS_close, (long)fd);
	return n > 0 ? real : NULL; /* the rest of it is zero */
}

int nothing_to_ninja(const struct command *c) {
	const char *folder = build_folder(c);
	return folder && *folder == '/' && print_done(connect_folder(folder, ".ninja"), c);
}

/* is_missing reports whether a folder has nothing of a name. */
static int is_missing(const char *folder, const char *name) {
	struct stat s;
	const char *path = join(folder, "/", name);
	return path && syscall(SYS_newfstatat, (long)AT_FDCWD, path, &s, (long)AT_SYMLINK_NOFOLLOW) && errno == ENOENT;
}

/* is_answered reports whether the command has been done: the version, or the refreshing of a log that
 * is not there. One configuring by CMake asks for each of them some 14 times. */
static int is_answered(const struct command *c) {
	char **a = c->args + 1;
	if (*a && !strcmp(*a, "--version") && !a[1]) {
		static const char version[] = NINJA_VERSION "\n";
		return write_all(1, version, sizeof version - 1);
	}
	if (*a && !strcmp(*a, "-C") && a[1])
		a += 2;
	if (!*a || strcmp(*a, "-t") || !a[1] || strcmp(a[1], "restat") || !a[2] || *a[2] == '-')
		return 0;
	const char *folder = build_folder(c);
	return folder && *folder == '/' && is_missing(folder, ".ninja_log") && is_missing(folder, ".replibuild");
}

_Noreturn void ninja(struct command *c) {
	if (is_answered(c))
		leave(0);
	need_own(c);
	c->program = c->our_exe;
	if (strcmp(base_name(c->args[0]), "ninja"))
		c->args[0] = "ninja"; /* the Go program goes by it, and so do its messages */
	if (nothing_to_ninja(c))
		leave(0);
	execute(c);
}
