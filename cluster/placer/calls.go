package placer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
	"maelstrom/project"
)

// call is one question to the loop, shared by everyone who asks the same.
type call struct {
	at      time.Time
	node    string // that asked first
	waiters int
	done    chan struct{}
	err     error // valid once done is closed
}

func (c *call) answer(err error) {
	c.err = err
	close(c.done)
}

// Wake returns once the component has a placement that shall run, whatever
// state its instance is in. A component that can't be placed is answered with
// a *cluster.Failure; a node that doesn't hold the role with ErrNotHolder.
func (p *Placer) Wake(ctx context.Context, component string) error {
	return p.WakeFor(ctx, p.opt.Node, component)
}

// WakeFor is Wake for another node, which is preferred where all else is equal.
func (p *Placer) WakeFor(ctx context.Context, node, component string) error {
	if wanted(p.feed.Snapshot(), component) && p.noteRecent(component) {
		return nil
	}
	return p.ask(ctx, p.wakes, node, component)
}

// Sleep stops what runs of a component, although it may not be idle yet. It
// returns when that is decided and stored. The next request wakes it again. One
// that is declared to run is a *cluster.KeptAwakeError.
func (p *Placer) Sleep(ctx context.Context, component string) error {
	row, ok := p.feed.Snapshot().Components.Get(component)
	if !ok {
		return fmt.Errorf("sleep %s: %w", component, cluster.ErrNotFound)
	}
	if err := p.keptAwake(row.Current().Effective); err != nil {
		return err
	}
	return p.ask(ctx, p.sleeps, p.opt.Node, component)
}

func (p *Placer) keptAwake(spec *project.Component) error {
	if n := spec.MinInstances; n > 0 {
		return &cluster.KeptAwakeError{Component: spec.Name, MinInstances: n}
	}
	zone := p.opt.Zone
	if zone == nil {
		zone = time.UTC
	}
	if n, until := spec.AwakeMinimum(time.Now(), zone); n > 0 {
		return &cluster.KeptAwakeError{Component: spec.Name, Until: until.In(zone)}
	}
	return nil
}

// noteRecent tells the next plan of a wake that needs nothing but counts as
// activity.
func (p *Placer) noteRecent(component string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held {
		p.recent[component] = time.Now()
	}
	return p.held
}

// ask joins the call for a component and waits for its answer.
func (p *Placer) ask(ctx context.Context, calls map[string]*call, node, component string) error {
	c, err := p.join(calls, node, component)
	if err != nil {
		return err
	}
	select {
	case p.asked <- struct{}{}:
	default:
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return p.forsake(ctx, calls, component, c)
	}
}

func (p *Placer) join(calls map[string]*call, node, component string) (*call, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.held {
		return nil, cluster.ErrNotHolder
	}
	c := calls[component]
	if c == nil {
		c = &call{at: time.Now(), node: node, done: make(chan struct{})}
		calls[component] = c
	}
	c.waiters++
	return c, nil
}

// forsake gives a call up. The error tells too why nothing could be written.
func (p *Placer) forsake(ctx context.Context, calls map[string]*call, component string, c *call) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.waiters--
	if c.waiters == 0 && calls[component] == c {
		delete(calls, component)
	}
	return errors.Join(ctx.Err(), p.err)
}

// wanted tells whether a component has a placement that shall run.
func wanted(s *cluster.Snapshot, component string) bool {
	rows, _ := s.ByComponent.Get(component)
	for _, pl := range rows {
		if pl.Want == cluster.WantRun {
			return true
		}
	}
	return false
}

// questions returns what the loop is asked now, as load for a plan.
func (p *Placer) questions() scheduler.Load {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := scheduler.Load{Wakes: map[string]scheduler.Wake{}, Sleeps: map[string]bool{}}
	for component, at := range p.recent {
		l.Wakes[component] = scheduler.Wake{At: at, Node: p.opt.Node}
	}
	for component, c := range p.wakes {
		l.Wakes[component] = scheduler.Wake{At: c.at, Waiting: true, Node: c.node}
	}
	for component := range p.sleeps {
		l.Sleeps[component] = true
	}
	for _, id := range slices.Sorted(maps.Keys(p.runs)) {
		l.Runs = append(l.Runs, p.runs[id].run)
	}
	return l
}
