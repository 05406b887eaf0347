/* Calls what the tracer wraps, in the folder that the test has made. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <glob.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void child(int (*start)(void)) {
	pid_t pid = fork();
	if (pid == 0) {
		start();
		_exit(99);
	}
	int status;
	waitpid(pid, &status, 0);
	if (status)
		printf("child: %d\n", status);
}

#define PROGRAM "./calls"
static char *arguments(const char *what, char *argv[3]) {
	argv[0] = "calls";
	argv[1] = (char *)what;
	argv[2] = NULL;
	return argv[1];
}
static char *nothing[] = {"A=1", NULL};

static int by_execl(void) { return execl(PROGRAM, "calls", "execl", NULL); }
static int by_execlp(void) { return execlp(PROGRAM, "calls", "execlp", NULL); }
static int by_execle(void) { return execle(PROGRAM, "calls", "execle", NULL, nothing); }
static int by_execv(void) { char *a[3]; arguments("execv", a); return execv(PROGRAM, a); }
static int by_execvp(void) { char *a[3]; arguments("execvp", a); return execvp(PROGRAM, a); }
static int by_execve(void) { char *a[3]; arguments("execve", a); return execve(PROGRAM, a, nothing); }
static int by_execvpe(void) { char *a[3]; arguments("execvpe", a); return execvpe(PROGRAM, a, nothing); }
static int by_fexecve(void) { char *a[3]; arguments("fexecve", a); return fexecve(open(PROGRAM, O_RDONLY | O_CLOEXEC), a, nothing); }
static int by_none(void) { execl("./no-program", "no", NULL); execlp("no-such-program", "no", NULL); _exit(0); }

static void starts(void) {
	int (*all[])(void) = {by_execl, by_execlp, by_execle, by_execv, by_execvp, by_execve, by_execvpe, by_fexecve, by_none};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		child(all[i]);
	char *a[3];
	pid_t pid;
	arguments("posix_spawn", a);
	if (posix_spawn(&pid, PROGRAM, NULL, NULL, a, nothing) == 0)
		waitpid(pid, NULL, 0);
	arguments("posix_spawnp", a);
	if (posix_spawnp(&pid, PROGRAM, NULL, NULL, a, environ) == 0)
		waitpid(pid, NULL, 0);
	posix_spawn(&pid, "./no-spawn", NULL, NULL, a, environ);
	if (system(PROGRAM " system"))
		puts("system");
	FILE *f = popen(PROGRAM " popen", "r");
	pclose(f);
	pid = vfork();
	if (pid == 0) {
		arguments("vfork", a);
		execve(PROGRAM, a, nothing);
		_exit(99);
	}
	waitpid(pid, NULL, 0);
}

static void looks(void) {
	struct stat st;
	struct stat64 st64;
	char buffer[4096];
	close(open("read-open", O_RDONLY));
	close(open64("read-open64", O_RDONLY));
	int dir = open("dir", O_DIRECTORY | O_RDONLY);
	close(openat(dir, "read-openat", O_RDONLY));
	close(openat64(dir, "read-openat64", O_RDONLY));
	fclose(fopen("read-fopen", "r"));
	fclose(fopen64("read-fopen64", "r"));
	fclose(freopen("read-freopen", "r", fopen("/dev/null", "r")));
	close(open("read-write", O_RDWR));
	stat("seen-stat", &st);
	stat64("seen-stat64", &st64);
	lstat("seen-lstat", &st);
	lstat("link-lstat", &st);
	fstatat(dir, "seen-fstatat", &st, 0);
	struct statx stx;
	statx(AT_FDCWD, "seen-statx", 0, STATX_TYPE, &stx);
	access("seen-access", R_OK);
	faccessat(AT_FDCWD, "seen-faccessat", R_OK, 0);
	euidaccess("seen-euidaccess", R_OK);
	(void)!readlink("link-readlink", buffer, sizeof buffer);
	(void)!readlink("seen-readlink", buffer, sizeof buffer);
	(void)!readlinkat(AT_FDCWD, "link-readlinkat", buffer, sizeof buffer);
	free(realpath("link-realpath", NULL));
	free(canonicalize_file_name("link-canonical"));
	closedir(opendir("listed-opendir"));
	closedir(fdopendir(open("listed-fdopendir", O_RDONLY | O_DIRECTORY)));
	struct dirent **names;
	scandir("listed-scandir", &names, NULL, NULL);
	glob_t g;
	glob("listed-glob/*.x", 0, NULL, &g);
	stat("folder-stat", &st);
	close(open("folder-open", O_RDONLY));
	access("folder-access", F_OK);
}

static void misses(void) {
	struct stat st;
	char buffer[64];
	int dir = open("dir", O_DIRECTORY | O_RDONLY);
	open("no-open", O_RDONLY);
	openat(dir, "no-openat", O_RDONLY);
	open("read-open/no-enotdir", O_RDONLY);
	open("loop", O_RDONLY);
	fopen("no-fopen", "r");
	freopen("no-freopen", "r", fopen("/dev/null", "r"));
	stat("no-stat", &st);
	lstat("no-lstat", &st);
	fstatat(dir, "no-fstatat", &st, 0);
	access("no-access", F_OK);
	(void)!readlink("no-readlink", buffer, sizeof buffer);
	realpath("no-realpath", NULL);
	opendir("no-opendir");
	glob_t g;
	glob("no-glob/*.x", 0, NULL, &g);
	dlopen("./no-dlopen.so", RTLD_NOW);
	(void)!chdir("no-chdir");
	(void)!chdir("dir");
	open("no-after-chdir", O_RDONLY);
	(void)!chdir("..");
	open("no-open", O_RDONLY);
}

static void writes(void) {
	char a[] = "write-mkstempXXXXXX";
	close(mkstemp(a));
	close(open("write-open", O_WRONLY | O_CREAT | O_TRUNC, 0644));
	close(creat("write-creat", 0644));
	fclose(fopen("write-fopen", "w"));
	fclose(fopen("write-fopen", "r"));
	mkdir("write-mkdir", 0755);
	rename("write-creat", "write-rename");
	(void)!link("write-open", "write-link");
	(void)!symlink("write-open", "write-symlink");
	close(open("write-gone", O_WRONLY | O_CREAT, 0644));
	unlink("write-gone");
}

int main(int argc, char **argv) {
	if (argc < 2 || strcmp(argv[1], "all"))
		return 0;
	looks();
	misses();
	writes();
	starts();
	return 0;
}
