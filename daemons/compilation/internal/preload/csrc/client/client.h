/* The thin client: what is installed as replibuild, replibuild-cc and replibuild-ninja.
 *
 * Before a compiler it does what ccache does. It asks the daemon of the user set whether the
 * command's result is known. If it is, the client renames the finished files. If not, it runs
 * the compiler as its own child, traced, and reports it. Whatever goes wrong with the daemon, it
 * executes the compiler as it is.
 *
 * Called as ninja, or as `replibuild ninja` or `replibuild compile`, it asks a daemon of the
 * folder whether there is nothing to do, and prints that. For all else it executes our Go
 * program.
 *
 * It is a static program without a C library (../observer/kernel.h), because starting is most
 * of what it does. The frames are described in ipc/launchwire.go. */
#ifndef REPLIBUILD_CLIENT_H
#define REPLIBUILD_CLIENT_H

#include "../observer/kernel.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/un.h>

struct command {
	char **args;          /* the first is the compiler as it is called */
	char **env;
	const char *program;  /* its path, absolute */
	const char *folder;   /* the working folder */
	const char *our_exe;  /* the Go program, NULL before find_own */
};

/* answer is what the daemon said. */
struct answer {
	char kind; /* 0: nothing, 'r', 'h', 'd' or 'm' */
	uint32_t first, second;
	char *texts;
	uint32_t size;
};

/* ended is how the compiler ended. */
struct ended {
	int status;
	uint32_t milliseconds, cpu, peak, printed, cut;
	uint32_t size;
	char *text;
};

const char *variable(char **env, const char *name); /* the value, NULL if it is not set */
const char *base_name(const char *path);
int is_own_name(const char *path);       /* installed, or as the Go program unpacks us */
int program_path(char *to);              /* of this program, behind all links; to has 4096 bytes */
int is_this(const char *path);           /* this program, by whatever name */
char *join(const char *a, const char *between, const char *c);
int begins_with(const char *s, const char *prefix);

/* find_compiler returns the path of a compiler, NULL if there is none. It sets *passed_us if
 * PATH leads to us first. */
const char *find_compiler(const char *name, int has_path, char **env, const char *folder, int *passed_us);

/* find_own finds our Go program, which a hit does not need. It returns 0 if there is none. */
int find_own(struct command *c);
void need_own(struct command *c); /* the same; ends with a message if there is none */

int connect_daemon(struct command *c);   /* a socket, or -1 */
int connect_folder(const char *folder, const char *ending); /* a socket to a daemon of a folder, or -1 */
int serve_once(struct command *c, int *server); /* a socket to a service of this command alone, or -1 */
void ask_daemon(int fd, const struct command *c, struct answer *a);
int report_end(int fd, const struct ended *e);

int run_child(const struct command *c, const struct answer *a, struct ended *e);
_Noreturn void execute(const struct command *c);
int write_all(int fd, const char *text, uint32_t size);
#define NINJA_VERSION "1.13.0" /* daemons/setup/ninjabuild/options.go has it too */
int is_ninja(const char *name);
_Noreturn void ninja(struct command *c);
int nothing_to_ninja(const struct command *c); /* whether there is nothing to do; says so */
int print_done(int fd, const struct command *c); /* asks that of a daemon, prints its answer and closes fd */
int is_program(const char *name);
_Noreturn void launch(struct command *c, char **args, int masks);
_Noreturn void program(struct command *c);
_Noreturn void end_as(int status);

#endif
