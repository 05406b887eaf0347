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

_Noreturn void ninja(struct command *c) {
	need_own(c);
	c->program = c->our_exe;
	if (strcmp(base_name(c->args[0]), "ninja"))
		c->args[0] = "ninja"; /* the Go program goes by it, and so do its messages */
	if (nothing_to_ninja(c))
		leave(0);
	execute(c);
}
