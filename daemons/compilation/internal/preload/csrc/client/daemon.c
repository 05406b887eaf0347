/* The connection to the daemon. Whatever is not as it has to be ends it. */
#include "client.h"

enum { PATIENCE = 2000 /* ms without a sign of life */, MAX_FRAME = 16 << 20 };

static void put_hex(char *to, uint64_t n) {
	for (int i = 15; i >= 0; i--, n >>= 4)
		to[i] = "0123456789abcdef"[n & 15];
	to[16] = 0;
}

/* socket_folder finds the private folder for sockets (daemons/userset.go, SocketDir). */
static int socket_folder(char *to, unsigned uid) {
	static const char *const places[] = {"/run/user/", "/tmp/replibuild-"};
	for (int i = 0; i < 2; i++) {
		struct stat s;
		strcpy(to, places[i]);
		digits(to + strlen(to), uid);
		if (!syscall(SYS_newfstatat, (long)AT_FDCWD, to, &s, (long)AT_SYMLINK_NOFOLLOW) && S_ISDIR(s.st_mode) && s.st_uid == uid &&
		    !(s.st_mode & 077))
			return 1;
	}
	return 0;
}

static uint64_t fnv1a(uint64_t sum, const char *text, size_t n) {
	while (n--)
		sum = (sum ^ (unsigned char)*text++) * 0x100000001b3u;
	return sum;
}

static const uint64_t fnv_start = 0xcbf29ce484222325u;

/* name_of writes the name of a socket behind its folder. */
static void name_of(char *to, uint64_t sum, const char *ending) {
	strcat(to, "/replibuild-");
	put_hex(to + strlen(to), sum);
	strcat(to, ending);
}

/* socket_name writes where the daemon of this environment's home listens. */
static int socket_name(char *to, char **env, unsigned uid) {
	const char *home = variable(env, "REPLIBUILD_HOME"), *below = "";
	if (!home || !*home) {
		home = variable(env, "HOME");
		below = "/.replibuild";
	}
	if (!home || *home != '/' || !socket_folder(to, uid))
		return 0;
	size_t n = strlen(home);
	while (n && home[n - 1] == '/')
		n--;
	name_of(to, fnv1a(fnv1a(fnv_start, home, n), below, strlen(below)), ".cc");
	return 1;
}

static int try_connect(struct sockaddr_un *at, unsigned uid) {
	int fd = (int)syscall(SYS_socket, 1L /* AF_UNIX */, (long)(1 | O_CLOEXEC | O_NONBLOCK) /* SOCK_STREAM */, 0L);
	if (fd < 0)
		return -1;
	struct { int pid; unsigned uid, gid; } peer;
	int size = sizeof peer;
	if (!syscall(SYS_connect, (long)fd, at, sizeof *at) &&
	    !syscall(SYS_getsockopt, (long)fd, 1L /* SOL_SOCKET */, 17L /* SO_PEERCRED */, &peer, &size) && peer.uid == uid)
		return fd;
	int saved = errno;
	syscall(SYS_close, (long)fd);
	errno = saved;
	return -1;
}

/* run_own runs our Go program with "cc" and an option; its standard input is in. */
static int run_own(struct command *c, const char *option, int in) {
	char *args[] = {(char *)c->our_exe, "cc", (char *)option, NULL};
	int pid = (int)syscall(SYS_clone, 17L /* SIGCHLD */, 0L, 0L, 0L, 0L);
	if (pid)
		return pid;
	int null = (int)syscall(SYS_openat, (long)AT_FDCWD, "/dev/null", (long)O_RDWR, 0L);
	syscall(SYS_dup3, (long)(in < 0 ? null : in), 0L, 0L);
	syscall(SYS_dup3, (long)null, 1L, 0L);
	syscall(SYS_dup3, (long)null, 2L, 0L);
	syscall(SYS_execve, c->our_exe, args, c->env);
	leave(127);
}

int connect_daemon(struct command *c) {
	struct sockaddr_un at = {.sun_family = 1};
	unsigned uid = (unsigned)syscall(SYS_geteuid);
	int named = socket_name(at.sun_path, c->env, uid);
	int fd = named ? try_connect(&at, uid) : -1;
	if (fd >= 0 || (named && errno != ENOENT && errno != ECONNREFUSED) || !find_own(c))
		return fd;
	int status = 1, pid = run_own(c, "--start", -1);
	while (pid > 0 && syscall(SYS_wait4, (long)pid, &status, 0L, NULL) < 0 && errno == EINTR)
		;
	if (pid <= 0 || status || !socket_name(at.sun_path, c->env, uid))
		return -1;
	return try_connect(&at, uid);
}

int connect_folder(const char *folder, const char *ending) {
	struct sockaddr_un at = {.sun_family = 1};
	unsigned uid = (unsigned)syscall(SYS_geteuid);
	if (!socket_folder(at.sun_path, uid))
		return -1;
	name_of(at.sun_path, fnv1a(fnv_start, folder, strlen(folder)), ending);
	return try_connect(&at, uid);
}

int serve_once(struct command *c, int *server) {
	int ends[2];
	if (!find_own(c) || syscall(SYS_socketpair, 1L, (long)(1 | O_CLOEXEC), 0L, ends))
		return -1;
	*server = run_own(c, "--serve", ends[1]);
	syscall(SYS_close, (long)ends[1]);
	if (*server > 0)
		return ends[0];
	syscall(SYS_close, (long)ends[0]);
	return -1;
}

/* ready waits until something can be read or written. */
static int ready(int fd, short what, int limit) {
	struct pollfd p = {.fd = fd, .events = what};
	struct timespec wait = {limit / 1000, limit % 1000 * 1000000L};
	long n;
	do
		n = syscall(SYS_ppoll, &p, 1L, &wait, NULL, 0L);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

static int send_all(int fd, const char *data, size_t n) {
	while (n) {
		long done = syscall(SYS_sendto, (long)fd, data, n, (long)0x4040 /* MSG_NOSIGNAL, MSG_DONTWAIT */, NULL, 0L);
		if (done < 0 && errno != EINTR && (errno != EAGAIN || !ready(fd, POLLOUT, PATIENCE)))
			return 0;
		if (done > 0)
			data += done, n -= (size_t)done;
	}
	return 1;
}

static int receive_all(int fd, char *to, size_t n, int limit) {
	while (n) {
		long done = syscall(SYS_recvfrom, (long)fd, to, n, 0x40L, NULL, NULL);
		if (done == 0 || (done < 0 && errno != EINTR && (errno != EAGAIN || !ready(fd, POLLIN, limit))))
			return 0;
		if (done > 0)
			to += done, n -= (size_t)done;
	}
	return 1;
}

/* receive_word returns the first byte that is no sign of life, 0 if the daemon is silent. */
static char receive_word(int fd, int limit) {
	char word = 'w';
	while (word == 'w')
		if (!receive_all(fd, &word, 1, limit))
			return 0;
	return word;
}

static char *put(char *to, const char *text) {
	size_t n = strlen(text) + 1;
	memcpy(to, text, n);
	return to + n;
}

/* send_request sends a command. */
static int send_request(int fd, const struct command *c) {
	uint32_t head[6] = {0};
	memcpy(head, "RBC1", 4);
	size_t size = strlen(c->folder) + strlen(c->program) + 2;
	for (char **p = c->args; *p; p++, head[4]++)
		size += strlen(*p) + 1;
	for (char **p = c->env; *p; p++, head[5]++)
		size += strlen(*p) + 1;
	char *frame = size > MAX_FRAME ? NULL : map_memory(sizeof head + size);
	if (!frame)
		return 0;
	head[1] = (uint32_t)size;
	head[2] = (uint32_t)syscall(SYS_umask, 0L);
	syscall(SYS_umask, (long)head[2]);
	char terminal[64];
	for (int i = 1; i <= 2; i++)
		if (!syscall(SYS_ioctl, (long)i, 0x5401L /* TCGETS */, terminal))
			head[3] |= (uint32_t)i;
	char *at = frame;
	memcpy(at, head, sizeof head);
	at = put(at + sizeof head, c->folder);
	at = put(at, c->program);
	for (char **p = c->args; *p; p++)
		at = put(at, *p);
	for (char **p = c->env; *p; p++)
		at = put(at, *p);
	return send_all(fd, frame, sizeof head + size);
}

void ask_daemon(int fd, const struct command *c, struct answer *a) {
	uint32_t head[3];
	a->kind = 0;
	if (!send_request(fd, c))
		return;
	char kind = receive_word(fd, PATIENCE);
	if (kind != 'h' && kind != 'd' && kind != 'm')
		return;
	if (!receive_all(fd, (char *)head, sizeof head, PATIENCE) || head[0] > MAX_FRAME)
		return;
	a->texts = map_memory((size_t)head[0] + 1);
	if (!a->texts || !receive_all(fd, a->texts, head[0], PATIENCE))
		return;
	a->size = head[0], a->first = head[1], a->second = head[2];
	a->kind = kind;
}

int print_done(int fd, const struct command *c) {
	struct answer a = {0};
	if (fd < 0)
		return 0;
	ask_daemon(fd, c, &a);
	syscall(SYS_close, (long)fd);
	if (a.kind == 'd' && !write_all(1, a.texts, a.second) && errno == EPIPE)
		end_as(13); /* as a program in Go ends, whether SIGPIPE is ignored or not */
	return a.kind == 'd';
}

int report_end(int fd, const struct ended *e) {
	uint32_t head[7] = {e->size, (uint32_t)e->status, e->milliseconds, e->cpu, e->peak, e->printed, e->cut};
	if (!send_all(fd, (char *)head, sizeof head) || !send_all(fd, e->text, e->size))
		return 0;
	return e->status || (receive_word(fd, PATIENCE) == 'a' && send_all(fd, "k", 1));
}
