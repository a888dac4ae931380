package main

// usage is written by hand, to be read.
const usage = `usage: procjail [options] [--] COMMAND [ARG...]
       procjail profile list | show NAME | check FILE
       procjail doctor [--json] [--fix]
       procjail explain [--list | ID | CALL ERRNO] [<FILE]
       procjail version | help

Runs COMMAND in namespaces of its own, with no capability, behind a seccomp
filter, and with a file system made of what the profile shows.

  -p, --profile NAME|FILE    what the jail is made of: strict (the default),
                             build, or a file
The file system, on top of the profile, in the order given:
      --ro SOURCE[:DEST]     show a file or directory, read-only
      --rw SOURCE[:DEST]     show it writable
      --overlay DIR[:DEST]   show a directory; keep its changes apart
      --overlay-tmp DIR[:DEST]
                             show a directory; throw its changes away
      --tmpfs DEST[:SIZE]    an empty directory in memory
      --hide PATH            nothing, in place of what is there
      --rootfs DIR           the entries of DIR in place of the host's
  -w, --workdir DIR          the working directory inside
Who and what the payload is:
      --id auto|subid|self   outside: a subordinate id of yours, or you
      --user UID[:GID]       inside
      --hostname NAME        inside
      --net none|host        no network but its own loopback, or the host's
  -e, --env KEY[=VALUE]      set a variable, or pass yours on
      --env-file FILE        the same, a line each
      --pid1 init|payload    who is PID 1
What it may do:
      --seccomp NAME|FILE    strict, default, build, or a policy file (OCI JSON
                             or procjail's own)
      --cap-add CAP          keep a capability in the jail's own user namespace
      --cap-drop CAP         take it back from the profile
When it ends:
      --timeout TIME         stop it after a time: 500ms, 90s, 1h30m
      --cpu-time TIME        or after so much processor time
      --stop-signal SIGNAL   with which it is asked to end: TERM
      --stop-timeout TIME    how long it has for that until it is killed: 10s
What it has of the caller's:
      --tty auto|always|never
                             a pseudo-terminal in place of your terminal
      --keep-fd N            a descriptor of yours besides 0, 1 and 2
How much it may use, all of its processes together:
      --memory SIZE          512M, 1.5G; infinity
      --memory-swap SIZE     memory and swap together; -1 for any
      --cpus N               how many processors, as 0.5 or 2
      --pids N               how many processes and threads
      --io-max PATH:KEY=RATE,...
                             of the disk that PATH is on: rbps, wbps, riops, wiops
  -P, --property NAME=VALUE  a limit by systemd's name: MemoryHigh, CPUWeight, ...
      --cgroup auto|systemd|delegated|off
                             where the cgroup for that comes from
      --require FEATURE,...  fail where one is missing: cgroup, landlock, subid
      --allow-degraded FEATURE,...
                             say nothing where one is
What procjail says:
      --dry-run              print the host's facts and every step; do nothing
  -v, --verbose              print each step as it is made, and the times
  -q, --quiet                only errors
      --denials auto|off     learn of the calls that the filter refuses
      --trace-denials        and of those that fail for another reason; slower
      --report FILE          what became of it, as JSON
      --info-fd N            who and in which namespaces it is, to that descriptor
      --json-status-fd N     that, and then how it ended
      --version              print the version
  -h, --help                 print this

Exit status: the command's own; 128+N if signal N killed it; 125 procjail
failed; 126 the command cannot be executed; 127 it was not found.
`
