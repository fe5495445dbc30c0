package gitsource

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// queries lets sources that ask the same at about the same time share one
// answer. About is measured from when a query began: what was pushed after
// that may be missing in its answer.
type queries struct {
	share time.Duration

	mu      sync.Mutex
	running map[string]*query
}

type query struct {
	began time.Time
	done  chan struct{}
	refs  *packp.AdvRefs
	err   error
}

func (q *queries) do(ctx context.Context, key string, ask func(context.Context) (*packp.AdvRefs, error)) (*packp.AdvRefs, error) {
	for {
		running, mine := q.join(key)
		if mine {
			running.refs, running.err = ask(ctx)
			close(running.done)
			q.forget(key, running)
			return running.refs, running.err
		}
		select {
		case <-running.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !errors.Is(running.err, context.Canceled) { // it was another's time that ran out
			return running.refs, running.err
		}
		q.drop(key, running)
	}
}

func (q *queries) join(key string) (_ *query, mine bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if running := q.running[key]; running != nil && time.Since(running.began) <= q.share {
		return running, false
	}
	fresh := &query{began: time.Now(), done: make(chan struct{})}
	if q.running == nil {
		q.running = map[string]*query{}
	}
	q.running[key] = fresh
	return fresh, true
}

// forget drops an answer as soon as it is too old: lists of refs can be long.
func (q *queries) forget(key string, old *query) {
	time.AfterFunc(q.share-time.Since(old.began), func() { q.drop(key, old) })
}

func (q *queries) drop(key string, old *query) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[key] == old {
		delete(q.running, key)
	}
}
