package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
	"maelstrom/runtime/logring"
)

// keeping is a bubble whose daemon keeps output.
func keeping(t *testing.T, image fake.Image, story func(w *world)) {
	t.Helper()
	dir := t.TempDir()
	bubble(t, image, func(w *world) {
		w.openRings(dir)
		story(w)
		w.rings.Flush()
	})
}

// openRings opens the rings as the daemon's next start does.
func (w *world) openRings(dir string) {
	w.t.Helper()
	rings, err := logring.Open(dir, logring.Options{Cap: 1 << 20, Age: 7 * 24 * time.Hour})
	if err != nil {
		w.t.Fatal(err)
	}
	w.rings = rings
}

// kept is what the ring of shop_web holds; each container's output in
// brackets.
func (w *world) kept() string {
	w.t.Helper()
	ring, err := w.rings.Ring("shop_web")
	if err != nil {
		w.t.Fatal(err)
	}
	reader, err := ring.Read(logring.Query{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer reader.Close()
	var text strings.Builder
	last := ""
	for {
		e, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return strings.TrimSpace(text.String())
		}
		if err != nil {
			w.t.Fatal(err)
		}
		if e.Source.Container != last {
			last = e.Source.Container
			text.WriteString("|")
		}
		fmt.Fprintf(&text, " %s ", e.Text)
	}
}

func (w *world) expectKept(want string) {
	w.t.Helper()
	synctest.Wait()
	if got := w.kept(); got != want {
		w.t.Errorf("kept %q, want %q", got, want)
	}
}

func TestOutputIsKeptBeyondItsContainer(t *testing.T) {
	keeping(t, fake.Image{Output: []string{"hello"}, TermDelay: time.Second}, func(w *world) {
		w.serving()
		w.engine.Log("p1", "one")
		w.pass(time.Second)
		w.expectKept("| hello  one")
		w.engine.Log("p1", "dying")
		w.engine.Kill("p1")
		w.pass(10 * time.Second)
		w.expectKept("| hello  one  dying | hello")
		w.want("p1", cluster.WantStop)
		w.pass(500 * time.Millisecond)
		w.engine.Log("p1", "bye") // between SIGTERM and its end
		w.pass(10 * time.Second)
		w.expectGone("p1")
		w.expectKept("| hello  one  dying | hello  bye")
	})
}

// A daemon goes on where the last one stopped, whatever became of it.
func TestCollectorGoesOnWhereTheLastOneStopped(t *testing.T) {
	dir := t.TempDir()
	bubble(t, fake.Image{Output: []string{"hello", "again"}}, func(w *world) {
		w.openRings(dir)
		w.serving()
		w.pass(time.Second)
		w.engine.Log("p1", "lost in the buffer of a daemon that is killed")
		w.openRings(dir + "/elsewhere") // what is still read goes nowhere
		w.halt()
		w.engine.Log("p1", "while it was away")
		w.openRings(dir)
		w.start()
		w.pass(time.Second)
		const all = "| hello  again  lost in the buffer of a daemon that is killed  while it was away"
		w.expectKept(all)
		w.halt()
		w.engine.Log("p1", "last words")
		w.engine.Exit("p1", 3)
		synctest.Wait()
		w.start()
		w.pass(10 * time.Second)
		w.expectKept(all + "  last words | hello  again")
	})
}

func TestCollectorGoesOnAfterAnOutage(t *testing.T) {
	keeping(t, fake.Image{Output: []string{"hello"}}, func(w *world) {
		w.serving()
		w.engine.Down("restarting")
		w.pass(time.Minute)
		w.engine.Log("p1", "meanwhile")
		w.engine.Up()
		w.pass(time.Minute)
		w.engine.Log("p1", "after")
		w.pass(time.Second)
		w.expectKept("| hello  meanwhile  after")
	})
}

func TestUnreadableOutputIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	bubble(t, fake.Image{Output: []string{"hello"}}, func(w *world) {
		want := "|"
		for range 3 {
			w.openRings(dir)
			w.start()
			w.placeOf("p1", func(c *project.Component) { c.LogDriver = "none" })
			w.pass(time.Second)
			want = "| " + runtime.UnreadableMessage("none")
			w.expectKept(want)
			w.halt()
		}
		if !strings.Contains(want, `log driver "none"`) {
			t.Errorf("the message is %q", want)
		}
	})
}

// askedDriver counts what collectors ask of the engine.
type askedDriver struct {
	runtime.Driver
	asked atomic.Int64
}

func (d *askedDriver) Logs(ctx context.Context, id string, opt runtime.LogOptions) (runtime.LogStream, error) {
	d.asked.Add(1)
	return d.Driver.Logs(ctx, id, opt)
}

func (d *askedDriver) Inspect(ctx context.Context, id string) (runtime.Container, error) {
	d.asked.Add(1)
	return d.Driver.Inspect(ctx, id)
}

// Of containers that run and say nothing, nothing is asked.
func TestCollectorsOfSilentContainersAreIdle(t *testing.T) {
	keeping(t, fake.Image{}, func(w *world) {
		driver := &askedDriver{Driver: w.driver}
		w.driver = driver
		w.serving()
		w.pass(time.Minute)
		before := driver.asked.Load()
		w.pass(time.Hour)
		if after := driver.asked.Load(); before != 1 || after != before {
			t.Errorf("asked %d times, and %d times an hour later", before, after)
		}
	})
}

func TestStopAllKeepsTheLastWords(t *testing.T) {
	keeping(t, fake.Image{Output: []string{"hello"}, TermDelay: time.Second}, func(w *world) {
		w.serving()
		w.halt()
		done := make(chan error)
		go func() { done <- w.agent.StopAll(w.t.Context()) }()
		w.pass(500 * time.Millisecond)
		w.engine.Log("p1", "bye")
		if err := <-done; err != nil {
			t.Error(err)
		}
		w.expectKept("| hello  bye")
	})
}
