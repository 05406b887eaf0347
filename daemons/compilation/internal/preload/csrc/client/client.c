#include "client.h"

/* go_program finds our Go program: named by the environment, or beside us. */
static const char *go_program(char **env) {
	const char *named = variable(env, "REPLIBUILD_EXE");
	if (named && *named == '/')
		return named;
	static char path[4096 + 16];
	long n = syscall(SYS_readlinkat, (long)AT_FDCWD, "/proc/self/exe", path, 4096L);
	if (n <= 0)
		return NULL;
	path[n] = 0;
	strcpy((char *)base_name(path), "replibuild");
	return syscall(SYS_faccessat, (long)AT_FDCWD, path, 1L) ? NULL : path;
}

int find_own(struct command *c) {
	if (!c->our_exe)
		c->our_exe = go_program(c->env);
	return c->our_exe != NULL;
}

/* may_be_known reports whether a command can be one that is looked up. The others are
 * executed at once: the daemon would say no. */
static int may_be_known(char **args) {
	int makes = 0;
	for (args++; *args; args++) {
		const char *a = *args;
		if (!strcmp(a, "-E") || !strcmp(a, "-M") || !strcmp(a, "-MM") || !strcmp(a, "-###") || !strcmp(a, "-v") || !strcmp(a, "-"))
			return 0;
		makes |= !strcmp(a, "-c") || !strcmp(a, "-S") || *a == '@';
	}
	return makes;
}

static int is_set(const char *value) { return value && *value && strcmp(value, "0") && strcmp(value, "false"); }

void write_all(int fd, const char *text, uint32_t size) {
	while (size) {
		long n = syscall(SYS_write, (long)fd, text, (long)size);
		if (n < 0 && errno != EINTR)
			return;
		if (n > 0)
			text += n, size -= (uint32_t)n;
	}
}

static char *next(char *text) { return text + strlen(text) + 1; }

/* finish_hit gives the finished files their names. It returns 0 if one cannot be had, and
 * removes what is left. */
static int finish_hit(struct answer *a) {
	char *t = a->texts;
	int fine = 1;
	for (uint32_t i = 0; i < a->first; i++, t = next(next(t))) {
		if (fine && syscall(SYS_renameat2, (long)AT_FDCWD, t, (long)AT_FDCWD, next(t), 0L))
			fine = 0;
		if (!fine)
			syscall(SYS_unlinkat, (long)AT_FDCWD, t, 0L);
	}
	if (fine)
		write_all(2, t, a->second);
	return fine;
}

/* use_daemon has the command's result, or its run, by the daemon. It returns if the compiler has
 * to be executed as it is. */
static void use_daemon(struct command *c, int fd, int server) {
	struct answer a;
	struct ended e = {0};
	ask_daemon(fd, c, &a);
	int done = a.kind == 'h' ? finish_hit(&a) : a.kind == 'm' ? run_child(c, &a, &e) : 0;
	if (done && a.kind == 'm')
		report_end(fd, &e);
	syscall(SYS_close, (long)fd);
	if (done && server > 0)
		syscall(SYS_wait4, (long)server, NULL, 0L, NULL);
	if (done)
		end_as(e.status);
}

static _Noreturn void manage(struct command *c, char **args) {
	if (!find_own(c)) {
		say("replibuild cc: the program replibuild is not beside this one; set REPLIBUILD_EXE to its path\n");
		leave(127);
	}
	int n = 0;
	while (args[n])
		n++;
	char **all = map_memory((size_t)(n + 3) * sizeof *all);
	if (!all)
		leave(127);
	all[0] = (char *)c->our_exe, all[1] = "cc";
	memcpy(all + 2, args, (size_t)n * sizeof *all);
	c->program = c->our_exe, c->args = all;
	execute(c);
}

static int has_slash(const char *s) { return base_name(s) != s; }

__attribute__((used)) _Noreturn void program_start(char **stack) {
	int count = (int)*(long *)stack;
	char **args = stack + 1;
	struct command c = {.env = args + count + 1};
	static char folder[4096];
	if (syscall(SYS_getcwd, folder, sizeof folder) < 0)
		folder[0] = 0;
	c.folder = folder;
	if (count > 0 && is_ninja(base_name(args[0]))) {
		c.args = args;
		ninja(&c);
	}
	int masks = count > 0 && !is_own_name(args[0]);
	if (!masks && count > 0)
		args++;
	if (!masks && *args && begins_with(*args, "--exe=")) {
		c.our_exe = *args + 6;
		args++;
	}
	if (!*args || (!masks && **args == '-'))
		manage(&c, args);
	c.args = args;
	const char *name = masks ? base_name(*args) : *args;
	int passed_us = 0;
	c.program = find_compiler(name, !masks && has_slash(name), c.env, folder, &passed_us);
	if (!c.program) {
		say("replibuild cc: ");
		say(name);
		say(": command not found\n");
		leave(127);
	}
	if (masks || passed_us)
		args[0] = (char *)c.program; /* gcc looks for its own name in PATH, and for cc1 from there */
	if (folder[0] == '/' && may_be_known(args) && !is_set(variable(c.env, "REPLIBUILD_CC_DISABLE"))) {
		int server = 0;
		int fd = is_set(variable(c.env, "CI")) ? serve_once(&c, &server) : connect_daemon(&c);
		if (fd >= 0)
			use_daemon(&c, fd, server);
	}
	execute(&c);
}
