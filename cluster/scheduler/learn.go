package scheduler

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/project/schedule"
)

// Habits is what was learned of components with `idle: learned`. Nobody changes
// any of it.
type Habits struct {
	Of cluster.Map[*cluster.Habit] // by component

	seen  cluster.Map[*cluster.ComponentRow] // those that learn, as of the plan before
	unmet bool                               // there are more, to be looked at by the next plan
	rises []rise                             // of those that sleep, the next one first
	risen cluster.Map[time.Time]             // the same, by component
}

// rise is when a component that sleeps is to be started ahead of its next
// request.
type rise struct {
	at        time.Time
	component string
}

func (r rise) compare(o rise) int {
	return cmp.Or(r.at.Compare(o.at), strings.Compare(r.component, o.component))
}

const (
	// A request within this time of a due time of a cron is the cron's: clocks
	// of nodes differ, and a firing may wait its turn.
	cronEarly = 2 * time.Second
	cronLate  = 10 * time.Second
)

// habitsToLookAt names the components that are to be started ahead by now, and
// those that learn since the plan before, or may do so otherwise: a part of each,
// where they are many.
func (p *planner) habitsToLookAt() []string {
	h, learned := &p.in.Memory.Habits, p.in.Snapshot.Learned
	var names []string
	for _, r := range h.rises {
		if r.at.After(p.in.Now) {
			break
		}
		if len(names) == mostDue {
			p.look(p.in.Now)
			break
		}
		names = append(names, r.component)
	}
	p.met = map[string]*cluster.ComponentRow{}
	for name := range learned.Differing(h.seen) {
		row, learns := learned.Get(name)
		if seen, _ := h.seen.Get(name); !learns || h.unmet && row == seen {
			continue
		}
		if len(p.met) == mostDue {
			p.unmet = true
			p.look(p.in.Now)
			break
		}
		p.met[name] = row
		names = append(names, name)
	}
	return names
}

// keepHabits is what the next plan finds of habits.
func (p *planner) keepHabits() Habits {
	next := p.in.Memory.Habits
	var gone []string
	for name := range p.in.Snapshot.Learned.Differing(next.seen) {
		if _, learns := p.in.Snapshot.Learned.Get(name); !learns {
			gone = append(gone, name)
		}
	}
	if next.seen.Len() == 0 {
		for name := range next.Of.All() { // as they were stored
			if _, learns := p.in.Snapshot.Learned.Get(name); !learns {
				gone = append(gone, name)
			}
		}
	}
	next.Of = next.Of.With(p.habits, gone)
	next.seen, next.unmet = p.in.Snapshot.Learned, p.unmet
	if p.unmet {
		next.seen = p.in.Memory.Habits.seen.With(p.met, gone)
	}
	next.setRises(p.rises, gone)
	if len(next.rises) > 0 {
		p.look(next.rises[0].at)
	}
	return next
}

// setRises takes in when those that were planned for are to be started ahead;
// zero: they are not.
func (h *Habits) setRises(set map[string]time.Time, gone []string) {
	for _, name := range gone {
		set[name] = time.Time{}
	}
	put, mine := map[string]time.Time{}, false
	var remove []string
	for name, at := range set {
		old, had := h.risen.Get(name)
		if had == !at.IsZero() && old.Equal(at) {
			continue
		}
		if !mine {
			h.rises, mine = slices.Clone(h.rises), true
		}
		if had {
			if i, found := slices.BinarySearchFunc(h.rises, rise{old, name}, rise.compare); found {
				h.rises = slices.Delete(h.rises, i, i+1)
			}
			remove = append(remove, name)
		}
		if !at.IsZero() {
			i, _ := slices.BinarySearchFunc(h.rises, rise{at, name}, rise.compare)
			h.rises = slices.Insert(h.rises, i, rise{at, name})
			put[name] = at
		}
	}
	h.risen = h.risen.With(put, remove)
}

// habit is what is known of a component by now.
func (p *planner) habit(name string) *cluster.Habit {
	if h := p.habits[name]; h != nil {
		return h
	}
	if h, ok := p.in.Memory.Habits.Of.Get(name); ok {
		return h
	}
	return &cluster.Habit{}
}

// learn takes in what a component was asked for since the plan before, and sets
// for how long it is kept.
func (p *planner) learn(c *component) {
	c.learns, c.ahead = c.spec.Idle == project.IdleLearned, 0
	if !c.learns {
		return
	}
	h := p.habit(c.name)
	learned := p.learnStarts(c, h)
	at := workAt(c.load, p.in.Now)
	if teaches(at, learned.Last) {
		learned = p.learnRequest(c, learned, at)
	}
	if p.in.Load.Sleeps[c.name] && !learned.Slept.Equal(p.in.Now) {
		next := *learned
		next.Slept = p.in.Now
		learned = &next
	}
	if learned != h {
		p.habits[c.name] = learned
	}
	c.habit, c.last = learned, later(learned.Last, at)
	c.keep = p.keep(c, learned, c.last)
	c.ahead = p.heldAhead(c)
}

// workAt is when there was last work, by a load; zero: there was none lately.
func workAt(l cluster.ComponentLoad, now time.Time) time.Time {
	if isBusy(l) {
		return now
	}
	return l.LastRequest
}

// teaches tells whether work at a time is news, after the last that was learned.
func teaches(at, last time.Time) bool { return !at.IsZero() && at.After(last.Add(time.Second)) }

// learnStarts takes in how long instances took to start that are ready since.
func (p *planner) learnStarts(c *component, h *cluster.Habit) *cluster.Habit {
	for _, pl := range slices.Concat(c.running, c.outdated) {
		i, ok := p.in.Snapshot.Instances.Get(pl.ID)
		if !ok || i.State != cluster.InstanceReady || !i.ReadyAt.After(h.Started) {
			continue
		}
		next := *h
		next.Starts, next.Started = next.Starts.Add(i), i.ReadyAt
		h = &next
	}
	return h
}

// startTime is what a start takes at most, nearly always.
func startTime(h *cluster.Habit) time.Duration {
	if took, known := h.Starts.P95(); known {
		return took
	}
	return unknownStart
}

// learnRequest takes in that there was a request at a time. What comes soon
// after another goes on with that.
func (p *planner) learnRequest(c *component, h *cluster.Habit, at time.Time) *cluster.Habit {
	next, idle := *h, at.Sub(h.Last)
	if !h.Last.IsZero() && !h.Last.Before(h.Unwatched) && idle > restTime {
		if due := p.cronAfter(c, h.Last); !due.IsZero() && within(at, due) {
			next.Crons++
		} else {
			next = *habitWith(h, idle, at)
		}
		if c.least == 0 {
			next.Effect = p.effect(c, h, idle)
		}
	}
	next.Last = at
	return &next
}

func within(at, due time.Time) bool {
	return !at.Before(due.Add(-cronEarly)) && !at.After(due.Add(cronLate))
}

// effect counts an idle time that has ended, by what was decided and by what
// idletimeoutseconds would have come to.
func (p *planner) effect(c *component, h *cluster.Habit, idle time.Duration) cluster.HabitEffect {
	fixed, mine, start := Keep{Until: c.spec.IdleTimeout()}, p.keep(c, h, h.Last), startTime(h)
	if h.Slept.After(h.Last) {
		fixed.Until = min(fixed.Until, h.Slept.Sub(h.Last))
		mine.Until = min(mine.Until, h.Slept.Sub(h.Last))
	}
	cold, fixedCold := mine.Cold(idle, start), fixed.Cold(idle, start)
	e := cluster.HabitEffect{Since: h.Last, Spells: 1, Kept: mine.Time(idle), Fixed: fixed.Time(idle)}
	for count, is := range map[*int64]bool{&e.Cold: cold, &e.Avoided: fixedCold && !cold, &e.Added: cold && !fixedCold} {
		if is {
			*count = 1
		}
	}
	return h.Effect.Add(e)
}

// keep is for how long a component is kept after its latest request.
func (p *planner) keep(c *component, h *cluster.Habit, last time.Time) Keep {
	facts, start := factsOf(h), startTime(h)
	k := keepBy(facts, c.spec.IdleTimeout(), start)
	if h.Crons == 0 || facts.Samples+facts.Beyond > 0 {
		return k
	}
	due := p.cronAfter(c, last)
	if due.IsZero() {
		return k
	}
	next := due.Sub(last)
	k = Keep{By: KeepCron, Ahead: next - portion(start, tailMargin), Until: next + cronLate}
	if k.Ahead <= start+restTime {
		k.Ahead = 0
	}
	return k
}

// cronAfter is the first due time of a component's schedules after a time;
// zero: there is none.
func (p *planner) cronAfter(c *component, after time.Time) (first time.Time) {
	zone := p.in.Zone
	if zone == nil {
		zone = time.UTC
	}
	rows, _ := p.in.Snapshot.CronsOf.Get(c.name)
	for _, row := range rows {
		s, err := schedule.Parse(row.Spec.Cron.Schedule, zone)
		if err != nil {
			continue // what can't be read never fires
		}
		if due := s.Next(after, row.CreatedAt); !due.IsZero() && (first.IsZero() || due.Before(first)) {
			first = due
		}
	}
	return first
}

// heldAhead is how many instances there are ahead of the next request.
func (p *planner) heldAhead(c *component) int {
	k, last := c.keep, c.last
	if k.Ahead == 0 || last.IsZero() || c.habit.Slept.After(last) || c.busy() {
		return 0
	}
	from, until := last.Add(k.Ahead), last.Add(k.Until)
	if p.in.Now.Before(from) || !p.in.Now.Before(until) {
		return 0
	}
	p.look(until)
	return 1
}

// sleepsAt is when a component without a request goes to sleep. Who was woken
// without one, waits for it as long as any.
func (p *planner) sleepsAt(c *component, m *Scale) time.Time {
	fixed := m.Needed.Add(c.spec.IdleTimeout())
	switch {
	case !c.learns || c.last.IsZero() || m.Needed.After(c.last.Add(restTime)):
		return fixed
	case c.keep.By == KeepFixed:
		return fixed
	case c.keep.Ahead > 0:
		return c.last.Add(restTime)
	}
	return c.last.Add(c.keep.Until)
}

// noteRise sets when a component that sleeps is to be started ahead.
func (p *planner) noteRise(c *component) {
	if !c.learns {
		return
	}
	p.rises[c.name] = time.Time{}
	if c.memory.Target > 0 || c.keep.Ahead == 0 || c.last.IsZero() || c.habit.Slept.After(c.last) {
		return
	}
	if at := c.last.Add(c.keep.Ahead); at.After(p.in.Now) {
		p.rises[c.name] = at
	}
}

// nextRequest is when the next request of a component is to be expected, by
// what was learned; zero: nothing was.
func (p *planner) nextRequest(c *component) time.Time {
	if !c.learns || c.habit == nil || c.last.IsZero() {
		return time.Time{}
	}
	if c.keep.By == KeepCron {
		return p.cronAfter(c, c.last)
	}
	f := factsOf(c.habit)
	if f.Recent == 0 {
		return time.Time{}
	}
	return c.last.Add(f.Median)
}

// forgo gives up an instance that nobody has asked for yet, where it fits
// nowhere or makes room for others: the next request will start it.
func (p *planner) forgo(c *component) bool {
	if c.ahead == 0 || c.live() > 0 || c.least > 0 || c.surge || p.in.Load.Wakes[c.name].Waiting {
		return false
	}
	next := *c.habit
	next.Slept = p.in.Now
	c.habit, c.ahead = &next, 0
	p.habits[c.name] = c.habit
	c.memory.cap(c.live())
	return true
}
