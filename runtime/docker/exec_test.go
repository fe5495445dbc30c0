package docker

import (
	"context"
	"errors"
	"strings"
	"testing"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

func TestTail(t *testing.T) {
	var kept tail
	for range 100 {
		if n, err := kept.Write([]byte(strings.Repeat("a", 1000))); n != 1000 || err != nil {
			t.Fatal(n, err)
		}
	}
	kept.Write([]byte("end"))
	if len(kept) != maxExecOutput || !strings.HasSuffix(string(kept), "aend") {
		t.Errorf("kept %d bytes, ending in %q", len(kept), kept[len(kept)-4:])
	}
}

func TestExecFails(t *testing.T) {
	d := newDriver(t, Options{})
	ours, _ := started(t, d, component(t, func(c *project.Component) { c.Command = []string{"hold"} }))
	missing, err := d.Exec(t.Context(), ours.ID, []string{"/no-such-file"})
	if err == nil && missing.ExitCode == 0 {
		t.Errorf("a command that is not there = %+v, want an error or its code", missing)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := d.Exec(ctx, ours.ID, []string{drivertest.AppPath, "hold"})
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled = %v, want context.Canceled", err)
	}
	if err := d.Stop(t.Context(), ours.ID, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Exec(t.Context(), ours.ID, nil); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("exec in what is gone = %v, want ErrNotFound", err)
	}
}
