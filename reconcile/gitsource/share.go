package gitsource

import (
	"context"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// queries lets sources that ask the same at about the same time share one
// answer. Nobody gets an answer to what was asked before they came: a push in
// between would be missing in it. So those who come while a query runs wait
// for the next, which begins when that one ends, or after patience.
type queries struct {
	patience time.Duration

	mu   sync.Mutex
	keys map[string]*lane
}

// lane is the queries of one key.
type lane struct {
	running *query // the latest that has begun
	next    *query // it has not begun
}

type query struct {
	done chan struct{}
	refs *packp.AdvRefs
	err  error
	left bool // who was to ask has gone without an answer
}

func (q *queries) do(ctx context.Context, key string, ask func(context.Context) (*packp.AdvRefs, error)) (*packp.AdvRefs, error) {
	for {
		joined, before, mine := q.join(key)
		if mine {
			q.lead(ctx, key, joined, before, ask)
			return joined.refs, joined.err
		}
		select {
		case <-joined.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if !joined.left {
			return joined.refs, joined.err
		}
	}
}

// join returns the query that begins next, and the one before it. Whoever is
// the first to want it is to lead it.
func (q *queries) join(key string) (next, before *query, mine bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.keys[key]
	if l == nil {
		l = &lane{}
		if q.keys == nil {
			q.keys = map[string]*lane{}
		}
		q.keys[key] = l
	}
	if l.next == nil {
		l.next, mine = &query{done: make(chan struct{})}, true
	}
	return l.next, l.running, mine
}

func (q *queries) lead(ctx context.Context, key string, mine, before *query, ask func(context.Context) (*packp.AdvRefs, error)) {
	q.await(ctx, before)
	q.begin(key, mine)
	if mine.err = ctx.Err(); mine.err == nil {
		mine.refs, mine.err = ask(ctx)
	}
	mine.left = mine.err != nil && ctx.Err() != nil
	q.end(key, mine)
	close(mine.done)
}

// await lets others come while a query runs.
func (q *queries) await(ctx context.Context, before *query) {
	if before == nil {
		return
	}
	timer := time.NewTimer(q.patience)
	defer timer.Stop()
	select {
	case <-before.done:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// begin: who comes from now on needs another query.
func (q *queries) begin(key string, mine *query) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.keys[key]
	l.running, l.next = mine, nil
}

func (q *queries) end(key string, mine *query) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.keys[key]
	if l == nil || l.running != mine {
		return
	}
	if l.running = nil; l.next == nil {
		delete(q.keys, key)
	}
}
