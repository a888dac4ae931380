package main

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/Emmanuel326/procjail/report"
)

// own are failures of ordinary programs that a jail has nothing to do with: whatever
// is named is wrong. Each is a line of sh, inside.
var own = []struct{ program, line string }{
	// Nobody listens there outside either, nor has the host that address.
	{"curl", `curl -sS http://localhost:1`},
	{"psql", `psql -h 127.0.0.1 -p 1 -c 'select 1'`},
	{"bash", `bash -c 'exec 3<>/dev/tcp/127.0.0.1/1'`},
	{"python3", `python3 -c 'import socket; socket.socket().bind(("192.0.2.1", 8080))'`},
	{"python3", `python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("127.0.0.1", 9)); s.send(b""); s.recv(1)'`},
	// What Landlock does not refuse.
	{"python3", `python3 -c 'import ctypes, os; ctypes.CDLL(None).prctl(4, 0); os.system("cat /proc/%d/maps" % os.getpid()); raise SystemExit(3)'`},
	// Limits of its own, and what nobody has.
	{"bash", `bash -c 'ulimit -u 3; (sleep 0.1) & (sleep 0.1) & (sleep 0.1) & (sleep 0.1) & wait; exit 3'`},
	{"bash", `bash -c 'ulimit -n 4; exec 3</etc/passwd 4</etc/passwd 5</etc/passwd'`},
	{"python3", `ulimit -v 100000; python3 -c 'bytearray(200 << 20)'`},
	{"python3", `ulimit -d 100000; python3 -c 'bytearray(200 << 20)'`},
	{"python3", `python3 -c 'import mmap; mmap.mmap(-1, 1 << 48, flags=mmap.MAP_PRIVATE)'`},
	// Another process's, and another file system's.
	{"cat", `cat /proc/4000000/status`},
	{"bash", `bash -c 'echo $$ >/tmp/pid; kill -0 4000000'`},
	{"sh", `exit 3`},
	{"sh", `test -e /nowhere`},
	{"sh", `echo "usage: nothing" >&2; exit 2`},
	{"bash", `bash -c 'exit 3'`},
	{"bash", `bash -c 'test -e /etc/shadow || true; echo "wrong usage" >&2; exit 2'`},
	{"bash", `bash -lc 'false'`},
	{"bash", `bash -c 'set -u; echo "$NOT_THERE"'`},
	{"ls", `ls /nowhere`},
	{"cat", `cat /tmp/nowhere`},
	{"grep", `grep nothing-of-this /etc/passwd`},
	{"find", `find / -xdev -name nothing-of-this >/dev/null; exit 1`},
	{"cp", `cp /usr/bin/true /tmp/nowhere/x`},
	{"mkdir", `mkdir /tmp`},
	{"awk", `awk 'BEGIN { exit 2 }'`},
	{"diff", `echo a >/tmp/a; echo b >/tmp/b; diff /tmp/a /tmp/b`},
	{"sort", `sort --no-such-option`},
	{"tar", `tar -xf /dev/null -C /tmp nothing`},
	{"date", `date -d nonsense`},
	{"ps", `ps aux; exit 1`},
	{"sleep", `sleep 100 & kill -9 $!; wait $!`},
	{"kill", `kill -SEGV $$`},
	{"python3", `python3 -c 'raise SystemExit(3)'`},
	{"python3", `python3 -c 'import nothing_of_this'`},
	{"python3", `python3 -c 'open("/tmp/nowhere")'`},
	{"python3", `python3 -c 'import json; json.loads("{")'`},
	{"python3", `python3 -c 'import os, subprocess, threading; t = threading.Thread(target=print); t.start(); t.join(); subprocess.run(["true"]); os._exit(3)'`},
	{"python3", `python3 -c 'import socket; socket.getaddrinfo("localhost", 80); raise ValueError'`},
	{"perl", `perl -e 'die "of itself"'`},
	{"perl", `perl -e 'use Nothing::Of::This'`},
	{"make", `cd /tmp; make`},
	{"make", `printf 'all:\n\tfalse\n' >/tmp/Makefile; make -C /tmp -j 4`},
	{"gcc", `echo 'int main(' >/tmp/x.c; gcc -o /tmp/x /tmp/x.c`},
	{"gcc", `echo 'int main(void) { return nothing(); }' >/tmp/x.c; gcc -w -o /tmp/x /tmp/x.c`},
	{"gcc", `printf '#include <assert.h>\nint main(void) { assert(0); }' >/tmp/x.c; gcc -o /tmp/x /tmp/x.c && /tmp/x`},
	{"git", `git -C /tmp status`},
	{"git", `git init -q /tmp/r && git -C /tmp/r log`},
	{"openssl", `openssl x509 -in /dev/null`},
	{"curl", `curl -s file:///nowhere`},
	{"sqlite3", `sqlite3 :memory: 'select nothing'`},
	{"node", `node -e 'process.exit(3)'`},
	{"node", `node -e 'require("nothing-of-this")'`},
	{"java", `java -version && java Nothing`},
	{"vim", `vim -es -c 'cquit 3' </dev/null`},
	{"gpg", `gpg --no-such-option`},
	{"gdb", `exec gdb -batch -ex 'quit 3'`},
	{"ip", `exec ip no-such-command`},
	{"npm", `exec npm no-such-command`},
	{"git", `exec git no-such-command`},
	{"ssh", `exec ssh -no-such-option`},
	{"man", `exec man --no-such-option`},
	{"java", `exec java Nothing`},
	{"node", `exec node -e 'throw 3'`},
	{"python3", `exec python3 -c 'import ssl, sqlite3, asyncio, multiprocessing; 1/0'`},
	{"python3", `exec python3 -m unittest nothing`},
	{"perl", `exec perl -MPOSIX -MSocket -e 'die'`},
	{"gcc", `exec gcc --no-such-option`},
	{"psql", `exec psql --no-such-option`},
	{"wget", `exec wget --no-such-option`},
	{"systemctl", `exec systemctl no-such-command`},
	{"curl", `exec curl --no-such-option`},
	{"vim", `exec vim -es -c 'cquit 3'`},
	{"tar", `exec tar --no-such-option`},
	{"make", `cd /tmp; exec make nothing`},
	{"npm", `npm --version; exit 1`},
	{"gdb", `gdb -batch -ex 'print 1'; exit 1`},
	{"ssh", `ssh -V; exit 1`},
	{"wget", `wget --version >/dev/null; exit 1`},
	{"systemctl", `systemctl --version >/dev/null; exit 1`},
	{"apt", `apt --version; exit 1`},
	{"man", `man --version; exit 1`},
	{"top", `top -b -n 1 >/dev/null; exit 1`},
	{"ss", `ss -lnt; exit 1`},
	{"ip", `ip address; exit 1`},
	{"id", `id; groups; whoami; exit 1`},
	{"df", `df; exit 1`},
	{"mount", `mount; exit 1`},
	{"locale", `locale -a; exit 1`},
	{"getent", `getent passwd root; exit 1`},
	{"nproc", `nproc; free; uptime; exit 1`},
	{"busybox", `busybox sh -c 'exit 3'`},
	{"xargs", `seq 20 | xargs -P 4 -n 1 sh -c 'exit 1'`},
	{"dd", `dd if=/dev/zero of=/tmp/f bs=1M count=8; exit 1`},
	{"ldd", `ldd /usr/bin/env; exit 1`},
	{"strings", `strings /usr/bin/env >/dev/null; exit 1`},

	// A wall that they go on without comes first, or a word that is no wall's.
	{"python3", `printf 'import socket\ntry: socket.create_connection(("192.0.2.1", 443))\nexcept OSError: pass\nprint(undefined_thing)' >/tmp/x.py; python3 /tmp/x.py`},
	{"python3", `printf 'try: open("/var/lib/dpkg/status")\nexcept OSError: pass\nopen("data.csv")' >/tmp/x.py; python3 /tmp/x.py`},
	{"python3", `printf 'try: open("/usr/local/lib/cache.db", "w")\nexcept OSError: pass\nexit("invalid argument: --colour=purple")' >/tmp/x.py; python3 /tmp/x.py`},
	{"curl", `curl -s http://192.0.2.1; awk 'BEGIN { print "division by zero" >"/dev/stderr"; exit 2 }'`},
	{"cat", `cat /var/lib/dpkg/status 2>/dev/null; cat nothere.txt`},
	{"sh", `echo "DEBUG: reading input" >&2; exit 1`},
	{"sh", `echo "MAIL FROM: rejected by recipient policy" >&2; exit 1`},
	{"sh", `echo "syntax error at TOKEN in line 3" >&2; exit 1`},
	{"sh", `echo "unsupported locale file foo.po" >&2; exit 1`},
	{"sh", `echo "cannot include /usr/bin/env on its own" >&2; exit 1`},
	{"su", `su --help >/dev/null; echo "not root: bad document" >&2; exit 1`},
}

// ofProgram reports whether a line has the program's own doing for its cause, as the
// report says too.
func ofProgram(line string, r report.Report) bool {
	for _, f := range calls(&r) {
		if f.Wall == "program" && strings.HasPrefix(line, "failed: "+f.Call+": ") && strings.Contains(line, f.Cause) {
			return true
		}
	}
	return false
}

// control runs them.
func (b *bench) control() (outcomes []Outcome, err error) {
	for _, p := range own {
		o := Outcome{Group: "own", Name: p.line, Cause: "program"}
		if !b.wanted.MatchString(o.Group + "/" + o.Name) {
			continue
		}
		for _, m := range modes {
			if _, err := exec.LookPath(p.program); err != nil {
				o.Verdicts = append(o.Verdicts, Verdict{Result: "no " + p.program})
				continue
			}
			wrapper, reports, err := b.wrapper(m.options)
			if err != nil {
				return nil, err
			}
			cmd := exec.Command(wrapper+"/procjail", "--timeout", "60s", "sh", "-c", p.line)
			cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + b.temporary, "LANG=C.UTF-8", "LC_ALL=C", "USER=somebody", "SHELL=/bin/sh", "EDITOR=vi", "DEBUG=1", "MAIL=x", "TOKEN=x"}
			out, err := cmd.CombinedOutput()
			if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
				return nil, fmt.Errorf("%s: %w:\n%s", p.line, err, out)
			}
			if err == nil {
				return nil, fmt.Errorf("%s: it did not fail:\n%s", p.line, out)
			}
			s, err := collect(string(out), reports)
			if err != nil {
				return nil, err
			}
			if len(s.reports) != 1 || s.reports[0].Reason != "exited" && s.reports[0].Reason != "signaled" {
				return nil, fmt.Errorf("%s: it did not end as it should:\n%s", p.line, strings.Join(s.lines, "\n"))
			}
			v := Verdict{right, s.lines}
			for _, line := range s.lines {
				if claims.MatchString(line) && !noClaims.MatchString(line) && !ofProgram(line, s.reports[0]) {
					v.Result = wrong
				}
			}
			o.Verdicts = append(o.Verdicts, v)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}
