package cron

import (
	"cmp"
	"container/heap"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/project/schedule"
)

// table knows of every cron event source when it is due next. It is pure: time
// comes in as an argument, and is the database's.
type table struct {
	opt     Options
	missed  func(row *cluster.EventSourceRow, due time.Time)
	entries map[string]*entry // by event source
	queue   queue             // the enabled ones that are due at some time
	leads   leads             // when to look ahead of due times; those of the past fall out
	unheld  []unheld          // that are to be told
}

// unheld is a due time in which nobody held the role.
type unheld struct {
	row *cluster.EventSourceRow
	due time.Time
}

// entry is one event source.
type entry struct {
	name     string
	row      *cluster.EventSourceRow
	schedule schedule.Schedule
	key      string
	ordinal  int
	next     time.Time // zero: never
	led      time.Time // the due time that the component was started ahead of
}

func newTable(opt Options, missed func(*cluster.EventSourceRow, time.Time)) *table {
	return &table{opt: opt, missed: missed, entries: map[string]*entry{}}
}

// update takes the event sources as they are now. Due times up to now must
// have been taken before. One that was not known before, under whatever name,
// is due from its creation on, but no longer back than Grace; where missed due
// times count, from the last one that was claimed, as fired says, or from the
// last time that it was changed or switched on. Where they don't, the latest of
// them is in unheld.
func (t *table) update(crons cluster.Map[*cluster.EventSourceRow], now time.Time, fired map[cluster.FiringID]time.Time) {
	if t.same(crons) {
		return
	}
	known := map[cluster.FiringID]bool{}
	for _, e := range t.entries {
		known[e.id()] = true
	}
	fresh := map[string]*entry{}
	var added []*entry
	for name, row := range crons.All() {
		old := t.entries[name]
		if old != nil && old.row == row {
			fresh[name] = old
			continue
		}
		e := t.entry(name, row)
		fresh[name] = e
		added = append(added, e)
	}
	t.entries = fresh
	t.number()
	for _, e := range added {
		after := now
		if !known[e.id()] {
			since := later(fired[e.id()], e.row.ModifiedAt)
			after = later(e.row.CreatedAt, now.Add(-Grace))
			if e.runsOnce() {
				after = e.before(since, now)
			} else {
				t.note(e, since, now.Add(-Grace))
			}
		}
		e.next = e.after(after)
	}
	t.fill()
}

// note notes the latest due time between two moments, in which nobody held the
// role.
func (t *table) note(e *entry, since, until time.Time) {
	if since.IsZero() || !e.row.Enabled {
		return
	}
	if due := e.latest(since, until); !due.IsZero() && !due.After(until) {
		t.unheld = append(t.unheld, unheld{e.row, due})
	}
}

// same tells whether crons is what t knows already.
func (t *table) same(crons cluster.Map[*cluster.EventSourceRow]) bool {
	if crons.Len() != len(t.entries) {
		return false
	}
	for name, row := range crons.All() {
		if e := t.entries[name]; e == nil || e.row != row {
			return false
		}
	}
	return true
}

// entry reads an event source. One whose schedule can't be read never fires.
func (t *table) entry(name string, row *cluster.EventSourceRow) *entry {
	s, err := schedule.Parse(row.Spec.Cron.Schedule, t.opt.Zone)
	if err != nil {
		t.opt.Logger.Error("cron event source never fires", "event_source", name, "error", err)
		return &entry{name: name, row: row}
	}
	return &entry{name: name, row: row, schedule: s, key: digest(row.Spec, s.Zone())}
}

// number counts equal event sources in the order of their names. Disabled ones
// count, so that switching one off renumbers nothing.
func (t *table) number() {
	list := make([]*entry, 0, len(t.entries))
	for _, e := range t.entries {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *entry) int { return cmp.Compare(a.name, b.name) })
	next := map[string]int{}
	for _, e := range list {
		e.ordinal = next[e.key]
		next[e.key]++
	}
}

func (t *table) fill() {
	t.queue, t.leads = t.queue[:0], t.leads[:0]
	for _, e := range t.entries {
		if e.row.Enabled && !e.next.IsZero() {
			t.queue = append(t.queue, e)
			t.plan(e)
		}
	}
	heap.Init(&t.queue)
}

// next is when something is due at the earliest; zero: never.
func (t *table) next() time.Time {
	if len(t.queue) == 0 {
		return time.Time{}
	}
	return t.queue[0].next
}

// due takes what is due by now, in order. It skips what is older than Grace.
func (t *table) due(now time.Time) []cluster.Firing {
	var out []cluster.Firing
	for len(t.queue) > 0 && !t.queue[0].next.After(now) {
		e := t.queue[0]
		oldest := now.Add(-Grace)
		switch {
		case e.next.Before(oldest) && e.runsOnce():
			e.next = e.latest(e.next.Add(-1), now)
			out = append(out, e.firing())
			e.next = e.after(e.next)
		case e.next.Before(oldest):
			t.opt.Logger.Warn("cron firing missed", "event_source", e.name, "due", e.next)
			t.missed(e.row, e.next)
			e.next = e.after(oldest.Add(-1))
		default:
			out = append(out, e.firing())
			e.next = e.after(e.next)
		}
		if e.next.IsZero() {
			heap.Pop(&t.queue)
		} else {
			heap.Fix(&t.queue, 0)
			t.plan(e)
		}
	}
	return out
}

func (e *entry) id() cluster.FiringID { return cluster.FiringID{Key: e.key, Ordinal: e.ordinal} }

// runsOnce tells whether due times that nobody could fire are made up for.
func (e *entry) runsOnce() bool { return e.row.Spec.Cron.Missed == project.MissedRunOnce }

// latest is the last due time after a moment and up to now, or else the next
// one after it. It looks back further and further, so that a long outage of a
// dense schedule costs no more than a short one.
func (e *entry) latest(after, now time.Time) time.Time {
	for back := time.Minute; ; back *= 2 {
		from := later(after, now.Add(-back))
		found := e.after(from)
		if found.IsZero() || found.After(now) && !from.After(after) {
			return found
		}
		if found.After(now) {
			continue
		}
		for next := e.after(found); !next.IsZero() && !next.After(now); next = e.after(found) {
			found = next
		}
		return found
	}
}

// before is a moment after which the latest due time comes next.
func (e *entry) before(after, now time.Time) time.Time {
	if latest := e.latest(after, now); !latest.IsZero() {
		return latest.Add(-1)
	}
	return now
}

func (e *entry) after(at time.Time) time.Time { return e.schedule.Next(at, e.row.CreatedAt) }

func (e *entry) firing() cluster.Firing {
	return cluster.Firing{
		Key:         e.key,
		Ordinal:     e.ordinal,
		Due:         e.next.UTC(),
		EventSource: e.name,
		Component:   e.row.Spec.Component,
	}
}

// digest names what a due time belongs to: not by the event source's name,
// which changes when a line is inserted into a crontab.
func digest(es *project.EventSource, zone *time.Location) string {
	text, err := json.Marshal([]any{es.Component, es.Cron.Schedule, zone.String(), es.Cron.HTTP})
	if err != nil {
		panic(err) // strings alone
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// queue is a heap of entries by next.
type queue []*entry

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if !q[i].next.Equal(q[j].next) {
		return q[i].next.Before(q[j].next)
	}
	return q[i].name < q[j].name
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*entry)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	*q = (*q)[:last]
	return e
}
