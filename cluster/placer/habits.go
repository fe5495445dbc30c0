package placer

import (
	"context"
	"errors"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
)

const (
	habitsPeriod = time.Hour              // between two times that what was learned is stored
	habitsRetry  = time.Minute            // where it can't be
	habitsRest   = time.Millisecond       // between two parts: a plan goes first
	habitsPart   = 100                    // components
	habitsSoon   = 100 * time.Millisecond // that the first plan waits for them
	habitsLoad   = 30 * time.Second       // for reading what others have learned
	habitsLeave  = 100 * time.Millisecond // for storing it when the role is given up: the next holder waits
	habitsGap    = time.Minute            // without a holder, in which little is missed
)

// habits keeps what plans learn in the database: read when the role is taken,
// stored hourly and when it is given up.
type habits struct {
	reading  *habitsRead // under way; nil: none is
	late     bool        // plans have not waited for it
	loaded   bool
	due      time.Time                   // to read or store
	stored   cluster.Map[*cluster.Habit] // as it is in the database
	storing  bool                        // a round is under way
	round    cluster.Map[*cluster.Habit] // what it stores: what changes meanwhile is for the next one
	troubled bool                        // logged
}

// habitsRead is what the database has.
type habitsRead struct {
	done  chan struct{}
	found map[string]*cluster.Habit // valid once done is closed, as is err
	err   error
}

// readHabits reads beside the plans, which wait for it a moment: who asks for
// something does not wait for much that was learned.
func (l *loop) readHabits(ctx context.Context) {
	r := &habitsRead{done: make(chan struct{})}
	l.habits.reading = r
	l.group.Go(func() {
		defer close(r.done)
		ctx, cancel := context.WithTimeout(ctx, habitsLoad)
		defer cancel()
		r.found, r.err = l.ledger.Habits(ctx)
	})
	soon := time.NewTimer(habitsSoon)
	defer soon.Stop()
	select {
	case <-r.done:
	case <-soon.C:
		l.habits.late = true
	case <-ctx.Done():
	}
}

// habitsRead tells when what is being read is there; nil: nothing is.
func (l *loop) habitsRead() <-chan struct{} {
	if l.habits.reading == nil {
		return nil
	}
	return l.habits.reading.done
}

// mindHabits reads or stores what is due. Only a lost role is returned.
func (l *loop) mindHabits(ctx context.Context) error {
	if l.habits.reading == nil && time.Now().Before(l.habits.due) {
		return nil
	}
	if !l.habits.loaded && l.habits.reading == nil {
		l.readHabits(ctx)
	}
	if l.habits.reading == nil {
		again, err := l.storeHabits(ctx)
		return l.mindHabitsAgain(ctx, again, err)
	}
	select {
	case <-l.habits.reading.done:
		return l.mindHabitsAgain(ctx, habitsPeriod, l.takeUpHabits(ctx))
	default:
		l.habits.due = time.Now().Add(habitsLoad) // or when it is there
		return nil
	}
}

// mindHabitsAgain sets when to read or store the next time.
func (l *loop) mindHabitsAgain(ctx context.Context, after time.Duration, err error) error {
	now := time.Now()
	switch {
	case err == nil:
		l.habits.troubled = false
		l.habits.due = now.Add(after)
		return nil
	case errors.Is(err, cluster.ErrFenced):
		return err
	case ctx.Err() == nil && !l.habits.troubled:
		l.habits.troubled = true
		l.opt.Logger.Warn("habits can't be read or stored", "error", err)
	}
	l.habits.late = true
	l.habits.due = now.Add(habitsRetry)
	return nil
}

// takeUpHabits goes on from what was learned before. Where the holder before did
// not give the role up, there may have been requests since that it has seen alone;
// where nobody had it for long, or this one has planned without what was learned,
// there may have been some that nobody has taken note of.
func (l *loop) takeUpHabits(ctx context.Context) error {
	found, err := l.habits.reading.found, l.habits.reading.err
	l.habits.reading = nil
	if err != nil {
		return err
	}
	now := time.Now()
	mark := found[cluster.HabitsLeft]
	left := mark != nil && now.Sub(mark.Last) < habitsGap && !l.habits.late
	if mark != nil {
		if err := l.ledger.WriteHabits(ctx, l.hold, nil, []string{cluster.HabitsLeft}); err != nil {
			return err
		}
		delete(found, cluster.HabitsLeft)
	}
	l.habits.stored = l.habits.stored.With(found, nil)
	if !left {
		for name, h := range found {
			doubted := *h
			doubted.Unwatched = now
			found[name] = &doubted
		}
	}
	l.habits.loaded = true
	l.memory.Habits = scheduler.Habits{Of: l.memory.Habits.Of.With(found, nil)}
	return nil
}

// unstoredHabits is a part of what is to be stored.
func (l *loop) unstoredHabits() (put map[string]*cluster.Habit, remove []string, more bool) {
	put = map[string]*cluster.Habit{}
	for name := range l.habits.round.Differing(l.habits.stored) {
		h, learned := l.habits.round.Get(name)
		old, stored := l.habits.stored.Get(name)
		switch {
		case h == old:
			continue
		case len(put)+len(remove) == habitsPart:
			return put, remove, true
		case learned:
			put[name] = h
		case stored:
			remove = append(remove, name)
		}
	}
	return put, remove, false
}

// storeHabits stores a part of what had changed when the round began, and
// returns when to go on.
func (l *loop) storeHabits(ctx context.Context) (again time.Duration, err error) {
	if !l.habits.storing {
		l.habits.round, l.habits.storing = l.memory.Habits.Of, true
	}
	put, remove, more := l.unstoredHabits()
	if len(put)+len(remove) > 0 {
		if err := l.ledger.WriteHabits(ctx, l.hold, put, remove); err != nil {
			return 0, err
		}
		l.habits.stored = l.habits.stored.With(put, remove)
	}
	if more {
		return habitsRest, nil
	}
	l.habits.storing = false
	return habitsPeriod, nil
}

// leaveHabits stores what is not, for whoever has the role next, unless it was
// lost. Where there is no time for all of it there is no mark: the next holder
// knows what was stored within the hour, and doubts what was under way.
func (l *loop) leaveHabits(ctx context.Context) {
	if !l.habits.loaded || l.memory.Habits.Of.Len() == 0 || errors.Is(context.Cause(ctx), cluster.ErrFenced) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), habitsLeave)
	defer cancel()
	l.habits.round = l.memory.Habits.Of
	for {
		put, remove, more := l.unstoredHabits()
		if !more {
			put[cluster.HabitsLeft] = &cluster.Habit{Last: time.Now()}
		}
		if err := l.ledger.WriteHabits(ctx, l.hold, put, remove); err != nil {
			l.opt.Logger.Info("habits are not stored", "error", err)
			return
		}
		if l.habits.stored = l.habits.stored.With(put, remove); !more {
			return
		}
	}
}

// countEffects adds up what has come of `idle: learned` by a plan that holds.
func (l *loop) countEffects(next scheduler.Habits) {
	var effect cluster.HabitEffect
	for name := range next.Of.Differing(l.memory.Habits.Of) {
		now, _ := next.Of.Get(name)
		before, known := l.memory.Habits.Of.Get(name)
		switch {
		case now == nil || now == before:
		case known:
			effect = effect.Add(now.Effect.Less(before.Effect))
		default:
			effect = effect.Add(now.Effect)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.effect = l.effect.Add(effect)
}

// HabitEffect is what has come of `idle: learned`, of all components together,
// while this node held the role; and of how many something is known, if it does.
func (p *Placer) HabitEffect() (effect cluster.HabitEffect, components int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.effect, p.known.Habits.Of.Len()
}
