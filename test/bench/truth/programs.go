package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/Emmanuel326/procjail/report"
)

// met is a failure of an ordinary program that a jail is the reason for, and what has
// to be named first.
type met struct {
	program string
	before  string // a line of sh outside, in DIR, which is also the home outside
	options string
	line    string // a line of sh, inside; PORT is one that somebody listens on outside
	wall    string // of the report: a package wall's, "seccomp", or a field of it
	names   string // a regular expression for the line
}

const (
	noNetwork = `--net none has no`
	notShown  = `(, which)? exists on the host and is not shown inside`
)

// walls are what users meet in a jail.
var walls = []met{
	// There is no network.
	{"git", "", "", `git clone https://example.com/x /tmp/x`, "network", noNetwork},
	{"git", "", "", `git clone ssh://git@example.com/x /tmp/x`, "network", noNetwork},
	{"ssh", "", "", `ssh -o BatchMode=yes example.com`, "network", noNetwork},
	{"curl", "", "", `curl -sS http://example.com`, "network", noNetwork},
	{"curl", "", "", `curl -sS http://192.0.2.1`, "network", noNetwork},
	{"curl", "", "", `curl -sS http://localhost:PORT`, "network", `nobody inside listens there`},
	{"psql", "", "", `psql -h 127.0.0.1 -p PORT -c 'select 1'`, "network", `nobody inside listens there`},
	{"bash", "", "", `bash -c 'exec 3<>/dev/tcp/127.0.0.1/PORT'`, "network", `nobody inside listens there`},
	{"wget", "", "", `wget -t 1 -qO- http://example.com || { echo "no page" >&2; exit 1; }`, "network", noNetwork},
	{"rsync", "", "", `rsync rsync://example.com/x /tmp/x`, "network", noNetwork},
	{"pip3", "", "", `pip3 download --retries 1 -d /tmp requests`, "network", noNetwork},
	{"npm", "", "", `npm --fetch-retries=0 --prefix /tmp/x install left-pad`, "network", noNetwork},
	{"cargo", "mkdir src; echo 'fn main() {}' >src/main.rs; printf '[package]\nname = \"x\"\nversion = \"1.0.0\"\n[dependencies]\nrand = \"0.8\"\n' >Cargo.toml", "--overlay-tmp DIR --id self", `cd DIR; cargo fetch`, "network", noNetwork},
	{"go", "printf 'module x\nrequire golang.org/x/sys v0.1.0\n' >go.mod", "--ro DIR", `cd DIR; PATH=$PATH:/usr/local/go/bin GOPROXY=https://proxy.golang.org GOPATH=/tmp/go go mod download`, "network", noNetwork},
	{"python3", "", "", `python3 -c 'import urllib.request; urllib.request.urlopen("http://example.com")'`, "network", noNetwork},
	{"perl", "", "", `perl -MIO::Socket::INET -e 'IO::Socket::INET->new("example.com:80") or die $@'`, "network", noNetwork},
	{"node", "", "", `node -e 'require("http").get("http://example.com").on("error", e => { throw e })'`, "network", noNetwork},
	{"openssl", "", "", `openssl s_client -connect example.com:443 </dev/null`, "network", noNetwork},
	{"getent", "", "", `getent hosts example.com`, "network", noNetwork},
	{"psql", "", "", `psql -h db.example.com -c 'select 1'`, "network", noNetwork},
	{"gpg", "", "", `mkdir -m 700 /tmp/g; gpg --homedir /tmp/g --keyserver hkp://example.com --recv-keys 0123456789ABCDEF`, "network", noNetwork},
	{"docker", "", "", `docker -H tcp://example.com:2375 ps`, "network", noNetwork},
	{"java", "printf 'class X { public static void main(String[] a) throws Exception { new java.net.Socket(\"example.com\", 80); } }' >X.java", "--ro DIR", `java DIR/X.java`, "network", noNetwork},

	// A file is not shown.
	{"cat", "echo secret >token", "", `cat DIR/token`, "view", `DIR(/token)?` + notShown},
	{"python3", "echo 'print(1)' >x.py", "", `python3 DIR/x.py`, "view", `DIR(/x.py)?` + notShown},
	{"node", "echo 1 >x.js", "", `node DIR/x.js`, "view", `DIR(/x.js)?` + notShown},
	{"perl", "echo 1 >x.pl", "", `perl DIR/x.pl`, "view", `DIR(/x.pl)?` + notShown},
	{"bash", "echo true >x.sh", "", `bash DIR/x.sh`, "view", `DIR(/x.sh)?` + notShown},
	{"java", "echo x >x.jar", "", `java -jar DIR/x.jar`, "view", `DIR(/x.jar)?` + notShown},
	{"gcc", "echo 'int main(void) {}' >x.c", "", `gcc -o /tmp/x DIR/x.c`, "view", `DIR(/x.c)?` + notShown},
	{"gcc", "echo >x.h; echo '#include \"DIR/x.h\"' >x.c", "--ro DIR/x.c", `gcc -c -o /tmp/x DIR/x.c`, "view", `DIR(/x.h)?` + notShown},
	{"make", "echo all: >Makefile", "", `make -C DIR`, "view", `DIR` + notShown},
	{"git", "git init -q x", "", `git clone DIR/x /tmp/y`, "view", `DIR(/x)?` + notShown},
	{"tar", "tar -cf x.tar /etc/passwd 2>/dev/null", "", `tar -xf DIR/x.tar -C /tmp`, "view", `DIR(/x.tar)?` + notShown},
	{"sqlite3", "sqlite3 x.db 'create table x (y)'", "", `sqlite3 -bail -readonly DIR/x.db 'select * from x'`, "view", `DIR(/x.db)?` + notShown},
	{"docker", `python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("docker.sock")'`, "", `docker -H unix://DIR/docker.sock ps`, "view", `DIR(/docker.sock)?` + notShown},
	{"psql", `python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(".s.PGSQL.5432")'`, "", `psql -h DIR -c 'select 1'`, "view", `DIR(/.s.PGSQL.5432)?` + notShown},
	{"ssh", "ssh-keygen -q -t ed25519 -N '' -f key", "", `ssh-keygen -y -f DIR/key`, "view", `DIR(/key)?` + notShown},
	{"openssl", "echo x >key.pem", "", `openssl rsa -in DIR/key.pem`, "view", `DIR(/key.pem)?` + notShown},
	{"git", "git init -q x; git config --file .gitconfig user.name x; git config --file .gitconfig user.email x@example.com", "-p build --rw DIR/x", `cd DIR/x; git -c user.useConfigOnly=true commit -q --allow-empty -m x`, "view", `DIR/.gitconfig` + notShown},
	{"cat", "echo machine >.netrc", "-p build", `cat "$HOME/.netrc"`, "view", `DIR/.netrc` + notShown},
	{"sh", "printf '#!/bin/sh\n' >tool; chmod +x tool", "", `DIR/tool`, "view", `DIR(/tool)?` + notShown},
	{"mkdir", "", "", `mkdir /opt/app`, "view", `/opt` + notShown},

	// A place is read-only.
	{"cp", "", "", `cp /usr/bin/true /usr/local/bin/tool`, "read-only", `on the mount /usr, which is read-only`},
	{"tar", "", "", `tar -C / -cf /tmp/x.tar etc/passwd && tar -C /usr/local -xf /tmp/x.tar`, "read-only", `on the mount /usr, which is read-only`},
	{"gcc", "echo 'int main(void) {}' >x.c", "--ro DIR", `cd DIR; gcc x.c`, "read-only", `DIR, which is read-only`},
	{"make", "printf 'x:\n\techo >x\n' >Makefile", "--ro DIR", `make -C DIR`, "read-only", `DIR, which is read-only`},
	{"git", "git init -q x", "--id self --ro DIR", `cd DIR/x; git -c user.name=x -c user.email=x commit -q --allow-empty -m x`, "read-only", `DIR, which is read-only`},
	{"sqlite3", "sqlite3 x.db 'create table x (y)'", "--id self --ro DIR", `sqlite3 DIR/x.db 'insert into x values (1)'`, "read-only", `DIR, which is read-only`},
	{"vim", "echo 1 >x", "--id self --ro DIR", `vim -es -u NONE -c 'normal ix' -c 'w! DIR/x' -c 'q' -c 'cquit'`, "read-only", `DIR, which is read-only`},
	{"sed", "echo 1 >x", "--ro DIR", `sed -i s/1/2/ DIR/x`, "read-only", `DIR, which is read-only`},
	{"npm", "echo '{\"name\": \"x\", \"version\": \"1.0.0\"}' >package.json", "--id self --ro DIR", `cd DIR; npm version patch`, "read-only", `DIR, which is read-only`},
	{"npm", "echo '{\"name\": \"x\", \"version\": \"1.0.0\"}' >package.json", "--ro DIR", `cd /tmp; npm install -g --prefix /usr/local DIR`, "read-only", `on the mount /usr, which is read-only`},
	{"pip3", "printf 'from setuptools import setup\nsetup(name=\"x\")\n' >setup.py", "--overlay-tmp DIR --id self", `pip3 install --no-index --no-build-isolation --root-user-action ignore --break-system-packages --target /usr/local/lib/x DIR`, "read-only", `on the mount /usr, which is read-only`},
	{"python3", "mkdir x", "--ro DIR", `python3 -m venv DIR/x/v`, "read-only", `DIR, which is read-only`},
	{"cargo", "mkdir src; echo 'fn main() {}' >src/main.rs; printf '[package]\nname = \"x\"\nversion = \"1.0.0\"\n' >Cargo.toml", "--ro DIR", `cd DIR; cargo build --offline`, "read-only", `DIR, which is read-only`},
	{"go", "printf 'module x\n' >go.mod; printf 'package main\nfunc main() {}\n' >x.go", "--ro DIR", `cd DIR; PATH=$PATH:/usr/local/go/bin HOME=/tmp go build -o x .`, "read-only", `DIR, which is read-only`},
	{"useradd", "", "", `useradd somebody`, "read-only", `read-only`},
	{"sysctl", "", "", `sysctl -w kernel.core_pattern=x`, "read-only", `on the mount /proc, which is read-only`},
	{"touch", "", "-p build", `touch /usr/share/x`, "read-only", `on the mount /usr, which is read-only`},

	// The policy refuses a call.
	{"strace", "", "", `strace true`, "seccomp", `ptrace\(`},
	{"gdb", "", "", `gdb -batch -ex run -ex 'quit $_exitcode' --args true; exit 1`, "seccomp", `ptrace\(|personality\(`},
	{"perf", "", "", `perf stat true`, "seccomp", `perf_event_open\(`},
	{"bwrap", "", "", `bwrap --ro-bind / / true`, "seccomp", `(clone|unshare)\(.*CLONE_NEW`},
	{"unshare", "", "", `unshare -r true`, "seccomp", `unshare\(CLONE_NEWUSER`},
	{"chroot", "", "", `chroot /tmp true`, "seccomp", `chroot\(`},
	{"dmesg", "", "", `dmesg`, "seccomp", `syslog\(`},
	{"hostname", "", "", `hostname other`, "seccomp", `sethostname\(`},
	{"date", "", "", `date -s 12:00`, "seccomp", `clock_settime\(|settimeofday\(`},
	{"busybox", "", "", `busybox mount -t tmpfs none /tmp`, "seccomp", `mount\(`},
	{"busybox", "", "", `busybox insmod /tmp/x.ko; busybox swapoff /tmp/x`, "seccomp", `swapoff\(`},
	{"python3", "", "", `python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'`, "seccomp", `socket\(AF_PACKET`},
	{"tcpdump", "", "", `tcpdump -c 1`, "seccomp", `socket\(`},

	// A privilege is not to be had.
	{"su", "", "", `su -c id </dev/null`, "privilege", `setuid program`},
	{"passwd", "", "", `passwd </dev/null`, "privilege", `setuid program`},
	{"mount", "", "", `mount -t tmpfs none /tmp`, "seccomp", `mount\(`},
	{"python3", "", "", `python3 -m http.server 80`, "capability", `CAP_NET_BIND_SERVICE`},
	{"node", "", "", `node -e 'require("http").createServer().listen(80)'`, "capability", `CAP_NET_BIND_SERVICE`},
	{"busybox", "", "", `busybox nc -l -p 80`, "capability", `CAP_NET_BIND_SERVICE`},
	{"chown", "", "", `touch /tmp/x; chown 33 /tmp/x`, "id-map", `user 33 is not in`},
	{"mknod", "", "", `mknod /tmp/x c 1 3`, "capability", `CAP_MKNOD`},
	{"busybox", "", "", `busybox ping -c 1 127.0.0.1`, "", `CAP_NET_RAW|socket\(`},

	// A limit.
	{"dd", "", "", `dd if=/dev/zero of=/tmp/x bs=1M count=100`, "full", `^full: /tmp `},
	{"python3", "", "", `python3 -c 'import tempfile; tempfile.TemporaryFile().write(b"x" * (100 << 20))'`, "full", `^full: /tmp `},
	{"python3", "", "", `python3 -c 'from multiprocessing import shared_memory as s; m = s.SharedMemory(create=True, size=100 << 20); m.buf[:] = bytes(100 << 20)'`, "full", `/dev/shm`},
	{"java", "", "--cgroup off --memory 64M", `java -version`, "limit", `RLIMIT_DATA`},
	{"python3", "", "--cgroup off --memory 128M", `python3 -c 'bytearray(1 << 30)'`, "limit", `RLIMIT_DATA`},
	{"python3", "", "--cgroup off --memory 128M", `python3 -c 'x = [b"x" * (1 << 20) for i in range(1000)]'`, "", `^memory: .*128M|RLIMIT_DATA`},
	{"perl", "", "--cgroup off --memory 64M", `perl -e '$x = "x" x (1 << 30); exit 1'`, "limit", `RLIMIT_DATA`},
	{"python3", "", "--cgroup off --pids 16", `python3 -c 'import threading, time; [threading.Thread(target=time.sleep, args=(3,), daemon=True).start() for i in range(50)]'`, "", `as many processes|^pids: `},
	{"bash", "", "--cgroup off --pids 8", `bash -c 'for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait; exit 1'`, "", `as many processes|^pids: `},
	{"python3", "", "", `python3 -c 'x = [open("/dev/null") for i in range(5000)]'`, "limit", `RLIMIT_NOFILE`},
	{"perl", "", "", `perl -e 'for (1..5000) { open(my $f, "<", "/dev/null") or die $!; push @x, $f }'`, "limit", `RLIMIT_NOFILE`},

	// Another id, the terminal, the environment.
	{"sh", "echo >x; chmod 644 x; chmod 777 .", "--id subid --rw DIR", `echo >DIR/x`, "mode", `DIR/x`},
	{"python3", "echo >x; chmod 600 x", "--id subid --ro DIR", `python3 -c 'open("DIR/x")'`, "mode", `DIR/x`},
	{"ssh", "ssh-keygen -q -t ed25519 -N '' -f key", "--id subid --ro DIR", `ssh-keygen -y -f DIR/key`, "mode", `DIR/key`},
	{"git", "git init -q x", "--id subid --ro DIR", `git -C DIR/x log`, "id-map", `DIR/x`},
	{"bash", "", "", `bash -c 'read x </dev/tty'`, "terminal", `no terminal`},
	{"xdpyinfo", "", "", `xdpyinfo`, "variable", `DISPLAY`},
	{"python3", "", "", `python3 -c 'import os; os.environ["TOKEN"]'`, "variable", `TOKEN`},
	{"bash", "", "", `bash -c 'echo "${TOKEN:?}"'`, "variable", `TOKEN`},
	{"node", "", "", `node -e 'if (!process.env.TOKEN) throw Error("TOKEN is not set")'`, "variable", `TOKEN`},
}

// meetings runs them.
func (b *bench) meetings() (outcomes []Outcome, err error) {
	for _, p := range walls {
		o := Outcome{Group: "programs", Name: strings.TrimSpace(p.options + " " + p.line), Cause: p.wall}
		if !b.wanted.MatchString(o.Group + "/" + o.Name) {
			continue
		}
		for _, m := range modes {
			if _, err := exec.LookPath(p.program); err != nil {
				o.Verdicts = append(o.Verdicts, Verdict{Result: "no " + p.program})
				continue
			}
			v, err := b.meet(p, m.options)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.line, err)
			}
			o.Verdicts = append(o.Verdicts, v)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// meet runs one of them.
func (b *bench) meet(p met, options []string) (v Verdict, err error) {
	dir, err := os.MkdirTemp(b.temporary, "")
	if err != nil {
		return v, err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return v, err
	}
	wrapper, reports, err := b.wrapper(options)
	if err != nil {
		return v, err
	}
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + dir, "LANG=C.UTF-8", "LC_ALL=C", "DISPLAY=:7", "TOKEN=x"}
	if out, err := shell(dir, env, "sh", "-c", in(dir, p.before)); err != nil {
		return Verdict{Result: "not made", Said: []string{err.Error() + ": " + out}}, nil
	}
	args := append([]string{wrapper + "/procjail", "--timeout", "30s"}, strings.Fields(in(dir, p.options))...)
	cwd := dir + "/cwd" // the profile build shows that
	if err := os.Mkdir(cwd, 0o755); err != nil {
		return v, err
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return v, err
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	out, err := shell(cwd, env, append(args, "sh", "-c", strings.ReplaceAll(in(dir, p.line), "PORT", port))...)
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return v, err
	}
	s, err2 := collect(strings.ReplaceAll(out, dir, "DIR"), reports)
	if err2 != nil {
		return v, err2
	}
	w := want{line: p.names, report: p.reported}
	v = Verdict{w.judge(s), s.lines}
	if err == nil || len(s.reports) != 1 || s.reports[0].Reason == "setup-failed" || s.reports[0].Reason == "timeout" {
		v.Result = "not met"
		v.Said = append(v.Said, strings.Split(strings.TrimSpace(out), "\n")...)
	}
	return v, nil
}

// shell runs a command there, and is what it prints.
func shell(dir string, env []string, argv ...string) (string, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// reported reports whether the report has it too.
func (p met) reported(r *report.Report) bool {
	switch p.wall {
	case "":
		return true
	case "full":
		return len(r.Full) > 0 || failed("space", "")(r)
	case "seccomp":
		for _, c := range r.Denials.Calls {
			if regexp.MustCompile(p.names).MatchString(c.Call) {
				return true
			}
		}
		return false
	}
	return failed(p.wall, "")(r)
}
