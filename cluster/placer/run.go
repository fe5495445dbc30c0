package placer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
)

// runCall is a run that waits for its memory.
type runCall struct {
	run  cluster.Run
	done chan struct{}
	err  error // valid once done is closed
}

// Reserve sets a run's memory aside on its node and stores its row. Where that
// does not fit, the answer is a *cluster.Failure; a release that was reserved
// before is ErrConflict, a node that doesn't hold the role ErrNotHolder. After
// an answer that did not come in time the row may be there.
func (p *Placer) Reserve(ctx context.Context, run cluster.Run) error {
	call, err := p.joinRun(run)
	if err != nil {
		return err
	}
	select {
	case p.asked <- struct{}{}:
	default:
	}
	select {
	case <-call.done:
		return call.err
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.runs, run.ID)
	return errors.Join(ctx.Err(), p.err)
}

func (p *Placer) joinRun(run cluster.Run) (*runCall, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.held {
		return nil, cluster.ErrNotHolder
	}
	call := &runCall{run: run, done: make(chan struct{})}
	p.runs[run.ID] = call
	return call, nil
}

// reserve stores the runs that there is room for; placements are planned anew
// beside them.
func (l *loop) reserve(ctx context.Context, d scheduler.Decision) (time.Time, error) {
	number, err := l.ledger.Reserve(ctx, l.hold, d.Reserved)
	switch {
	case errors.Is(err, cluster.ErrConflict):
		l.answerRuns(d.Reserved, fmt.Errorf("reserve: %w", err))
		return time.Now(), nil
	case err != nil:
		return l.failed(ctx, d, err)
	}
	l.succeeded()
	l.answerRuns(d.Reserved, nil)
	l.feed.Hint()
	if err := l.feed.WaitFor(ctx, number); err != nil {
		return time.Time{}, nil
	}
	return time.Now(), nil
}

func (l *loop) answerRuns(runs []cluster.Run, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range runs {
		l.answerRunLocked(r.ID, err)
	}
}

func (l *loop) refuseRuns(refused map[string]*cluster.Failure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, why := range refused {
		l.answerRunLocked(id, why)
	}
}

func (p *Placer) answerRunLocked(id string, err error) {
	call, ok := p.runs[id]
	if !ok {
		return
	}
	call.err = err
	close(call.done)
	delete(p.runs, id)
}
