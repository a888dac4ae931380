/*
 * floor makes the kernel calls of procjail's strict plan with --id self and
 * nothing else: no libc, no parsing, no checks beyond the first failure. It is
 * the yardstick of test/bench, not a sandbox to use.
 *
 *     floor FILTER PROGRAM [ARG...]
 *
 * FILTER is a file of struct sock_filter: seccomp/filters/strict.ARCH.bpf. The
 * tables below are the view of profiles/strict.toml on a Debian with a merged
 * /usr; bring them in line with `procjail --dry-run` when that changes. What it
 * has no use for is procjail's exec of a smaller PID 1: it is that small itself.
 *
 *     cc -O2 -static -nostdlib -ffreestanding -o floor floor.c
 */
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <linux/sockios.h>
#include <linux/stat.h>
#include <asm/unistd.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>

#define MNT_DETACH 2
#define LAST_CAP 40

/* ---- system calls --------------------------------------------------------- */

/* Inlined always: after a vfork both processes use one stack, and nothing may
 * return through what the other has written. */
static inline __attribute__((always_inline)) long call6(long n, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return n;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#else
#error "floor knows amd64 and arm64"
#endif
}

#define L(x) ((long)(x))
#define SYS(n, a, b, c, d, e, f) call6(__NR_##n, L(a), L(b), L(c), L(d), L(e), L(f))

static size_t length(const char *s)
{
	size_t n = 0;
	while (s[n])
		n++;
	return n;
}

/* must ends the whole thing with what failed. */
static long must_at(long result, const char *what)
{
	if (result >= 0)
		return result;
	char digits[8] = " 000\n";
	for (int i = 3, e = (int)-result; i > 0; i--, e /= 10)
		digits[i] = (char)('0' + e % 10);
	SYS(write, 2, what, length(what), 0, 0, 0);
	SYS(write, 2, digits, 5, 0, 0, 0);
	SYS(exit_group, 125, 0, 0, 0, 0, 0);
	__builtin_unreachable();
}
#define MUST(name, ...) MUST6(name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define MUST6(name, a, b, c, d, e, f, ...) must_at(SYS(name, a, b, c, d, e, f), #name " " #a " " #b)

static void put(const char *name, int flags, const char *text)
{
	int fd = (int)MUST(openat, AT_FDCWD, name, O_WRONLY | O_CLOEXEC | flags, 0444);
	MUST(write, fd, text, length(text));
	SYS(close, fd, 0, 0, 0, 0, 0);
}

/* map writes "INSIDE OUTSIDE 1", as uid_map and gid_map have it. */
static void map(const char *name, const char *inside, unsigned outside)
{
	char line[64], digits[12];
	int n = 0, d = 0;
	while (*inside)
		line[n++] = *inside++;
	line[n++] = ' ';
	do
		digits[d++] = (char)('0' + outside % 10);
	while (outside /= 10);
	while (d)
		line[n++] = digits[--d];
	line[n++] = ' ';
	line[n++] = '1';
	line[n] = 0;
	int fd = (int)MUST(openat, AT_FDCWD, name, O_WRONLY | O_CLOEXEC);
	MUST(write, fd, line, n);
	SYS(close, fd, 0, 0, 0, 0, 0);
}

/* ---- the view of profiles/strict.toml -------------------------------------- */

/* In the plan's order. Until pivot_root, absolute paths are the host's, and
 * relative ones those of the new root, which is the working directory. */
#define RO (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define SHOWN (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define NODE (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

static const char *const made[][2] = {
	{ "etc/passwd", "root:x:0:0::/nonexistent:/usr/sbin/nologin\nuser:x:1000:1000::/home/user:/bin/sh\n"
			"nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n" },
	{ "etc/group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n" },
	{ "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n" },
	{ "etc/hosts", "127.0.0.1 localhost jail\n::1 localhost ip6-localhost ip6-loopback\n" },
	{ "etc/hostname", "jail\n" },
	{ "etc/services", "ftp 21/tcp\nssh 22/tcp\ndomain 53/udp\nhttp 80/tcp www\nhttps 443/tcp\n" },
	{ "etc/protocols", "ip 0 IP\nicmp 1 ICMP\ntcp 6 TCP\nudp 17 UDP\n" },
};
static const char *const links[][2] = { { "usr/bin", "bin" }, { "usr/sbin", "sbin" }, { "usr/lib", "lib" },
					{ "usr/lib64", "lib64" } };
static const char *const dev_links[][2] = { { "/proc/self/fd", "dev/fd" }, { "/proc/self/fd/0", "dev/stdin" },
					    { "/proc/self/fd/1", "dev/stdout" }, { "/proc/self/fd/2", "dev/stderr" },
					    { "pts/ptmx", "dev/ptmx" } };
static const char *const nodes[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty" };
static const char *const masks[] = {
	"/proc/acpi", "/proc/asound", "/proc/bus", "/proc/cmdline", "/proc/diskstats", "/proc/driver", "/proc/fs",
	"/proc/interrupts", "/proc/irq", "/proc/kallsyms", "/proc/kcore", "/proc/key-users", "/proc/keys",
	"/proc/latency_stats", "/proc/locks", "/proc/modules", "/proc/partitions", "/proc/pressure", "/proc/sched_debug",
	"/proc/schedstat", "/proc/scsi", "/proc/softirqs", "/proc/swaps", "/proc/timer_list", "/proc/timer_stats",
};
#define EACH(table) for (size_t i = 0; i < sizeof(table) / sizeof *(table); i++)

/* What the supervisor looks up: 0 not there, 1 a file, 2 a directory. */
static char mask_kind[sizeof masks / sizeof *masks];

static void look(void)
{
	EACH(masks)
	{
		struct statx st;
		if (SYS(statx, AT_FDCWD, masks[i], AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st, 0) == 0)
			mask_kind[i] = (st.stx_mode & 0170000) == 0040000 ? 2 : 1;
	}
}

static void dir(const char *name) { MUST(mkdirat, AT_FDCWD, name, 0755); }
static void file(const char *name) { MUST(mknodat, AT_FDCWD, name, S_IFREG | 0444, 0); }
static void move(long fd, const char *to) { MUST(move_mount, fd, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH); }

static void attr(long fd, const char *path, long flags, unsigned long set, unsigned long propagation)
{
	struct mount_attr a = { .attr_set = set, .propagation = propagation };
	MUST(mount_setattr, fd, path, flags, &a, sizeof a);
}

static void attach(const char *from, const char *to, long recursive, unsigned long set)
{
	long fd = MUST(open_tree, AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive);
	attr(fd, "", AT_EMPTY_PATH | recursive, set, MS_PRIVATE);
	move(fd, to);
}

static void optional(const char *path, long recursive)
{
	struct statx st;
	if (SYS(statx, AT_FDCWD, path, 0, STATX_TYPE, &st, 0) < 0)
		return;
	if (recursive)
		dir(path + 1);
	else
		file(path + 1);
	attach(path, path + 1, recursive, RO);
}

static void set(long fs, const char *key, const char *value)
{
	MUST(fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0);
}

static long tmpfs(const char *size, const char *inodes, const char *mode)
{
	long fs = MUST(fsopen, "tmpfs", FSOPEN_CLOEXEC);
	set(fs, "size", size);
	set(fs, "nr_inodes", inodes);
	set(fs, "mode", mode);
	MUST(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
	return MUST(fsmount, fs, FSMOUNT_CLOEXEC, SHOWN);
}

static void view(void)
{
	MUST(umask, 0);
	long root = tmpfs("1048576", "4096", "0755");
	move(root, "/");
	MUST(fchdir, root);

	dir("usr");
	attach("/usr", "usr", AT_RECURSIVE, RO);
	EACH(links) MUST(symlinkat, links[i][0], AT_FDCWD, links[i][1]);
	dir("etc");
	optional("/etc/ld.so.cache", 0);
	optional("/etc/alternatives", AT_RECURSIVE);
	optional("/etc/ssl", AT_RECURSIVE);
	optional("/etc/localtime", 0);
	optional("/etc/java-11-openjdk", AT_RECURSIVE);
	optional("/etc/java-17-openjdk", AT_RECURSIVE);
	optional("/etc/java-21-openjdk", AT_RECURSIVE);
	optional("/etc/java-25-openjdk", AT_RECURSIVE);
	optional("/etc/manpath.config", 0);
	optional("/etc/groff", AT_RECURSIVE);
	EACH(made) put(made[i][0], O_CREAT | O_EXCL, made[i][1]);

	dir("proc");
	long fs = MUST(fsopen, "proc", FSOPEN_CLOEXEC);
	MUST(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
	move(MUST(fsmount, fs, FSMOUNT_CLOEXEC, RO | MOUNT_ATTR_NOEXEC), "proc");
	MUST(mkdirat, AT_FDCWD, ".empty", 0555);
	EACH(masks)
		if (mask_kind[i])
			attach(mask_kind[i] == 2 ? ".empty" : "/dev/null", masks[i] + 1, 0, mask_kind[i] == 2 ? RO : NODE);

	dir("dev");
	EACH(nodes)
	{
		file(nodes[i] + 1);
		attach(nodes[i], nodes[i] + 1, 0, NODE);
	}
	EACH(dev_links) MUST(symlinkat, dev_links[i][0], AT_FDCWD, dev_links[i][1]);
	dir("dev/pts");
	fs = MUST(fsopen, "devpts", FSOPEN_CLOEXEC);
	set(fs, "ptmxmode", "0666");
	set(fs, "mode", "0620");
	MUST(fsconfig, fs, FSCONFIG_CMD_CREATE, 0, 0, 0);
	move(MUST(fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), "dev/pts");
	dir("dev/shm");
	move(tmpfs("67108864", "16384", "1777"), "dev/shm");

	dir("tmp");
	move(tmpfs("67108864", "16384", "1777"), "tmp");
	dir("var");
	MUST(symlinkat, "/tmp", AT_FDCWD, "var/tmp");
	MUST(symlinkat, "/run", AT_FDCWD, "var/run");
	dir("run");
	dir("home");
	dir("home/user");
	move(tmpfs("67108864", "16384", "0700"), "home/user");

	MUST(pivot_root, ".", ".");
	MUST(umount2, ".", MNT_DETACH);
	attr(AT_FDCWD, "/", AT_RECURSIVE, MOUNT_ATTR_NOSUID, MS_PRIVATE);
	attr(AT_FDCWD, "/", 0, RO, 0);
}

/* ---- the rest of the plan --------------------------------------------------- */

static void namespaces(unsigned uid, unsigned gid)
{
	put("/proc/self/setgroups", 0, "deny");
	map("/proc/self/uid_map", "1000", uid);
	map("/proc/self/gid_map", "1000", gid);

	MUST(sethostname, "jail", 4);
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	long fd = MUST(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	MUST(ioctl, fd, SIOCSIFFLAGS, &lo);
	SYS(close, fd, 0, 0, 0, 0, 0);

	MUST(unshare, CLONE_NEWTIME);
	put("/proc/sys/user/max_user_namespaces", 0, "0");
	put("/proc/sys/user/max_inotify_instances", 0, "64");
	put("/proc/self/timens_offsets", 0, "monotonic -1 0\nboottime -1 0\n");
	fd = MUST(openat, AT_FDCWD, "/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	MUST(setns, fd, CLONE_NEWTIME);
	SYS(close, fd, 0, 0, 0, 0, 0);
}

static void privileges(void)
{
	for (int cap = 0; cap <= LAST_CAP; cap++)
		MUST(prctl, PR_CAPBSET_DROP, cap);
	MUST(prctl, PR_SET_SECUREBITS, SECURE_ALL_BITS | SECURE_ALL_LOCKS);
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	MUST(capset, &header, none);
	MUST(keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0);
	MUST(prctl, PR_SET_NO_NEW_PRIVS, 1);
	MUST(prctl, PR_SET_DUMPABLE, 0);
}

static void landlock(void)
{
	static const char *const writable[] = { "/dev", "/tmp", "/home/user" };
	struct landlock_ruleset_attr all = { .handled_access_fs = 0x7fff };
	struct landlock_path_beneath_attr rule = { .allowed_access = 0xd };
	long rules = SYS(landlock_create_ruleset, &all, sizeof all.handled_access_fs, 0, 0, 0, 0);
	if (rules < 0)
		return; /* Linux before 6.2, or not built in */
	rule.parent_fd = (int)MUST(openat, AT_FDCWD, "/", O_PATH | O_CLOEXEC);
	MUST(landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	EACH(writable)
	{
		rule.allowed_access = 0x7fff;
		rule.parent_fd = (int)MUST(openat, AT_FDCWD, writable[i], O_PATH | O_CLOEXEC);
		MUST(landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	}
	for (int fd = 0; fd < 3; fd++) { /* a pipe or a socket refuses it */
		rule.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
		rule.parent_fd = fd;
		SYS(landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0, 0, 0);
	}
	MUST(landlock_restrict_self, rules, 0);
}

/* payload runs on init's stack until execve, as vfork(2) has it. */
static void payload(const struct sock_fprog *program, char **argv, char **envp)
{
	static const struct {
		int resource;
		unsigned long value;
	} limits[] = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 1024 }, { RLIMIT_NPROC, 128 } };
	EACH(limits)
	{
		unsigned long limit[2] = { limits[i].value, limits[i].value };
		MUST(prlimit64, 0, limits[i].resource, limit, 0);
	}
	landlock();
	MUST(chdir, "/home/user");
	MUST(umask, 022);
	MUST(seccomp, SECCOMP_SET_MODE_FILTER, 0, program);
	MUST(execve, argv[0], argv, envp);
}

/* reap is PID 1: it takes what dies until the payload does. */
static int reap(long main)
{
	for (;;) {
		int status;
		long pid = MUST(wait4, -1, &status, 0, 0);
		if (pid == main)
			return status & 0x7f ? 128 + (status & 0x7f) : status >> 8;
	}
}

static struct sock_filter filter[4096];

static int start(char **argv, char **envp)
{
	if (!argv[0] || !argv[1] || !argv[2])
		must_at(-22, "usage: floor FILTER PROGRAM [ARG...]");
	int fd = (int)MUST(openat, AT_FDCWD, argv[1], O_RDONLY | O_CLOEXEC);
	long size = MUST(read, fd, filter, sizeof filter);
	SYS(close, fd, 0, 0, 0, 0, 0);
	struct sock_fprog program = { (unsigned short)(size / (long)sizeof *filter), filter };
	unsigned uid = (unsigned)SYS(getuid, 0, 0, 0, 0, 0, 0), gid = (unsigned)SYS(getgid, 0, 0, 0, 0, 0, 0);

	look();

	long alive = MUST(pidfd_open, SYS(getpid, 0, 0, 0, 0, 0, 0), 0);
	int pidfd = -1;
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (unsigned long)&pidfd,
		.exit_signal = SIGCHLD,
	};
	long init = MUST(clone3, &args, sizeof args);
	if (init > 0) {
		int status;
		MUST(wait4, init, &status, 0, 0);
		return status & 0x7f ? 128 + (status & 0x7f) : status >> 8;
	}
	MUST(prctl, PR_SET_PDEATHSIG, SIGKILL);
	struct pollfd ended = { (int)alive, POLLIN, 0 };
	struct timespec now = { 0, 0 };
	MUST(ppoll, &ended, 1, &now, 0, 8);
	MUST(close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
	namespaces(uid, gid);
	view();
	privileges();
	struct clone_args vfork = { .flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD };
	long pid = MUST(clone3, &vfork, sizeof vfork);
	if (pid == 0)
		payload(&program, argv + 2, envp);
	return reap(pid);
}

/* The kernel leaves argc, argv, 0, envp at the stack pointer. */
__attribute__((used)) static void entry(long *stack)
{
	char **argv = (char **)(stack + 1);
	int status = start(argv, argv + stack[0] + 1);
	SYS(exit_group, status, 0, 0, 0, 0, 0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call entry\n");
#else
__asm__(".globl _start\n_start: mov x0, sp\n bl entry\n");
#endif
