package docker

import (
	"context"
	"sync"
	"time"
)

// readersWithin is how long a Stop waits for those who read a container's
// output to its end: it is removed with the container.
const readersWithin = 5 * time.Second

// readers counts who reads which container's output to its end. The zero
// value has nobody.
type readers struct {
	mu   sync.Mutex
	open map[string]*reading
}

// reading is the readers of one container.
type reading struct {
	count int
	done  chan struct{} // closed when the count is 0
}

// begin counts a reader until end is called, once or more.
func (r *readers) begin(id string) (end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = map[string]*reading{}
	}
	now := r.open[id]
	if now == nil {
		now = &reading{done: make(chan struct{})}
		r.open[id] = now
	}
	now.count++
	return sync.OnceFunc(func() { r.end(id, now) })
}

func (r *readers) end(id string, now *reading) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.count--; now.count == 0 {
		close(now.done)
		delete(r.open, id)
	}
}

// wait returns when nobody reads, or after a while.
func (r *readers) wait(ctx context.Context, id string) {
	r.mu.Lock()
	now := r.open[id]
	r.mu.Unlock()
	if now == nil {
		return
	}
	timer := time.NewTimer(readersWithin)
	defer timer.Stop()
	select {
	case <-now.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}
