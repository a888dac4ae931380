package main

import (
	"strings"

	"golang.org/x/sys/unix"
)

// commands are conditions of the command that is to be started.
var commands = []condition{
	{"a program that is not there", nil, []string{"DIR/program"}, "", `not found|ENOENT`, bare},
	{"a name that is not in PATH", nil, []string{"nothing-of-this"}, "", `"nothing-of-this": not found`, bare},
	{"a directory in its place", nil, []string{"DIR"}, "", `a directory`, bare},
	{"a program that is not executable", file("DIR/program", "#!/bin/sh\n", 0o644), []string{"DIR/program"}, "", `not executable`, bare},
	{"a program without any permission", file("DIR/program", "#!/bin/sh\n", 0), []string{"DIR/program"}, "", `not executable`, bare},
	{"a link to itself", link("program", "DIR/program"), []string{"DIR/program"}, "", `ELOOP|lead back to themselves|symbolic links`, bare},
	{"a link to nowhere", link("nowhere", "DIR/program"), []string{"DIR/program"}, "", `DIR/program.*(not found|ENOENT)|nowhere`, bare},
	{"a script whose interpreter is not there", file("DIR/program", "#!/nowhere/sh\n", 0o755), []string{"DIR/program"}, "exec-interpreter", `/nowhere/sh`, bare},
	{"a script whose interpreter is not shown", both(file("DIR/sh", "", 0o755), fileWith("DIR/program", "#!DIR/sh\n", 0o755)), []string{"--ro", "DIR/program", "DIR/program"}, "exec-interpreter-inside", `DIR/sh`, bare},
	{"a script whose interpreter is no absolute path", file("DIR/program", "#!sh\n", 0o755), []string{"DIR/program"}, "exec-interpreter-relative", `no absolute path`, bare},
	{"a script with the line ends of DOS", file("DIR/program", "#!/bin/sh\r\n", 0o755), []string{"DIR/program"}, "exec-line-ends", `/bin/sh`, bare},
	{"a script without #!", file("DIR/program", "exit\n", 0o755), []string{"DIR/program"}, "exec-format", `DIR/program`, bare},
	{"an empty file", file("DIR/program", "", 0o755), []string{"DIR/program"}, "exec-format", `DIR/program`, bare},
	{"a program for another machine", file("DIR/program", elf, 0o755), []string{"DIR/program"}, "exec-machine", `RISC-V|243|another`, bare},
	{"a program that is being written", both(file("DIR/program", "#!/bin/sh\n", 0o755), writing("DIR/program")), []string{"DIR/program"}, "exec-busy", `DIR/program`, bare},
	{"a program on a noexec mount", both(mountTmpfs("/mnt", unix.MS_NOEXEC), file("/mnt/program", "#!/bin/sh\n", 0o755)), []string{"--id", "self", "/mnt/program"}, "exec-noexec", `/mnt`, mapped},
	{"a program that an option covers", nil, []string{"--id", "self", "--hide", "/usr/bin/true", "/usr/bin/true"}, "exec-covered", `--hide`, bare},
	{"a variable of 140 KB", file("DIR/env", "LONG="+strings.Repeat("a", 140000)+"\n", 0o644), []string{"--env-file", "DIR/env", "true"}, "exec-large", `LONG|131072`, bare},
	{"variables of 9 MB", file("DIR/env", numbered("V", "="+strings.Repeat("a", 100000)+"\n", 90), 0o644), []string{"--env-file", "DIR/env", "true"}, "exec-large", `environment`, bare},
	{"a root without the program", mkdir("DIR/root"), []string{"--id", "self", "--rootfs", "DIR/root", "/bin/nothing-of-this"}, "", `/bin/nothing-of-this`, bare},
	{"a working directory that is not there", nil, []string{"-w", "/nowhere", "true"}, "workdir-missing", `/nowhere`, bare},
	{"a file as the working directory", nil, []string{"-w", "/usr/bin/true", "true"}, "workdir-missing", `/usr/bin/true`, bare},
	{"a working directory of one's own alone", mkdirMode("DIR/own", 0o700), []string{"--id", "subid", "--ro", "DIR/own", "-w", "DIR/own", "true"}, "workdir-search", `DIR/own`, bare},
}

// limits are conditions of resources that procjail inherits.
var limits = []condition{
	{"few descriptors", limit(unix.RLIMIT_NOFILE, 5), []string{"true"}, "nofile", `RLIMIT_NOFILE`, bare},
	{"12 descriptors", limit(unix.RLIMIT_NOFILE, 12), []string{"true"}, "nofile", `RLIMIT_NOFILE`, bare},
	{"files of no byte", limit(unix.RLIMIT_FSIZE, 0), []string{"--id", "self", "true"}, "file-size", `RLIMIT_FSIZE`, bare},
	{"files of no byte, and ids of newuidmap", limit(unix.RLIMIT_FSIZE, 0), []string{"--id", "subid", "true"}, "file-size", `RLIMIT_FSIZE`, bare},
	{"16 layers of Landlock", layers(16, 1, unix.LANDLOCK_ACCESS_NET_BIND_TCP), []string{"true"}, "landlock-layers", `Landlock`, bare},
}
