/* What the client does when it is called as replibuild. */
#include "client.h"

/* is_program reports whether we are called as replibuild: by that name, or by any name that is not
 * ours through a link to replibuild. Links to replibuild-cc stand for compilers. */
int is_program(const char *name) {
	if (!strcmp(base_name(name), "replibuild"))
		return 1;
	static char path[4096];
	return !is_own_name(name) && program_path(path) && !strcmp(base_name(path), "replibuild");
}

/* has reports whether a folder has something of that name that is no folder, or one. It writes
 * behind the folder's path, and takes it away. */
static int has(char *folder, const char *name, int is_folder) {
	struct stat s;
	char *end = folder + strlen(folder);
	strcpy(end, name);
	int fine = !syscall(SYS_newfstatat, (long)AT_FDCWD, folder, &s, 0L) && !S_ISDIR(s.st_mode) == !is_folder;
	*end = 0;
	return fine;
}

/* nothing_to_compile reports whether a daemon said so, and prints what it said. The project is
 * found as daemons.FindRoot does it; the daemon looks for itself too. A build folder without a
 * replibuild.toml is built as by ninja; all flags are left to the Go program there. */
static int nothing_to_compile(struct command *c) {
	static char root[4096 + 32];
	strcpy(root, c->folder);
	for (char *slash = root + 1; slash > root; *slash = 0) {
		if (has(root, "/replibuild.toml", 0))
			return print_done(connect_folder(root, ".compile"), c);
		if (has(root, "/build.ninja", 0) && has(root, "/.replibuild/state", 1)) {
			char *args[] = {"ninja", "-C", root, NULL};
			int plain = !c->args[1];
			c->args = args;
			return plain && print_done(connect_folder(root, ".ninja"), c);
		}
		slash = (char *)base_name(root) - 1;
	}
	return 0;
}

_Noreturn void program(struct command *c) {
	char **args = c->args;
	const char *verb = args[1] ? args[1] : "";
	if (!strcmp(verb, "cc") && args[2] && *args[2] != '-')
		launch(c, args + 2, 0);
	need_own(c);
	c->program = c->our_exe;
	struct command asked = *c;
	asked.args = args + 1; /* ninja's, and what the daemons know a compile by */
	if (!strcmp(verb, "ninja") && nothing_to_ninja(&asked))
		leave(0);
	if (!strcmp(verb, "compile") && *c->folder == '/' && nothing_to_compile(&asked))
		leave(0);
	execute(c);
}
