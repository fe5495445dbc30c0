package main

import (
	"fmt"
	"os"
	"strings"
)

// memory is the most memory that the daemon's process ever had, in bytes.
func (n *node) memory() int64 { return n.processMemory("VmHWM") }

// residentNow is the memory that the daemon's process has now, in bytes.
func (n *node) residentNow() int64 { return n.processMemory("VmRSS") }

// processMemory is a figure that the kernel keeps of the daemon's process.
func (n *node) processMemory(name string) int64 {
	n.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	if err != nil {
		n.t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib int64
		if _, err := fmt.Sscanf(line, name+": %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	n.t.Fatalf("no %s", name)
	return 0
}
