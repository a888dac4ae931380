// Command daemon is a service that puts itself into the background: it starts a
// child in a session of its own, and ends.
//
// Seen: the container starts, exits with 0 at once, and is started again by
// whoever watches it; the service never answers.
//
// Kernel: the daemon is killed by SIGKILL. What was started was a process, not a
// machine: when it has ended the jail ends, and with PID 1 everything that is in
// its PID namespace (pid_namespaces(7)).
//
// Remedy: run the service in the foreground (nginx -g 'daemon off;', httpd
// -DFOREGROUND).
package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 { // the daemon
		time.Sleep(300 * time.Millisecond)
		_ = os.WriteFile("daemon.answers", nil, 0o600)
		return
	}
	_, err := syscall.ForkExec("/proc/self/exe", []string{"daemon", "background"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "fork:", err)
		os.Exit(1)
	}
	fmt.Println("started in the background")
}
