package drivertest

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/runtime"
)

// startAndSpeak starts a container and waits until it has written its lines.
func startAndSpeak(t *testing.T, h Harness) runtime.Container {
	t.Helper()
	c := start(t, h, Serves)
	log, err := h.Driver.Logs(within(t), c.ID, runtime.LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	want := len(OutLines) + len(ErrLines)
	if lines := readLog(t, log, func(lines []runtime.LogLine) bool { return len(lines) == want }); len(lines) != want {
		t.Fatalf("log ended after %v", lines)
	}
	return c
}

func testLogs(t *testing.T, h Harness) {
	c := startAndSpeak(t, h)
	log, err := h.Driver.Logs(t.Context(), c.ID, runtime.LogOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	lines := readLog(t, log, nil)
	if got := textOf(lines, "stdout"); !slices.Equal(got, OutLines) {
		t.Errorf("stdout = %q, want %q", got, OutLines)
	}
	if got := textOf(lines, "stderr"); !slices.Equal(got, ErrLines) {
		t.Errorf("stderr = %q, want %q", got, ErrLines)
	}
	for _, line := range lines {
		if line.Time.Before(c.StartedAt.Add(-time.Minute)) {
			t.Errorf("line %q at %s, the container started at %s", line.Text, line.Time, c.StartedAt)
		}
	}
	later, err := h.Driver.Logs(t.Context(), c.ID, runtime.LogOptions{Since: lines[len(lines)-1].Time.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	defer later.Close()
	if got := readLog(t, later, nil); len(got) > 0 {
		t.Errorf("since an hour later = %v, want nothing", got)
	}
}

func testLogsTail(t *testing.T, h Harness) {
	c := startAndSpeak(t, h)
	log, err := h.Driver.Logs(t.Context(), c.ID, runtime.LogOptions{Tail: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if lines := readLog(t, log, nil); len(lines) != 1 {
		t.Errorf("tail 1 = %v, want one line", lines)
	}
}

func testLogsFollow(t *testing.T, h Harness) {
	c := startAndSpeak(t, h)
	log, err := h.Driver.Logs(within(t), c.ID, runtime.LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := h.Driver.Stop(t.Context(), c.ID, patience); err != nil {
		t.Fatal(err)
	}
	lines := textOf(readLog(t, log, nil), "stdout")
	if len(lines) == 0 || lines[len(lines)-1] != TermLine {
		t.Errorf("followed = %q, want it to end with %q", lines, TermLine)
	}
	if _, err := log.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("next = %v, want EOF again", err)
	}
}

// What reads the output to keep it misses nothing of a container that is
// stopped and removed.
func testLogsKeep(t *testing.T, h Harness) {
	c := startAndSpeak(t, h)
	log, err := h.Driver.Logs(within(t), c.ID, runtime.LogOptions{Follow: true, Keep: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	kept := make(chan []string)
	go func() { kept <- textOf(readLog(t, log, nil), "stdout") }()
	if err := h.Driver.Stop(t.Context(), c.ID, patience); err != nil {
		t.Fatal(err)
	}
	if got, want := <-kept, append(slices.Clone(OutLines), TermLine); !slices.Equal(got, want) {
		t.Errorf("kept = %q, want %q", got, want)
	}
}

func testLogsNone(t *testing.T, h Harness) {
	spec := specOf(h, Serves)
	spec.Component.LogDriver = "none"
	c, err := h.Driver.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	log, err := h.Driver.Logs(within(t), c.ID, runtime.LogOptions{Follow: true})
	if err == nil {
		defer log.Close()
		_, err = log.Next()
	}
	if !errors.Is(err, runtime.ErrLogUnreadable) {
		t.Errorf("logs = %v, want ErrLogUnreadable", err)
	}
}

func testExec(t *testing.T, h Harness) {
	c := start(t, h, Serves)
	result, err := h.Driver.Exec(within(t), c.ID, h.Exec.Command)
	if err != nil {
		t.Fatal(err)
	}
	if result.ExitCode != h.Exec.ExitCode || strings.TrimSpace(result.Output) != h.Exec.Output {
		t.Errorf("exec = %+v, want %q and code %d", result, h.Exec.Output, h.Exec.ExitCode)
	}
}

func testNotFound(t *testing.T, h Harness) {
	const id = "nothing-by-this-name"
	_, inspect := h.Driver.Inspect(t.Context(), id)
	_, exec := h.Driver.Exec(t.Context(), id, h.Exec.Command)
	_, logs := h.Driver.Logs(t.Context(), id, runtime.LogOptions{})
	for what, err := range map[string]error{"inspect": inspect, "exec": exec, "logs": logs} {
		if !errors.Is(err, runtime.ErrNotFound) {
			t.Errorf("%s = %v, want ErrNotFound", what, err)
		}
	}
}

func testOthers(t *testing.T, h Harness) {
	c := start(t, h, Serves)
	for i, other := range h.Others {
		if list, err := other.List(t.Context()); err != nil || len(list) > 0 {
			t.Errorf("other %d lists %+v, %v; want nothing", i, list, err)
		}
		if _, err := other.Inspect(t.Context(), c.ID); !errors.Is(err, runtime.ErrNotFound) {
			t.Errorf("other %d inspects: %v, want ErrNotFound", i, err)
		}
		if err := other.Stop(t.Context(), c.ID, 0); err != nil {
			t.Errorf("other %d stops: %v, want nil for what is not its own", i, err)
		}
	}
	if again, err := h.Driver.Inspect(t.Context(), c.ID); err != nil || again != c {
		t.Errorf("after the others = %+v, %v; want it untouched: %+v", again, err, c)
	}
}

func testBridges(t *testing.T, h Harness) {
	bridges, err := h.Driver.Bridges(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bridges {
		if b.Network == "" || !b.Subnet.Contains(b.Gateway) {
			t.Errorf("bridge = %+v: want a network and a gateway in its subnet", b)
		}
	}
}
