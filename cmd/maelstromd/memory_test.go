package main

import (
	"fmt"
	"os"
	"strings"
)

// memory is the most memory that the daemon's process ever had, in bytes.
func (n *node) memory() int64 {
	n.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	n.t.Fatal("no VmHWM")
	return 0
}
