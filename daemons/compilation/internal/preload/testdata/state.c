/* Says what the process finds; "act" words make it do something. Static state would show
 * a second use of one process. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int uses;
extern char **environ;

static void descriptors(void) {
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	printf("descriptors:");
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			printf(" %s", e->d_name);
	puts("");
	closedir(d);
}

static void state(int argc, char **argv) {
	char where[4096], line[64] = "";
	printf("uses: %d\nargs:", ++uses);
	for (int i = 0; i < argc; i++)
		printf(" %s", argv[i]);
	printf("\nname: %s\nfolder: %s\nenv:", program_invocation_name, getcwd(where, sizeof where));
	for (char **e = environ; *e; e++)
		printf(" %s", *e);
	mode_t m = umask(0);
	struct rlimit r;
	getrlimit(RLIMIT_CORE, &r);
	int death;
	prctl(PR_GET_PDEATHSIG, &death);
	printf("\numask: %o\ncore: %ld\nleader: %d\ndeath: %d\n", m, (long)r.rlim_cur, getpgid(0) == getpid(), death);
	sigset_t set;
	sigprocmask(SIG_SETMASK, NULL, &set);
	int blocked = 0, handled = 0;
	for (int s = 1; s < 32; s++) {
		struct sigaction a;
		blocked += sigismember(&set, s) == 1;
		handled += sigaction(s, NULL, &a) == 0 && a.sa_handler != SIG_DFL;
	}
	printf("blocked: %d\nhandled: %d\n", blocked, handled);
	descriptors();
	if (fgets(line, sizeof line, stdin))
		printf("input: %s", line);
}

int main(int argc, char **argv) {
	const char *act = argc > 1 ? argv[1] : "";
	if (!strcmp(act, "state"))
		state(argc, argv);
	else if (!strcmp(act, "exit"))
		return atoi(argv[2]);
	else if (!strcmp(act, "signal"))
		raise(atoi(argv[2]));
	else if (!strcmp(act, "memory")) {
		size_t n = (size_t)atoi(argv[2]) << 20;
		memset(malloc(n), 1, n);
	} else if (!strcmp(act, "spin")) {
		while (clock() < CLOCKS_PER_SEC / 10)
			;
	} else if (!strcmp(act, "start")) {
		execl("/bin/cat", "cat", argv[2], (char *)0);
	} else if (!strcmp(act, "hang") || !strcmp(act, "leave")) {
		if (fork() == 0) { /* the child's child ignores SIGTERM */
			signal(SIGTERM, SIG_IGN);
			for (;;)
				pause();
		}
		while (!strcmp(act, "hang"))
			pause();
	}
	return 0;
}
