//go:build ignore

// This program writes builtin.go: the built-in profiles, decoded.
package main

import (
	"log"
	"os"

	"github.com/Emmanuel326/procjail/profiles/internal/generate"
)

func main() {
	src, err := generate.Builtin()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("builtin.go", src, 0o644); err != nil {
		log.Fatal(err)
	}
}
