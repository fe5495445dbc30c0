package fake

import (
	"context"
	"fmt"
	"sync"
	"time"

	"maelstrom/runtime"
)

// Engine is what several Drivers may share, as several daemons share one
// container engine. Its faults can be switched at any time.
type Engine struct {
	mu         sync.Mutex
	images     map[string]*Image
	present    map[string]bool       // by image
	nameless   []string              // ids of images that lost their name to another one
	volumes    map[string]bool       // by name
	published  map[string]*Image     // at a registry, newer than what is here
	containers map[string]*container // by id
	watchers   map[chan struct{}]bool
	down       string // why the engine does not answer; empty: it does
	slow       time.Duration
	serial     int
	starting   int
	counts     Counts
	peaks      map[string]int // most running containers at once, by component
	ended      sync.WaitGroup // containers' goroutines
}

// Counts is how often the engine was asked.
type Counts struct {
	Starts, Stops, Pulls, Lists, Execs, MemoryReads int

	// ParallelStarts is the most Start calls at one moment.
	ParallelStarts int
}

// NewEngine returns an engine with these images.
func NewEngine(images map[string]Image) *Engine {
	e := &Engine{
		images:     map[string]*Image{},
		present:    map[string]bool{},
		volumes:    map[string]bool{},
		published:  map[string]*Image{},
		containers: map[string]*container{},
		watchers:   map[chan struct{}]bool{},
		peaks:      map[string]int{},
	}
	for name, image := range images {
		e.SetImage(name, image)
	}
	return e
}

// SetImage adds or replaces an image. Running containers keep their script. One
// that is here already and has another id than before loses its name to it.
func (e *Engine) SetImage(name string, image Image) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.present[name] && e.images[name].idOf(name) != image.idOf(name) && !image.Remote {
		e.nameless = append(e.nameless, e.images[name].idOf(name))
	}
	e.images[name] = &image
	e.present[name] = !image.Remote && !image.Missing
	e.notifyLocked()
}

// Publish replaces what a registry has under a name; what is here stays until
// a pull fetches the new one.
func (e *Engine) Publish(name string, image Image) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.published[name] = &image
}

// Counts tells how often the engine was asked so far.
func (e *Engine) Counts() Counts {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.counts
}

// Peak tells the most containers of a component that ran at once.
func (e *Engine) Peak(component string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peaks[component]
}

// Slow makes every call take this much longer.
func (e *Engine) Slow(by time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slow = by
}

// Down makes every call fail with ErrEngineDown. Containers run on and can be
// dialled.
func (e *Engine) Down(why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = why
}

// Up ends Down and announces it to those who watch.
func (e *Engine) Up() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = ""
	e.notifyLocked()
}

// Kill ends the container of a placement as SIGKILL would. It tells whether
// there was one.
func (e *Engine) Kill(placement string) bool { return e.Exit(placement, 137) }

// Exit makes the container of a placement exit by itself.
func (e *Engine) Exit(placement string, code int) bool {
	return e.end(placement, exit{code: code})
}

// OOM ends the container of a placement as the kernel does when memory is out.
func (e *Engine) OOM(placement string) bool {
	return e.end(placement, exit{code: 137, oom: true})
}

func (e *Engine) end(placement string, how exit) bool {
	c := e.byPlacement(placement)
	if c == nil || !c.kill(how) {
		return false
	}
	<-c.done
	return true
}

// KillAll ends every container, as an engine does that is restarted.
func (e *Engine) KillAll() {
	for _, c := range e.all() {
		if c.kill(exit{code: 137}) {
			<-c.done
		}
	}
}

// Close ends every container and waits for their goroutines.
func (e *Engine) Close() {
	e.KillAll()
	e.ended.Wait()
}

// Log adds a line to the output of a placement's container.
func (e *Engine) Log(placement, line string) {
	if c := e.byPlacement(placement); c != nil {
		c.output.write("stdout", line)
	}
}

func (e *Engine) byPlacement(placement string) *container {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.byPlacementLocked(placement)
}

func (e *Engine) byPlacementLocked(placement string) *container {
	for _, c := range e.containers {
		if c.spec.Placement == placement {
			return c
		}
	}
	return nil
}

func (e *Engine) all() []*container {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*container, 0, len(e.containers))
	for _, c := range e.containers {
		all = append(all, c)
	}
	return all
}

// enter is the beginning of every call: it takes its time, and fails while
// the engine is down.
func (e *Engine) enter(ctx context.Context) error {
	e.mu.Lock()
	slow := e.slow
	e.mu.Unlock()
	if err := wait(ctx, slow); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down != "" {
		return fmt.Errorf("%w: %s", runtime.ErrEngineDown, e.down)
	}
	return ctx.Err()
}

// count changes the counts under the lock.
func (e *Engine) count(change func(*Counts)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(&e.counts)
}

func (e *Engine) notifyLocked() {
	for w := range e.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (e *Engine) watch(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	e.mu.Lock()
	e.watchers[changed] = true
	e.mu.Unlock()
	context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.watchers, changed)
		close(changed)
	})
	return changed
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
