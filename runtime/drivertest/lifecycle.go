package drivertest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/runtime"
)

func testInfo(t *testing.T, h Harness) {
	info, err := h.Driver.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Name == "" || info.CPUCount < 1 || info.MemoryTotalMiB < 1 {
		t.Errorf("info = %+v: want a name, CPUs and memory", info)
	}
}

func testImages(t *testing.T, h Harness) {
	for image, want := range map[string]bool{h.Component(Serves).Image: true, h.MissingImage: false} {
		if got, err := h.Driver.ImagePresent(t.Context(), image); err != nil || got != want {
			t.Errorf("ImagePresent(%s) = %t, %v; want %t", image, got, err, want)
		}
	}
	if _, err := h.Driver.Image(t.Context(), h.MissingImage); !errors.Is(err, runtime.ErrImageMissing) {
		t.Errorf("Image(%s) = %v, want ErrImageMissing", h.MissingImage, err)
	}
	if err := h.Driver.RemoveImage(t.Context(), h.MissingImage); err != nil {
		t.Errorf("remove an image that is not there: %v", err)
	}
	err := h.Driver.Pull(t.Context(), runtime.PullRequest{Image: h.MissingImage})
	if !errors.Is(err, runtime.ErrPull) {
		t.Errorf("Pull(%s) = %v, want ErrPull", h.MissingImage, err)
	}
}

func testStart(t *testing.T, h Harness) {
	spec := specOf(h, Serves)
	c, err := h.Driver.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if c.ID == "" || c.State != runtime.ContainerRunning || c.Address == "" || c.StartedAt.IsZero() || !c.FinishedAt.IsZero() {
		t.Errorf("started = %+v: want an id, running, an address, when it started", c)
	}
	if c.Placement != spec.Placement || c.Component != spec.Component.Name || c.Version != 7 || c.Epoch != 3 || c.Image != spec.Component.Image {
		t.Errorf("started = %+v: want what the spec says", c)
	}
	checkImageOf(t, h, c)
	if !strings.Contains(c.Name, spec.Placement) || !strings.Contains(c.Name, spec.Component.Name) {
		t.Errorf("name = %q: want the component and the placement in it", c.Name)
	}
	if status := get(t, h, c.Address, "/"); status != http.StatusOK {
		t.Errorf("status = %d, want 200", status)
	}
	if again, err := h.Driver.Inspect(t.Context(), c.ID); err != nil || again != c {
		t.Errorf("Inspect = %+v, %v; want what Start returned: %+v", again, err, c)
	}
	if again, ok := listed(t, h.Driver, c.ID); !ok || again != c {
		t.Errorf("List shows %+v; want what Start returned: %+v", again, c)
	}
}

func testConflict(t *testing.T, h Harness) {
	spec := specOf(h, Serves)
	first, err := h.Driver.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Driver.Start(t.Context(), spec); !errors.Is(err, runtime.ErrConflict) {
		t.Errorf("second start = %v, want ErrConflict", err)
	}
	if c, ok := listed(t, h.Driver, first.ID); !ok || c.State != runtime.ContainerRunning {
		t.Errorf("after it the first is %+v, want it running", c)
	}
}

func testMissingImage(t *testing.T, h Harness) {
	spec := specOf(h, Serves)
	spec.Component.Image = h.MissingImage
	if _, err := h.Driver.Start(t.Context(), spec); !errors.Is(err, runtime.ErrImageMissing) {
		t.Errorf("start = %v, want ErrImageMissing", err)
	}
	wantNothing(t, h)
}

func wantNothing(t *testing.T, h Harness) {
	t.Helper()
	if list, err := h.Driver.List(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("List = %+v, %v; want nothing", list, err)
	}
}

func testExits(t *testing.T, h Harness) {
	started := start(t, h, Exits)
	c := awaitState(t, h, started.ID, runtime.ContainerExited)
	if c.ExitCode != ExitCode || c.FinishedAt.Before(c.StartedAt) || c.Address != "" || c.OOMKilled {
		t.Errorf("exited = %+v: want code %d, when it ended, no address", c, ExitCode)
	}
}

func testCrash(t *testing.T, h Harness) {
	started := start(t, h, Crashes)
	get(t, h, started.Address, "/")
	changed := h.Driver.Watch(within(t))
	if status, err := getOnce(t.Context(), h, started.Address, "/crash"); err == nil {
		t.Errorf("/crash answered %d, want a broken connection", status)
	}
	for c := started; c.State != runtime.ContainerExited; c, _ = listed(t, h.Driver, started.ID) {
		if _, open := <-changed; !open {
			t.Fatal("the crash was not announced")
		}
	}
	if c, _ := listed(t, h.Driver, started.ID); c.ExitCode != ExitCode {
		t.Errorf("exit code = %d, want %d", c.ExitCode, ExitCode)
	}
}

func testNeverListens(t *testing.T, h Harness) {
	c := start(t, h, NeverListens)
	if c.State != runtime.ContainerRunning || c.Address == "" {
		t.Errorf("started = %+v: want it running, with an address", c)
	}
	if status, err := getOnce(within(t), h, c.Address, "/"); err == nil {
		t.Errorf("status = %d, want a refused connection", status)
	}
}

func testStop(t *testing.T, h Harness) {
	c := start(t, h, Serves)
	get(t, h, c.Address, "/")
	if err := h.Driver.Stop(t.Context(), c.ID, patience); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Driver.Inspect(t.Context(), c.ID); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("inspect after stop = %v, want ErrNotFound", err)
	}
	wantNothing(t, h)
}

// An app that ends in time when asked has written its last line.
func testStopAsksFirst(t *testing.T, h Harness) {
	c := start(t, h, Serves)
	get(t, h, c.Address, "/")
	log, err := h.Driver.Logs(within(t), c.ID, runtime.LogOptions{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	stopped := make(chan error, 1)
	go func() { stopped <- h.Driver.Stop(t.Context(), c.ID, patience) }()
	lines := textOf(readLog(t, log, nil), "stdout")
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(lines, TermLine) {
		t.Errorf("output = %q, want %q at the end", lines, TermLine)
	}
}

func testStopKills(t *testing.T, h Harness) {
	c := start(t, h, IgnoresTerm)
	get(t, h, c.Address, "/")
	if err := h.Driver.Stop(within(t), c.ID, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	wantNothing(t, h)
}

func testStopGone(t *testing.T, h Harness) {
	c := start(t, h, Exits)
	awaitState(t, h, c.ID, runtime.ContainerExited)
	for range 2 {
		if err := h.Driver.Stop(t.Context(), c.ID, 0); err != nil {
			t.Errorf("stop = %v, want nil", err)
		}
	}
	wantNothing(t, h)
	if err := h.Driver.Stop(t.Context(), "nothing-by-this-name", time.Second); err != nil {
		t.Errorf("stop of nothing = %v, want nil", err)
	}
}

func testWatchEnds(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	changed := h.Driver.Watch(ctx)
	cancel()
	timeout := time.After(patience)
	for {
		select {
		case _, open := <-changed:
			if !open {
				return
			}
		case <-timeout:
			t.Fatal("watch goes on after its context ended")
		}
	}
}

func testCancelledStart(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Driver.Start(ctx, specOf(h, Serves)); !errors.Is(err, context.Canceled) {
		t.Errorf("start = %v, want context.Canceled", err)
	}
	wantNothing(t, h)
}

// checkImageOf checks that the engine tells what a container runs, and keeps it.
func checkImageOf(t *testing.T, h Harness, c runtime.Container) {
	t.Helper()
	found, err := h.Driver.Image(t.Context(), c.Image)
	if err != nil || found.ID == "" || found.ID != c.ImageID {
		t.Errorf("container runs %q, %s is %+v, %v", c.ImageID, c.Image, found, err)
	}
	all, err := h.Driver.Images(t.Context())
	if err != nil || !slices.ContainsFunc(all, func(i runtime.Image) bool { return i.ID == c.ImageID && i.InUse }) {
		t.Errorf("%s is not in use: %+v, %v", c.ImageID, all, err)
	}
	if err := h.Driver.RemoveImage(t.Context(), c.ImageID); err == nil {
		t.Error("an image in use was removed")
	}
}
