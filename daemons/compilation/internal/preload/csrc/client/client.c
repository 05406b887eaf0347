#include "client.h"

/* beside writes the path of a program in our own folder. It returns 0 if there is none, or if that
 * is ourselves. */
static int beside(char *path, const char *name) {
	strcpy((char *)base_name(path), name);
	return !syscall(SYS_faccessat, (long)AT_FDCWD, path, 1L /* X_OK */) && !is_this(path);
}

/* built_beside returns where our Go program was built: `make build` writes that behind this program,
 * after a zero byte. It helps a copy that was made without the Go program. */
static const char *built_beside(void) {
	static const char mark[] = "replibuild-go=";
	static char tail[4096 + sizeof mark];
	int fd = (int)syscall(SYS_openat, (long)AT_FDCWD, "/proc/self/exe", (long)O_CLOEXEC);
	if (fd < 0)
		return NULL;
	long size = syscall(SYS_lseek, (long)fd, 0L, 2L /* SEEK_END */), want = (long)sizeof tail - 1;
	long n = size > want ? syscall(SYS_pread64, (long)fd, tail, want, size - want) : 0;
	syscall(SYS_close, (long)fd);
	while (n > 0 && tail[n - 1])
		n--;
	if (!n || !begins_with(tail + n, mark))
		return NULL;
	const char *path = tail + n + sizeof mark - 1;
	return *path == '/' && !syscall(SYS_faccessat, (long)AT_FDCWD, path, 1L /* X_OK */) ? path : NULL;
}

/* go_program finds our Go program: named by the environment, beside us, or where it was built.
 * Beside us it has the name replibuild-go if replibuild is the thin client. The variable may name
 * the thin client too: then it is not used, because the client would execute itself again and again. */
static const char *go_program(char **env) {
	const char *named = variable(env, "REPLIBUILD_EXE");
	if (named && *named == '/' && !is_this(named))
		return named;
	static char path[4096 + 16];
	if (!program_path(path))
		return NULL;
	return beside(path, "replibuild-go") || beside(path, "replibuild") ? path : built_beside();
}

int find_own(struct command *c) {
	if (!c->our_exe)
		c->our_exe = go_program(c->env);
	return c->our_exe != NULL;
}

void need_own(struct command *c) {
	if (find_own(c))
		return;
	say("replibuild: the program replibuild-go is missing: it has to be in the folder of this program, ");
	static char path[4096 + 16];
	say(program_path(path) ? path : "which is unknown");
	say("; `make install` puts both there. REPLIBUILD_EXE may name it too\n");
	leave(127);
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

int write_all(int fd, const char *text, uint32_t size) {
	while (size) {
		long n = syscall(SYS_write, (long)fd, text, (long)size);
		if (n < 0 && errno != EINTR)
			return 0;
		if (n > 0)
			text += n, size -= (uint32_t)n;
	}
	return 1;
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
	need_own(c);
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

/* launch stands before a compiler. If masks is set, its name is ours. */
_Noreturn void launch(struct command *c, char **args, int masks) {
	c->args = args;
	const char *name = masks ? base_name(*args) : *args;
	int passed_us = 0;
	c->program = find_compiler(name, !masks && has_slash(name), c->env, c->folder, &passed_us);
	if (!c->program) {
		say("replibuild cc: ");
		say(name);
		say(": command not found\n");
		leave(127);
	}
	if (masks || passed_us)
		args[0] = (char *)c->program; /* gcc looks for its own name in PATH, and for cc1 from there */
	if (*c->folder == '/' && may_be_known(args) && !is_set(variable(c->env, "REPLIBUILD_CC_DISABLE"))) {
		int server = 0;
		int fd = is_set(variable(c->env, "CI")) ? serve_once(c, &server) : connect_daemon(c);
		if (fd >= 0)
			use_daemon(c, fd, server);
	}
	execute(c);
}

__attribute__((used)) _Noreturn void program_start(char **stack) {
	int count = (int)*(long *)stack;
	char **args = stack + 1;
	struct command c = {.args = args, .env = args + count + 1};
	static char folder[4096];
	if (syscall(SYS_getcwd, folder, sizeof folder) < 0)
		folder[0] = 0;
	c.folder = folder;
	if (count > 0 && is_ninja(base_name(args[0])))
		ninja(&c);
	if (count > 0 && is_program(args[0]))
		program(&c);
	int masks = count > 0 && !is_own_name(args[0]);
	if (!masks && count > 0)
		args++;
	if (!masks && *args && begins_with(*args, "--exe=")) {
		c.our_exe = *args + 6;
		args++;
	}
	if (!*args || (!masks && **args == '-'))
		manage(&c, args);
	launch(&c, args, masks);
}
