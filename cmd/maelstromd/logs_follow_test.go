package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"maelstrom/runtime/drivertest"
)

// follow lets maelctl follow the output of a component until the test ends,
// and returns what it has printed, and said, so far.
func (n *node) follow(component string) (lines func() []string, said *logBuffer) {
	n.t.Helper()
	out, said := new(logBuffer), new(logBuffer)
	cmd := exec.Command(shippedProgram(n.t, "maelctl"), "logs", "-f", component, "--output", "ndjson", "--template", "{{println .text}}")
	cmd.Env = append(os.Environ(), "MAEL_DATA_DIR="+n.dir)
	cmd.Stdout, cmd.Stderr = out, said
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			n.t.Errorf("it has ended before: %v", err)
		}
		_ = cmd.Wait() // by the signal
	})
	return func() []string { return strings.Fields(out.String()) }, said
}

// Who follows output sees each line once, whatever the daemon does meanwhile.
func TestFollowedOutputOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	w := web{name: "web", image: drivertest.BuildImage(t)}
	n.apply(projectOf("followed", w))
	n.print(w, "followed_web", "one")
	lines, said := n.follow("followed_web")
	shows := func(want ...string) {
		t.Helper()
		if !holdsWithin(patience/2, func() bool { return slices.Contains(lines(), want[len(want)-1]) }) {
			t.Fatalf("maelctl has printed %q, want %q; it said: %s", lines(), want, said)
		}
		if got := lines(); !slices.Equal(got, want) {
			t.Errorf("maelctl has printed %q, want %q; it said: %s", got, want, said)
		}
	}
	shows("one")

	n.signal(syscall.SIGUSR2)
	n.await("another daemon in the same process", patience, func() bool { return n.log.count(`msg=serving `) == 2 })
	n.print(w, "followed_web", "two")
	shows("one", "two")

	n.signal(syscall.SIGKILL)
	n.awaitExit()
	n.alone("/print?text=three")
	n.start()
	n.print(w, "followed_web", "four")
	shows("one", "two", "three", "four")
	if said.count("the daemon is away") != 2 || said.count("\n") != 2 {
		t.Errorf("said %s", said)
	}
}
