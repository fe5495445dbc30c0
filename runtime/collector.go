package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"maelstrom/runtime/logring"
)

const (
	collectRetry = 8 * time.Second // at most, until a stream that broke is opened again
	settleWithin = 2 * time.Second
)

// collectorOptions say where output goes.
type collectorOptions struct {
	Ring      *logring.Writer // nil: not kept
	Copy      bool            // to the daemon's log
	CopySince time.Time
	LogDriver string // of the component
	Logger    *slog.Logger
}

// collector reads the output of one container once. A stream that broke is
// opened again where it broke, and by a later daemon where the ring ends.
type collector struct {
	driver    Driver
	container string
	opt       collectorOptions
	seen      window
	floor     time.Time // what is older is not wanted
	retry     backoff

	hurry chan struct{} // buffered 1: open the stream now

	mu      sync.Mutex
	settled chan struct{} // closed while a stream is open, and at the end
}

func newCollector(driver Driver, container string, opt collectorOptions) *collector {
	return &collector{
		driver: driver, container: container, opt: opt,
		hurry: make(chan struct{}, 1), settled: make(chan struct{}),
	}
}

// run reads until ctx ends or the output does.
func (c *collector) run(ctx context.Context) {
	defer c.settle(true)
	if c.opt.Ring != nil {
		defer c.opt.Ring.Close()
		c.remember()
	} else {
		c.floor = c.opt.CopySince
	}
	for ctx.Err() == nil {
		if err := c.read(ctx); err == nil {
			return
		}
		c.settle(false)
		c.pause(ctx)
	}
}

// remember reads where an earlier daemon stopped.
func (c *collector) remember() {
	last, err := c.opt.Ring.Last(remembered)
	if err != nil {
		c.opt.Logger.Warn("kept output not read", "container", c.container, "error", err)
	}
	for _, rec := range last {
		c.seen.add(rec)
	}
	c.floor = c.opt.Ring.Floor()
}

// read is nil at the end of the output.
func (c *collector) read(ctx context.Context) error {
	since := c.seen.since()
	if since.Before(c.floor) {
		since = c.floor
	}
	stream, err := c.driver.Logs(ctx, c.container, LogOptions{Follow: true, Keep: true, Since: since})
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case errors.Is(err, ErrLogUnreadable):
		c.tellUnreadable()
		return nil
	case err != nil:
		return err
	}
	defer stream.Close()
	watched, end := context.WithCancel(ctx)
	defer end()
	stall := &stallWatch{collector: c, ctx: watched, stream: stream}
	c.settle(true)
	c.seen.replay()
	for {
		line, err := stream.Next()
		if errors.Is(err, ErrLogUnreadable) {
			c.tellUnreadable()
			return nil
		}
		if err != nil {
			return c.outputEnd(ctx, err)
		}
		c.retry.reset()
		stall.note(line)
		c.take(line)
	}
}

var recordStreams = map[string]logring.Stream{"stdout": logring.Stdout, "stderr": logring.Stderr}

func (c *collector) take(line LogLine) {
	rec := logring.Record{Time: line.Time, Stream: recordStreams[line.Stream], Text: line.Text}
	if rec.Time.IsZero() {
		rec.Time = time.Now()
	}
	if c.opt.Ring != nil {
		rec = c.opt.Ring.Kept(rec)
	}
	if c.seen.skip(rec) || c.seen.goesBack(rec, time.Now()) {
		return
	}
	c.seen.add(rec)
	if c.opt.Ring != nil {
		c.opt.Ring.Append(rec)
	}
	if c.opt.Copy && !line.Time.Before(c.opt.CopySince) {
		c.opt.Logger.Info("container output", "stream", line.Stream, "text", line.Text)
	}
}

// tellUnreadable leaves word of why there is no output, once.
func (c *collector) tellUnreadable() {
	text := UnreadableMessage(c.opt.LogDriver)
	if c.opt.Ring == nil || c.seen.noticed == text {
		return
	}
	c.opt.Ring.Append(logring.Record{Time: time.Now(), Stream: logring.Notice, Text: text})
}

// UnreadableMessage explains a container whose output can't be shown; the
// driver may be unknown.
func UnreadableMessage(driver string) string {
	what := "the engine's default log driver"
	if driver != "" && driver != logDriverMaelstrom {
		what = fmt.Sprintf("log driver %q", driver)
	}
	return what + " keeps nothing that can be read back: look where it sends the output, or leave `logdriver` out"
}

// outputEnd is nil if the stream ended because the container did.
func (c *collector) outputEnd(ctx context.Context, err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	found, failed := c.driver.Inspect(ctx, c.container)
	if failed == nil && found.State != ContainerExited {
		return err
	}
	if errors.Is(failed, ErrEngineDown) {
		return failed
	}
	return nil
}

func (c *collector) pause(ctx context.Context) {
	timer := time.NewTimer(min(c.retry.next(), collectRetry))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.hurry:
	case <-ctx.Done():
	}
}

// settle notes whether the output is being read, or was to its end.
func (c *collector) settle(done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.settled:
		if !done {
			c.settled = make(chan struct{})
		}
	default:
		if done {
			close(c.settled)
		}
	}
}

// beforeStop returns when the output is being read, or after a short while: a
// container takes its output with it.
func (c *collector) beforeStop(ctx context.Context) {
	c.mu.Lock()
	settled := c.settled
	c.mu.Unlock()
	signal(c.hurry)
	timer := time.NewTimer(settleWithin)
	defer timer.Stop()
	select {
	case <-settled:
	case <-timer.C:
	case <-ctx.Done():
	}
}
