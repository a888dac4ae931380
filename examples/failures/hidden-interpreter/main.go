// Command hidden-interpreter makes a script, and the interpreter that it names, in
// the working directory; and is that interpreter.
//
// Seen: "no such file or directory" for a script that is there: its first line
// names a python of ~/.pyenv, a node of ~/.nvm, or a virtual environment.
//
// Kernel: execve(2) is ENOENT: the interpreter is looked up in the mount namespace
// of the process, where nothing of the home is shown (execve(2), "Interpreter
// scripts").
//
// Remedy: --ro INTERPRETER, and what it needs; or #!/usr/bin/env with one that is
// below /usr.
package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println("runs a script")
		return
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile("interpreter", self, 0o755)
	}
	dir, _ := os.Getwd()
	if err == nil {
		err = os.WriteFile("script", []byte("#!"+dir+"/interpreter\n"), 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "execve script:", unix.Exec("script", []string{"script"}, nil))
}
