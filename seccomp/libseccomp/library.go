//go:build cgo

package libseccomp

import (
	"bufio"
	"os"
	"strings"
)

// SharedLibrary returns the path of the libseccomp.so that this process runs
// with, or "" if libseccomp is part of the executable: proc_pid_maps(5).
func SharedLibrary() (string, error) {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// address perms offset dev inode path
		fields := strings.Fields(lines.Text())
		if len(fields) == 6 && strings.Contains(fields[5], "/libseccomp.so") {
			return fields[5], nil
		}
	}
	return "", lines.Err()
}
