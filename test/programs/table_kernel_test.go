package programs

// strict are the jobs of programs that nobody trusts.
var strict = []program{
	{
		name: "dash",
		script: `
			i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done; echo $i
			trap 'echo trapped' USR1; kill -USR1 $$
			(exit 3) || echo "status $?"
			cat <<-END
			here $(echo document)
			END`,
		want: "1000\ntrapped\nstatus 3\nhere document",
	},
	{
		name: "bash",
		script: `bash -euc '
			declare -A a=([x]=1 [y]=2); echo "${#a[@]} ${a[y]}"
			diff <(seq 3) <(seq 1 3) && echo same
			coproc cat; echo through >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"
			sleep 0.1 & wait $!; echo "$HOME $USER" | tr -d "\n" | wc -c
			[[ abc =~ ^a(.)c$ ]] && echo "${BASH_REMATCH[1]}"'`,
		want: "2 2\nsame\nthrough\n15\nb",
	},
	{
		name:   "zsh",
		script: `zsh -fc 'a=(c b a); print ${(j:,:)${(o)a}}; print -l /data/*.py(:t); zmodload zsh/datetime && print ${(U):-loaded}; sleep 0.1 & wait; print =sh' `,
		want:   "a,b,c\nwork.py\nLOADED\n/usr/bin/sh",
	},
	{
		name:   "busybox",
		script: `cd /tmp; mkdir www; echo served >www/index.html; busybox httpd -f -p 127.0.0.1:8080 -h www & sleep 0.3; busybox wget -q -O - http://127.0.0.1:8080/; busybox tar -cf - www | busybox gzip | busybox zcat | busybox tar -tf -`,
		want:   "served\nwww/\nwww/index.html",
	},
	{
		name:   "python3",
		script: `python3 /data/work.py`,
		want: `threads 190
pool [0, 1, 4, 9, 16]
spawn [36, 49]
queue queued
subprocess ABC 3
sqlite 499500 ['db', 'db-shm', 'db-wal']
tls True
asyncio HELLO
socketpair fd
services 443 6
ctypes 5`,
	},
	{
		name:   "perl",
		script: `perl /data/work.pl`,
		want: `fork from the child
alarm
socket over tcp
size 100000
login user user
services 443 17
1970-01-01`,
	},
	{
		name:   "node",
		script: `node /data/work.js`,
		want: `workers 1 4 9
execFile ABC
fork 42
watch a
files b c text
http /x
wasm 42
scrypt 87c5081bda438d49`,
	},
	{
		name:   "java",
		needs:  []string{"java", "javac"},
		script: `javac -d /tmp /data/Work.java && java -cp /tmp Work`,
		want:   "stream 500000500000\npool 42\nchild\nfile text\nsocket\nsha256 2d711642",
	},
	{
		name:   "tclsh",
		script: `printf 'proc f {n} {expr {$n < 2 ? $n : [f [expr {$n-1}]] + [f [expr {$n-2}]]}}\nputs [f 15]\nputs [exec echo child]\nset s [socket -server {apply {{c a p} {puts $c tcp; close $c}}} 0]\nset c [socket localhost [lindex [fconfigure $s -sockname] 2]]\nfileevent $c readable {puts [gets $c]; exit}\nvwait forever\n' >f.tcl; tclsh f.tcl`,
		want:   "610\nchild\ntcp",
	},
	{
		name:   "bc",
		script: `echo 'scale=20; 4*a(1); 2^100' | bc -l`,
		want:   "3.14159265358979323844\n1267650600228229401496703205376",
	},
	{
		name:   "awk",
		script: `seq 100000 | awk '{s+=$1; c[$1%7]++} END {printf "%.0f %d\n", s, c[3]; "echo piped" | getline x; print x; print ENVIRON["USER"]}'`,
		want:   "5000050000 14286\npiped\nuser",
	},
	{
		name:   "sed",
		script: `printf 'a=1\nb=2\n' >f; sed -i.bak -E 's/^(.)=(.)/\2=\1/;$!N;P;D' f; cat f; cat f.bak`,
		want:   "1=a\n2=b\na=1\nb=2",
	},
	{
		name:   "jq",
		script: `seq 1000 | jq -s '{sum: add, max: max}' -c; echo '{"a":[{"b":"ü"}]}' | jq -r '.a[].b | ascii_downcase, @base64'`,
		want:   "{\"sum\":500500,\"max\":1000}\nü\nw7w=",
	},
	{
		name: "git",
		script: `
			export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='1700000000 +0000'
			export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org GIT_COMMITTER_DATE='1700000000 +0000'
			git init -q -b main r && cd r
			cp /data/c/* . && git add . && git commit -qm first && git mv sum.c total.c && git commit -qm second
			git -c gc.auto=0 clone -q "file://$PWD" ../clone && cd ../clone
			git log --format=%s; git diff --stat HEAD~ | tail -n 1; git fsck 2>&1; git gc -q; git status --short
			git bundle create -q ../b main; git cat-file -p HEAD: | wc -l`,
		want: "second\nfirst\n 1 file changed, 0 insertions(+), 0 deletions(-)\n6",
	},
	{
		name:   "sqlite3",
		script: `sqlite3 f.db "pragma journal_mode=wal; create table t(n); with recursive c(n) as (select 1 union all select n+1 from c where n<20000) insert into t select n from c; select sum(n) from t; create index i on t(n); pragma integrity_check;" && sqlite3 f.db .dump | sqlite3 g.db && sqlite3 g.db 'select count(*) from t' `,
		want:   "wal\n200010000\nok\n20000",
	},
	{
		name:   "make and gcc",
		needs:  []string{"make", "gcc"},
		script: `cp -r /data/c c && cd c && make -s -j2 && ./sum 1 2 39 && make -s clean && make -s -j2 CFLAGS='-O2 -flto' LDFLAGS='-flto -static' && ./sum 1 -1`,
		want:   "42\n0",
	},
	{
		name:    "cc with sanitizers",
		needs:   []string{"gcc"},
		options: "--memory infinity", // without a cgroup it is RLIMIT_DATA, and the sanitizer reserves terabytes of data
		script:  `printf '#include <stdlib.h>\nint main(int c, char **v) { char *p = malloc(8); return p[c + 7]; }\n' >f.c; gcc -g -fsanitize=address,undefined f.c -o f; ! ASAN_OPTIONS=detect_leaks=0 ./f 2>err; grep -o heap-buffer-overflow err | sort -u`,
		want:    "heap-buffer-overflow",
	},
	{
		name:   "tar",
		needs:  []string{"tar", "gzip", "bzip2", "xz", "zstd"},
		script: `mkdir d; cp -r /data/c d; ln -s c d/link; ln d/c/sum.c d/hard; chmod 751 d/c; for z in gzip bzip2 xz zstd; do tar -c --$z -f d.$z d; rm -rf x; mkdir x; tar -xpf d.$z -C x; diff -r d x/d; stat -c '%a %h %N' x/d/c x/d/hard x/d/link | tr '\n' ' '; echo $z; done`,
		want:   "751 2 'x/d/c' 644 2 'x/d/hard' 777 1 'x/d/link' -> 'c' gzip\n751 2 'x/d/c' 644 2 'x/d/hard' 777 1 'x/d/link' -> 'c' bzip2\n751 2 'x/d/c' 644 2 'x/d/hard' 777 1 'x/d/link' -> 'c' xz\n751 2 'x/d/c' 644 2 'x/d/hard' 777 1 'x/d/link' -> 'c' zstd",
	},
	{
		name:   "zstd and xz with threads",
		needs:  []string{"zstd", "xz"},
		script: `seq 2000000 >f; zstd -q -T2 f; xz -T2 -0 -k f; zstd -dc f.zst | cmp - f; xz -dc f.xz | cmp - f; sha256sum <f | cut -c 1-16`,
		want:   "d2d7c0abc3eb76d9",
	},
	{
		name:   "curl",
		needs:  []string{"curl", "python3"},
		script: `echo served >f; python3 -m http.server --bind 127.0.0.1 8000 >/dev/null 2>&1 & curl -sS --retry 20 --retry-connrefused --retry-delay 1 --retry-max-time 20 http://localhost:8000/f; curl -sS -o g -w '%{http_code} %{size_download}\n' http://127.0.0.1:8000/f; cmp f g; curl -sS -m 5 http://192.0.2.1/ 2>&1 | cut -d ' ' -f 1-2`,
		want:   "served\n200 7\ncurl: (7)",
	},
	{
		name:   "openssl",
		script: `openssl genrsa -out k 2048 2>/dev/null; openssl rsa -in k -pubout -out p 2>/dev/null; openssl dgst -sha256 -sign k -out s /data/work.py; openssl dgst -sha256 -verify p -signature s /data/work.py; openssl req -x509 -key k -subj /CN=localhost -days 1 -out c; openssl s_server -accept 127.0.0.1:4433 -cert c -key k -www -quiet >/dev/null 2>&1 & sleep 0.5; echo | openssl s_client -connect localhost:4433 -CAfile c -brief 2>&1 | grep Verification`,
		want:   "Verified OK\nVerification: OK",
	},
	{
		name:   "gpg",
		script: `gpg -q --batch --passphrase '' --quick-gen-key t@example.org default default never 2>/dev/null; echo secret | gpg -q --batch --trust-model always -r t@example.org -e | gpg -q --batch -d 2>/dev/null; echo text | gpg -q --batch --clearsign | gpg -q --batch --verify 2>&1 | grep -o 'Good signature'; gpgconf --kill all`,
		want:   "secret\nGood signature",
	},
	{
		name:   "ssh-keygen",
		script: `ssh-keygen -q -t ed25519 -N '' -C c -f k; ssh-keygen -l -f k.pub | cut -d ' ' -f 1,3,4; echo text | ssh-keygen -q -Y sign -f k -n file >s 2>/dev/null; echo "c $(cat k.pub)" >allowed; echo text | ssh-keygen -Y verify -f allowed -I c -n file -s s | cut -d ' ' -f 1-5`,
		want:   "256 c (ED25519)\nGood \"file\" signature for c",
	},
	{
		name:   "ssh-agent",
		needs:  []string{"ssh-agent"},
		script: `ssh-keygen -q -t ed25519 -N '' -C c -f k; eval "$(ssh-agent -s)" >/dev/null; ssh-add -q k; ssh-add -l | cut -d ' ' -f 3; ssh-agent -k >/dev/null`,
		want:   "c",
	},
	{
		name:   "rsync",
		script: `cp -r /data s; rsync -a --delete s/ d/; rm s/work.py; echo new >s/new; rsync -ai --delete s/ d/ | grep -v '^\.d' ; diff -r s d`,
		want:   "*deleting   work.py\n>f+++++++++ new",
	},
	{
		name:   "find and xargs",
		needs:  []string{"find", "xargs"},
		script: `mkdir d; seq 200 | xargs -P 4 -n 10 sh -c 'for i; do echo $i >d/$i; done' sh; find d -type f -newer /data/work.py -print0 | xargs -0 -P 2 -n 50 cat | sort -n | tail -n 1; find d -name '1*' -delete; find d -type f | wc -l; find / -xdev -perm -4000 | wc -l`,
		want:   "200\n89\n0",
	},
	{
		name:   "sort",
		script: `seq 300000 -1 1 | sort -n -S 1M --parallel=2 --compress-program=gzip >f; sort -nc f; sed -n '1p;$p' f; sort -R f | head -n 1 | grep -c .; comm -12 f f 2>/dev/null | wc -l`,
		want:   "1\n300000\n1\n300000",
	},
	{
		name:   "dd",
		script: `dd if=/dev/zero bs=1M count=8 status=none | sha256sum | cut -c 1-8; dd if=/dev/urandom of=f bs=64K count=16 conv=fsync status=none; dd if=f bs=1 skip=1048570 status=none | wc -c; ! dd if=/dev/zero of=/dev/full count=1 2>err; grep -o 'No space left on device' err; truncate -s 1G s; du -k s | cut -f 1`,
		want:   "2daeb1f3\n6\nNo space left on device\n0",
	},
	{
		name:   "flock",
		script: `flock f sh -c 'sleep 0.5; echo first' & sleep 0.2; ! flock -n f true && echo held; flock f echo second; wait`,
		want:   "held\nfirst\nsecond",
	},
	{
		name:   "mkfifo",
		script: `mkfifo p; seq 1000 >p & paste -sd+ p | tr -d '\n' | wc -c; wait; stat -c %F p`,
		want:   "3892\nfifo",
	},
	{
		name:   "inotifywait",
		script: `mkdir d; (sleep 0.5; echo x >d/new) & inotifywait -qq -t 10 -e close_write d && ls d`,
		want:   "new",
	},
	{
		name:   "tmux",
		script: `tmux -f /dev/null new-session -d -x 80 -y 24 'tty; stty size; exec cat'; see() { for i in $(seq 50); do tmux capture-pane -p >pane; [ "$(grep -c "$1" pane)" -ge $2 ] && return; sleep 0.1; done; }; see '24 80' 1; tmux send-keys typed Enter; see typed 2; head -n 4 pane; tmux kill-server`,
		match:  `^/dev/pts/\d+\n24 80\ntyped\ntyped\n$`,
	},
	{
		name:   "script",
		script: `script -qec 'test -t 0 && test -t 1 && tty && stty -echo cols 99 && stty size | cut -d " " -f 2' typescript | tr -d '\r'; grep -c '^99' typescript`,
		match:  `^/dev/pts/\d+\n99\n1\n$`,
	},
	{
		name:   "vi",
		script: `printf 'b\na\n' >f; vi -es -N -u NONE -c '%s/a/x/' -c '1r !echo from a shell' -c 'wq' f; cat f; ls -A | grep swp || echo no swap file`,
		want:   "b\nfrom a shell\nx\nno swap file",
	},
	{
		name:   "man",
		script: `printf '.TH JAIL 1\n.SH NAME\njail \\- a test page\n' >jail.1; MANWIDTH=80 man -P cat -l jail.1 2>&1 | grep -v '^$' | sed -n 2,3p`,
		want:   "NAME\n       jail - a test page",
	},
	{
		name:   "ps and top",
		needs:  []string{"ps", "top", "pgrep"},
		script: `sleep 9 & until pgrep -x sleep >/dev/null; do :; done; ps -e -o pid=,user=,comm= | head -n 3; top -b -n 1 | grep -cw 'sleep$'; pgrep -x sleep | wc -l; kill $!; uptime | grep -o 'up 0 min'; free | wc -l`,
		match:  `^ +1 user +procjail-init\n +\d+ user +sh\n +\d+ user +sleep\n1\n1\nup 0 min\n3\n$`,
	},
	{
		name:   "date and locale",
		needs:  []string{"date", "locale"},
		script: `date -u -d @1700000000 +%FT%TZ; TZ=XYZ-3 date -d @0 +%H:%M%z; locale charmap; printf 'ä\n' | wc -m; LC_ALL=C date -d '2024-02-29 +1 year' +%A`,
		want:   "2023-11-14T22:13:20Z\n03:00+0300\nUTF-8\n2\nSaturday",
	},
	{
		name:   "ldd",
		script: `ldd /bin/sh | grep -o 'libc.so.6 => [^ ]*' | cut -d ' ' -f 1; file=$(command -v ls); getconf PAGE_SIZE; test -x "$file" && echo $?`,
		match:  `^libc\.so\.6\n\d+\n0\n$`,
	},
	{
		name:   "timeout and nice",
		needs:  []string{"timeout", "nice", "ionice", "setsid", "nohup"},
		script: `timeout 0.2 sleep 9 || echo $?; nice -n 5 nice; ionice -c 3 true; setsid -w sh -c 'ps -o sid= -p $$ >/dev/null; echo new session'; nohup echo kept 2>/dev/null; time -p true 2>/dev/null || :; nproc --all | grep -c .`,
		want:   "124\n5\nnew session\nkept\n1",
	},
	{
		name:   "id and getent",
		needs:  []string{"id", "getent", "hostname"},
		script: `id; getent passwd user; getent hosts localhost | wc -l; getent services https; hostname; whoami; groups; umask`,
		// Under the caller's own id there are the caller's groups, without a number.
		match: `^uid=1000\(user\) gid=1000\(user\) groups=1000\(user\)(,65534\(nogroup\))?\nuser:x:1000:1000::/home/user:/bin/sh\n1\nhttps +443/tcp\njail\nuser\nuser( nogroup)?\n0022\n$`,
	},
	{
		name:   "diff and patch",
		needs:  []string{"diff", "patch"},
		script: `cp -r /data/c a; cp -r a b; sed -i "s/total/all/g" b/sum.c; diff -ru a b >p || :; patch -s -d a -p1 <p; diff -r a b; grep -c "^@@" p`,
		want:   "1",
	},
	{
		name:   "split and checksums",
		needs:  []string{"split", "sha256sum", "shuf", "base64"},
		script: `seq 100000 | shuf | sort -n | split -l 10000 -d - part.; cat part.* | md5sum | cut -c 1-8; sha256sum part.* >sums; sha256sum --quiet -c sums && echo checked; base64 part.00 | base64 -d | cmp - part.00; printf x | b2sum | cut -c 1-8`,
		match:  `^[0-9a-f]{8}\nchecked\n[0-9a-f]{8}\n$`,
	},
}

// build are the jobs of a build step of one's own.
var build = []program{
	{
		name:   "make and gcc",
		needs:  []string{"make", "gcc"},
		script: `cp -r /data/c c && cd c && make -s -j2 && ./sum 1 2 39 && stat -c %U sum | grep -cx "$(id -un)"`,
		want:   "42\n1",
	},
	{
		name:   "gdb",
		needs:  []string{"gdb", "make", "gcc"},
		script: `cp -r /data/c c && cd c && make -s CFLAGS='-g -O0' && gdb -batch -nx -ex 'break push' -ex run -ex bt -ex 'print value' --args ./sum 7 2>&1 | grep -E '^(#1|.1)'`,
		match:  `^#1 .* in main \(argc=2, .*\) at main.c:\d+\n\$1 = 7\n$`,
	},
	{
		name:   "strace",
		script: `strace -f -qq -e trace=openat -o log sh -c 'cat /data/work.py | wc -l >/dev/null'; grep -c '"/data/work.py"' log`,
		want:   "1",
	},
	{
		name:   "go",
		script: `printf 'module example.org/x\n\ngo 1.19\n' >go.mod; printf 'package main\n\nimport (\n\t"fmt"\n\t"os/exec"\n)\n\nfunc main() {\n\tout, err := exec.Command("echo", "child").Output()\n\tfmt.Print(string(out), err, "\\n")\n}\n' >main.go; printf 'package main\n\nimport "testing"\n\nfunc TestX(t *testing.T) { t.TempDir() }\n' >main_test.go; go build -o x . && ./x && go vet . && go test . | cut -f 1,2`,
		want:   "child\n<nil>\nok  \texample.org/x",
	},
	{
		name:   "git",
		script: `git init -q -b main . && git -c user.name=a -c user.email=a@example.org commit -q --allow-empty -m first && git log --format='%an %s' && test -O .git && git worktree add -q w && git -C w status --short --branch; ! touch /usr/x 2>/dev/null && echo read-only`,
		want:   "a first\n## w\nread-only",
	},
	{
		name:   "python3",
		script: `python3 /data/work.py | tail -n 1; python3 -m compileall -q /data >/dev/null || echo read-only; printf 'import unittest\nclass T(unittest.TestCase):\n  def test(self): pass\n' >test_x.py; python3 -m unittest -q 2>&1 | grep -c OK`,
		want:   "ctypes 5\nread-only\n1",
	},
	{
		name:    "procjail in procjail",
		needs:   []string{"sh"},
		options: "--ro PROCJAIL:/procjail",
		script:  `/procjail -q --id self sh -c 'id -un; ls /data 2>/dev/null || echo hidden'`,
		want:    "user\nhidden",
	},
}
