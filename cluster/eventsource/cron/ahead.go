package cron

import (
	"container/heap"
	"context"
	"time"

	"maelstrom/cluster"
)

// maxAhead is how long before a request its component is started at most.
const maxAhead = 5 * time.Minute

// aheadLimit is how many components are started ahead at a time; others wait.
const aheadLimit = 32

// lead is a due time that its component may be started ahead of. At is when to
// look at it: first when it is the longest time ahead, then when it is as long
// ahead as the component takes to start.
type lead struct {
	entry   *entry
	due, at time.Time
	decided bool
}

// leads is a heap of leads by when to look at them.
type leads []lead

func (l leads) Len() int           { return len(l) }
func (l leads) Less(i, j int) bool { return l[i].at.Before(l[j].at) }
func (l leads) Swap(i, j int)      { l[i], l[j] = l[j], l[i] }
func (l *leads) Push(x any)        { *l = append(*l, x.(lead)) }
func (l *leads) Pop() any {
	last := len(*l) - 1
	x := (*l)[last]
	*l = (*l)[:last]
	return x
}

// plan makes e be looked at ahead of its next due time, unless it was.
func (t *table) plan(e *entry) {
	if !e.next.IsZero() && !e.next.Equal(e.led) {
		heap.Push(&t.leads, lead{entry: e, due: e.next, at: e.next.Add(-maxAhead)})
	}
}

// nextLead is when to look at a due time ahead of it; zero: never.
func (t *table) nextLead() time.Time {
	if len(t.leads) == 0 {
		return time.Time{}
	}
	return t.leads[0].at
}

// ahead takes what is to be started by now, ahead of its due time. Took tells
// how long the start of a component takes, if that is known.
func (t *table) ahead(now time.Time, took func(component string) (time.Duration, bool)) []*entry {
	var out []*entry
	for len(t.leads) > 0 && !t.leads[0].at.After(now) {
		l := heap.Pop(&t.leads).(lead)
		if t.entries[l.entry.name] != l.entry || !l.entry.next.Equal(l.due) || !l.due.After(now) {
			continue // it was changed, or is due by now
		}
		if !l.decided {
			if l.decide(now, took) {
				heap.Push(&t.leads, l)
			}
			continue
		}
		l.entry.led = l.due
		out = append(out, l.entry)
	}
	return out
}

// took is how long nearly all starts of a component took; false if nothing is
// to be started ahead of it.
func (c *Cron) took(component string) (time.Duration, bool) {
	if c.deps.Waker == nil || c.deps.Starts == nil {
		return 0, false
	}
	return c.deps.Starts.P95(component)
}

// decide sets when to look at a lead again; false: not at all. What is not known
// yet may be by half of the time that is left: a start may be under way.
func (l *lead) decide(now time.Time, took func(component string) (time.Duration, bool)) bool {
	need, known := took(l.entry.row.Spec.Component)
	if !known {
		left := l.due.Sub(now) / 2
		l.at = now.Add(left)
		return left >= time.Second
	}
	l.decided, l.at = true, l.due.Add(-min(need, maxAhead))
	return true
}

// lead starts what will be due by the time that it is ready.
func (t *term) lead(ctx context.Context) {
	for _, e := range t.table.ahead(t.now(), t.took) {
		f := firing{Firing: e.firing(), term: t, row: e.row, entry: e}
		t.leading.Go(func() { f.startAhead(ctx) })
	}
}

// startAhead wakes the component of a firing that is not due yet.
func (f *firing) startAhead(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, f.Due.Sub(f.term.now()))
	defer cancel()
	select {
	case <-ctx.Done():
		return
	case f.term.wakes <- struct{}{}:
	}
	defer func() { <-f.term.wakes }()
	if ready(f.term.deps.Feed.Snapshot(), f.Component) || f.overlaps(ctx) {
		return
	}
	log := f.term.opt.Logger.With("event_source", f.EventSource, "component", f.Component, "due", f.Due)
	if err := f.term.deps.Waker.Wake(ctx, f.Component); err != nil {
		log.Info("cron can't start a component ahead", "error", err)
		return
	}
	log.Info("cron starts a component ahead")
}

// ready tells whether a component has an instance that takes requests.
func ready(s *cluster.Snapshot, component string) bool {
	placements, _ := s.ByComponent.Get(component)
	for _, p := range placements {
		if i, ok := s.Instances.Get(p.ID); ok && i.Serves(p.Want) {
			return true
		}
	}
	return false
}
