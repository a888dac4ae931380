package launch

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/Emmanuel326/procjail/internal/sys"
)

// stuckNamed is how many threads of a jail that does not end are named.
const stuckNamed = 5

// notEnding names the threads for which a jail that was killed has not ended,
// and what each waits in: those in state D, which no signal reaches, or all that
// live where none is.
func (r *run) notEnding() string {
	var stuck, alive []string
	for _, pid := range family(r.known(r.plan.Init)) {
		tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/[0-9]*")
		for _, task := range tasks {
			name, state, _ := readStat(task)
			text := name + " in state " + state
			// "0" where it runs, or where one may not know (proc_pid_wchan(5)).
			if wchan, _ := sys.ReadFile(task + "/wchan"); strings.Trim(wchan, "0\n") != "" {
				text += " (" + strings.TrimSpace(wchan) + ")"
			}
			switch state {
			case "", "Z", "X":
			case "D":
				stuck = append(stuck, text)
			default:
				alive = append(alive, text)
			}
		}
	}
	list := stuck
	if len(list) == 0 {
		list = alive
	}
	if len(list) == 0 {
		return "nothing of it can be seen"
	}
	if more := len(list) - stuckNamed; more > 0 {
		list = append(list[:stuckNamed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, ", ")
}

// family is a process and those that descend from it, by number. In a pid
// namespace that is all: its orphans are its PID 1's.
func family(pid int) []int {
	parents := make(map[int]int)
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		dir := filepath.Dir(name)
		child, _ := strconv.Atoi(filepath.Base(dir))
		_, _, parents[child] = readStat(dir)
	}
	mine := map[int]bool{pid: true}
	for before := 0; len(mine) > before; {
		before = len(mine)
		for child, parent := range parents {
			if mine[parent] {
				mine[child] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(mine))
}

// readStat reads "PID (NAME)", the state and the parent from the file stat of a
// process's directory in /proc or of one of its threads (proc_pid_stat(5)); the
// name may hold anything. All are empty where it has ended.
func readStat(dir string) (name, state string, parent int) {
	text, err := sys.ReadFile(dir + "/stat")
	if err != nil {
		return "", "", 0
	}
	i := strings.LastIndexByte(text, ')') + 1
	if f := strings.Fields(text[i:]); len(f) > 1 {
		state = f[0]
		parent, _ = strconv.Atoi(f[1])
	}
	return text[:i], state, parent
}
