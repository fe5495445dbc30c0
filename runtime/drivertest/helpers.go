package drivertest

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"maelstrom/project"
	"maelstrom/runtime"
)

// patience bounds each wait for an engine. It is no measure: a wait ends as
// soon as what it waits for is there.
const patience = 30 * time.Second

// poll is the time between two looks at what announces nothing.
const poll = 20 * time.Millisecond

func specOf(h Harness, behaviour Behaviour) runtime.Spec {
	component := h.Component(behaviour)
	return SpecOf(&component)
}

// SpecOf returns a spec for a new placement of an effective component.
func SpecOf(c *project.Component) runtime.Spec {
	return runtime.Spec{
		Placement:   strings.ToLower(rand.Text()),
		Component:   c,
		Version:     7,
		Epoch:       3,
		Environment: c.Environment,
	}
}

func start(t *testing.T, h Harness, behaviour Behaviour) runtime.Container {
	t.Helper()
	c, err := h.Driver.Start(t.Context(), specOf(h, behaviour))
	if err != nil {
		t.Fatalf("start a container that %s: %v", behaviour, err)
	}
	return c
}

// within bounds a wait by patience.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// await calls done until it is true, again at each change that the driver
// announces.
func await(t *testing.T, d runtime.Driver, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	changed := d.Watch(ctx)
	for !done() {
		if _, open := <-changed; !open {
			t.Fatalf("not seen: %s", what)
		}
	}
}

// awaitState waits until List shows a container in a state.
func awaitState(t *testing.T, h Harness, id string, state runtime.ContainerState) runtime.Container {
	t.Helper()
	var found runtime.Container
	await(t, h.Driver, string(state), func() bool {
		c, ok := listed(t, h.Driver, id)
		found = c
		return ok && c.State == state
	})
	return found
}

func listed(t *testing.T, d runtime.Driver, id string) (runtime.Container, bool) {
	t.Helper()
	list, err := d.List(t.Context())
	if err != nil {
		t.Fatalf("list: %v", err)
	}
	for _, c := range list {
		if c.ID == id {
			return c, true
		}
	}
	return runtime.Container{}, false
}

// get asks a container until it answers, and returns the status.
func get(t *testing.T, h Harness, address, path string) int {
	t.Helper()
	ctx := within(t)
	for {
		status, err := getOnce(ctx, h, address, path)
		if err == nil {
			return status
		}
		select {
		case <-ctx.Done():
			t.Fatalf("get http://%s%s: %v", address, path, err)
		case <-time.After(poll):
		}
	}
}

func getOnce(ctx context.Context, h Harness, address, path string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, err
	}
	transport := &http.Transport{DialContext: h.Dial, DisableKeepAlives: true}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, err
	}
	return answer.StatusCode, nil
}

// readLog reads lines until enough says so or the stream ends.
func readLog(t *testing.T, s runtime.LogStream, enough func([]runtime.LogLine) bool) []runtime.LogLine {
	t.Helper()
	var lines []runtime.LogLine
	for enough == nil || !enough(lines) {
		line, err := s.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("read log: %v", err)
		}
		lines = append(lines, line)
	}
	return lines
}

func textOf(lines []runtime.LogLine, stream string) []string {
	var texts []string
	for _, line := range lines {
		if line.Stream == stream {
			texts = append(texts, line.Text)
		}
	}
	return texts
}
