package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// floodMiB is what TestAFloodLeavesTheRingAtItsCap lets a container write.
var floodMiB = flag.Int("logs.flood", 16, "MiB of output")

// output reads what the API has of components, without following.
func (n *node) output(req rpc.LogsRequest) []rpc.LogEntry {
	n.t.Helper()
	stream, err := n.client().Logs(n.t.Context(), req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer stream.Close()
	var all []rpc.LogEntry
	for {
		entry, err := stream.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			n.t.Fatal(err)
		}
		all = append(all, entry)
	}
}

func textsOf(entries []rpc.LogEntry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Text)
	}
	return all
}

// print lets a component write a line, and returns when it is kept.
func (n *node) print(w web, component, text string) {
	n.t.Helper()
	n.mustGet(w.host(), "/print?text="+text)
	n.await(text+" is kept", patience, func() bool {
		return slices.Contains(textsOf(n.output(rpc.LogsRequest{Components: []string{component}})), text)
	})
}

// expectOutput waits until the whole kept output of a component is this.
func (n *node) expectOutput(component string, want ...string) []rpc.LogEntry {
	n.t.Helper()
	var got []rpc.LogEntry
	same := func() bool {
		got = n.output(rpc.LogsRequest{Components: []string{component}, Previous: true, Since: "1h"})
		return slices.Equal(textsOf(got), want)
	}
	if !holdsWithin(patience/4, same) {
		n.t.Fatalf("kept %q, want %q", textsOf(got), want)
	}
	return got
}

// Output is there, each line once, after a crash, the daemon's death, a deploy,
// a sleep and the removal of its component.
func TestOutputOutlivesItsContainer(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	w := web{name: "web", image: drivertest.BuildImage(t), lines: []string{environment("CRASH_CODE=3")}}
	n.apply(projectOf("outlive", w))
	n.print(w, "outlive_web", "one")
	first := n.engine.only(t, n.id).ID
	n.alone("/crash") // the gateway would send it to the next container too
	n.await("another container", patience, func() bool {
		n.get(w.host(), "/")
		list := n.engine.containers(t, n.id)
		return len(list) == 1 && list[0].ID != first
	})
	n.print(w, "outlive_web", "two")
	entries := n.expectOutput("outlive_web", "one", "two")
	if entries[0].Container != first || entries[1].Container == first {
		t.Errorf("of containers %s and %s, the first was %s", entries[0].Container, entries[1].Container, first)
	}

	n.signal(syscall.SIGKILL)
	n.awaitExit()
	n.alone("/print?text=three")
	n.start()
	n.print(w, "outlive_web", "four")
	n.expectOutput("outlive_web", "one", "two", "three", "four")

	w.lines = []string{environment("CRASH_CODE=4")}
	n.apply(projectOf("outlive", w))
	n.await("the new version", patience, func() bool {
		list := n.engine.containers(t, n.id)
		return len(list) == 1 && list[0].ID != entries[1].Container && n.get(w.host(), "/").status == http.StatusOK
	})
	n.print(w, "outlive_web", "five")
	n.expectOutput("outlive_web", "one", "two", "three", "four", "terminated", "five")

	if _, err := n.client().Sleep(t.Context(), rpc.SleepRequest{Name: "outlive_web"}); err != nil {
		t.Fatal(err)
	}
	n.await("asleep", patience, func() bool { return len(n.engine.containers(t, n.id)) == 0 })
	all := []string{"one", "two", "three", "four", "terminated", "five", "terminated"}
	n.expectOutput("outlive_web", all...)
	if now := n.output(rpc.LogsRequest{Components: []string{"outlive_web"}}); len(now) > 0 {
		t.Errorf("without a container there is %v", now)
	}
	if _, err := n.client().RemoveProject(t.Context(), rpc.RemoveProjectRequest{Name: "outlive"}); err != nil {
		t.Fatal(err)
	}
	n.expectOutput("outlive_web", all...)
}

// alone asks the only container itself, which works without the daemon too.
func (n *node) alone(path string) {
	n.t.Helper()
	address := n.engine.only(n.t, n.id).NetworkSettings.Networks["bridge"].IPAddress
	if answer, err := http.Get("http://" + address + ":8080" + path); err == nil {
		answer.Body.Close()
	} else if path != "/crash" {
		n.t.Fatal(err)
	}
}

func TestFollowShowsWhatWasAndWhatComes(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	image := drivertest.BuildImage(t)
	a, b := web{name: "a", image: image}, web{name: "b", image: image}
	n.apply(projectOf("follow", a, b))
	n.print(a, "follow_a", "one")
	n.print(b, "follow_b", "two")
	n.print(a, "follow_a", "three")
	if _, err := n.client().Sleep(t.Context(), rpc.SleepRequest{Name: "follow_a"}); err != nil {
		t.Fatal(err)
	}
	n.await("asleep", patience, func() bool { return len(n.engine.containers(t, n.id)) == 1 })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := n.client().Logs(ctx, rpc.LogsRequest{Components: []string{"follow_*"}, Previous: true, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for i, want := range []string{"one", "two", "three", "terminated", "four", "five"} {
		switch i {
		case 4:
			n.mustGet(a.host(), "/print?text=four") // wakes it
		case 5:
			n.mustGet(b.host(), "/print?text=five")
		}
		if entry, err := stream.Next(); err != nil || entry.Text != want {
			t.Fatalf("got %+v, %v; want %q", entry, err, want)
		}
	}
}

func TestOutputThatCannotBeReadSaysSo(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{"kept": nil, "off": {"MAEL_LOG_RING_MIB=0"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t, settings...)
			w := web{name: "mute-" + name, image: drivertest.BuildImage(t), lines: []string{"logdriver: none"}}
			n.apply(projectOf("mute", w))
			n.mustGet(w.host(), "/")
			var got []rpc.LogEntry
			n.await("its message", patience, func() bool {
				got = n.output(rpc.LogsRequest{})
				return len(got) > 0
			})
			if len(got) != 1 || got[0].Stream != rpc.StreamNotice || !strings.Contains(got[0].Text, "keeps nothing that can be read back") {
				t.Errorf("got %+v", got)
			}
			_, err := n.client().Logs(t.Context(), rpc.LogsRequest{Previous: true})
			if off := name == "off"; off != (err != nil) || off && !strings.Contains(err.Error(), "MAEL_LOG_RING_MIB") {
				t.Errorf("the past: %v", err)
			}
		})
	}
}

// A container that writes without end leaves the ring at its cap, with the
// last that it wrote.
func TestAFloodLeavesTheRingAtItsCap(t *testing.T) {
	t.Parallel()
	const most = 1 << 20
	n := newNode(t, "MAEL_LOG_RING_MIB=1")
	w := web{name: "flood", image: drivertest.BuildImage(t), lines: []string{
		environment(fmt.Sprintf("FLOOD_MB=%d", *floodMiB), "OUT=the last line"), "httpstarthealthcheckseconds: 3600", "maxdurationseconds: 3600",
	}}
	n.apply(projectOf("flood", w))
	if _, err := n.client().Wake(t.Context(), rpc.WakeRequest{Name: "flood_flood"}); err != nil {
		t.Fatal(err)
	}
	ring := filepath.Join(n.dir, "logs", "flood_flood")
	largest := int64(0)
	n.await("the last line", patience*time.Duration(1+*floodMiB/100), func() bool {
		largest = max(largest, diskUse(t, ring))
		last := textsOf(n.output(rpc.LogsRequest{Components: []string{"flood_flood"}, Tail: 1}))
		return slices.Equal(last, []string{"the last line"})
	})
	// While it is written to, a file may be counted that makes room for another.
	if size := diskUse(t, ring); largest > most*9/8 || size > most || size < most/2 {
		t.Errorf("%d bytes on disk, at most %d; the cap is %d", size, largest, most)
	}
	t.Logf("%d MiB of output: %d KiB on disk, the daemon has %d MiB", *floodMiB, diskUse(t, ring)>>10, n.memory()>>20)
}

func diskUse(t *testing.T, dir string) int64 {
	t.Helper()
	total := int64(0)
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}
