package placer

import (
	"context"
	"errors"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/scheduler"
)

const (
	habitsPeriod = time.Hour        // between two times that what was learned is stored
	habitsRetry  = time.Minute      // where it can't be
	habitsRest   = time.Millisecond // between two parts: a plan goes first
	habitsPart   = 100              // components
	habitsLoad   = time.Second      // for reading what others have learned
	habitsLeave  = time.Second      // for storing it when the role is given up
	habitsGap    = time.Minute      // without a holder, in which little is missed
)

// habits keeps what plans learn in the database: read when the role is taken,
// stored hourly and when it is given up.
type habits struct {
	loaded   bool
	due      time.Time                   // to read or store
	stored   cluster.Map[*cluster.Habit] // as it is in the database
	troubled bool                        // logged
}

// mindHabits reads or stores what is due. Only a lost role is returned.
func (l *loop) mindHabits(ctx context.Context) error {
	now := time.Now()
	if now.Before(l.habits.due) {
		return nil
	}
	loaded, err := l.habits.loaded, error(nil)
	if loaded {
		err = l.storeHabits(ctx)
	} else {
		err = l.loadHabits(ctx, now)
	}
	switch {
	case err == nil:
		l.habits.troubled = false
		l.habits.due = now.Add(habitsPeriod)
		if _, _, more := l.unstoredHabits(); more && loaded {
			l.habits.due = time.Now().Add(habitsRest)
		}
		return nil
	case errors.Is(err, cluster.ErrFenced):
		return err
	case ctx.Err() == nil && !l.habits.troubled:
		l.habits.troubled = true
		l.opt.Logger.Warn("habits can't be read or stored", "error", err)
	}
	l.habits.due = now.Add(habitsRetry)
	return nil
}

// loadHabits takes up what was learned before. Where the holder before did not
// give the role up, there may have been requests since that it has seen alone;
// where nobody had it for long, there may have been some that nobody has seen.
func (l *loop) loadHabits(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, habitsLoad)
	defer cancel()
	found, err := l.ledger.Habits(ctx)
	if err != nil {
		return err
	}
	mark := found[cluster.HabitsLeft]
	left := mark != nil && now.Sub(mark.Last) < habitsGap
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
	var all cluster.Map[*cluster.Habit]
	l.memory.Habits = scheduler.Habits{Of: all.With(found, nil)}
	return nil
}

// unstoredHabits is a part of what has changed since it was stored.
func (l *loop) unstoredHabits() (put map[string]*cluster.Habit, remove []string, more bool) {
	put = map[string]*cluster.Habit{}
	for name := range l.memory.Habits.Of.Differing(l.habits.stored) {
		h, learned := l.memory.Habits.Of.Get(name)
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

// storeHabits stores a part of what has changed.
func (l *loop) storeHabits(ctx context.Context) error {
	put, remove, _ := l.unstoredHabits()
	if len(put)+len(remove) == 0 {
		return nil
	}
	if err := l.ledger.WriteHabits(ctx, l.hold, put, remove); err != nil {
		return err
	}
	l.habits.stored = l.habits.stored.With(put, remove)
	return nil
}

// leaveHabits stores all that is not, for whoever has the role next, unless it
// was lost.
func (l *loop) leaveHabits(ctx context.Context) {
	if !l.habits.loaded || l.memory.Habits.Of.Len() == 0 || errors.Is(context.Cause(ctx), cluster.ErrFenced) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), habitsLeave)
	defer cancel()
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

// HabitEffect is what has come of `idle: learned`, of all components together;
// nothing where this node does not hold the role.
func (p *Placer) HabitEffect() (effect cluster.HabitEffect, components int) {
	p.mu.Lock()
	of := p.known.Habits.Of
	p.mu.Unlock()
	for _, h := range of.All() {
		effect = effect.Add(h.Effect)
	}
	return effect, of.Len()
}
