package main

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"maelstrom/runtime"
)

// engine is a container engine, as the tests look at it beside the daemons.
type engine struct{ *client.Client }

// hostEngine is the engine that the daemons use.
func hostEngine(t testing.TB) *engine {
	t.Helper()
	return dialEngine(t, client.FromEnv)
}

func dialEngine(t testing.TB, where client.Opt) *engine {
	t.Helper()
	c, err := client.NewClientWithOpts(where, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &engine{c}
}

func ofNode(id string) filters.Args {
	return filters.NewArgs(filters.Arg("label", runtime.LabelNode+"="+id))
}

// containers lists the containers of a node, running or not.
func (e *engine) containers(t testing.TB, node string) []container.Summary {
	t.Helper()
	list, err := e.ContainerList(context.Background(), container.ListOptions{All: true, Filters: ofNode(node)})
	if err != nil {
		t.Fatalf("list containers: %v (these tests need a Docker engine: make test installs and starts one)", err)
	}
	return list
}

// says tells whether a container has written something.
func (e *engine) says(t testing.TB, id, part string) bool {
	t.Helper()
	output, err := e.ContainerLogs(t.Context(), id, container.LogsOptions{ShowStdout: true})
	if err != nil {
		return false
	}
	defer output.Close()
	written, err := io.ReadAll(output)
	return err == nil && strings.Contains(string(written), part)
}

// only returns the one container that a node has.
func (e *engine) only(t testing.TB, node string) container.InspectResponse {
	t.Helper()
	list := e.containers(t, node)
	if len(list) != 1 {
		t.Fatalf("%d containers, want one: %v", len(list), list)
	}
	found, err := e.ContainerInspect(context.Background(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// removeAll removes the containers of a node, at the end of a test.
func (e *engine) removeAll(t testing.TB, node string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	list, err := e.ContainerList(ctx, container.ListOptions{All: true, Filters: ofNode(node)})
	if err != nil {
		t.Errorf("clean up: %v", err)
	}
	for _, c := range list {
		if err := e.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			t.Errorf("clean up: %v", err)
		}
	}
}

// history is what happened to the containers of a node.
type history struct {
	mu   sync.Mutex
	list []events.Message
}

// watch records what happens to the containers of a node from now on.
func (e *engine) watch(t testing.TB, node string) *history {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	args := ofNode(node)
	args.Add("type", "container")
	// Asking for the past too makes sure that nothing falls between.
	messages, failed := e.Events(ctx, events.ListOptions{Filters: args, Since: time.Now().Add(-time.Minute).Format(time.RFC3339)})
	h := new(history)
	go func() {
		for {
			select {
			case m := <-messages:
				h.mu.Lock()
				h.list = append(h.list, m)
				h.mu.Unlock()
			case err := <-failed:
				if ctx.Err() == nil {
					t.Errorf("events of the engine: %v", err)
				}
				return
			}
		}
	}()
	return h
}

// of returns the events with an action, of one component or of all.
func (h *history) of(action events.Action, component string) []events.Message {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []events.Message
	for _, m := range h.list {
		if m.Action == action && (component == "" || m.Actor.Attributes[runtime.LabelComponent] == component) {
			list = append(list, m)
		}
	}
	return list
}

func (h *history) starts(component string) int { return len(h.of(events.ActionStart, component)) }

// most is how many containers of one component or of all ran at once at most.
func (h *history) most(component string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	running, most := map[string]bool{}, 0
	byTime := slices.SortedFunc(slices.Values(h.list), func(a, b events.Message) int { return int(a.TimeNano - b.TimeNano) })
	for _, m := range byTime {
		if component != "" && m.Actor.Attributes[runtime.LabelComponent] != component {
			continue
		}
		switch m.Action {
		case events.ActionStart:
			running[m.Actor.ID] = true
		case events.ActionDie:
			delete(running, m.Actor.ID)
		}
		most = max(most, len(slices.Collect(maps.Keys(running))))
	}
	return most
}

// at is when an event happened.
func at(m events.Message) time.Time { return time.Unix(0, m.TimeNano) }
