package scheduler

import (
	"fmt"
	"time"

	"maelstrom/cluster"
)

// explainHabit tells for how long a component is kept, and why; nil: it does not
// learn that.
func (p *planner) explainHabit(c *component) *cluster.HabitExplanation {
	if !c.learns || c.habit == nil {
		return nil
	}
	f := factsOf(c.habit)
	e := &cluster.HabitExplanation{
		By: string(c.keep.By), Why: p.whyKept(c, f),
		Samples: f.Samples, Beyond: f.Beyond, Spread: f.Spread, Head: f.Head, Tail: f.Tail, Median: f.Median, Recent: f.Recent,
		StartTime: startTime(c.habit), Last: c.last, Effect: c.habit.Effect,
	}
	if c.last.IsZero() {
		return e
	}
	if c.memory.Asked > 0 {
		e.Stops = p.sleepsAt(c, &c.memory)
	}
	if ends := c.last.Add(c.keep.Until); c.keep.Ahead > 0 && !c.habit.Slept.After(c.last) && ends.After(p.in.Now) {
		e.Starts, e.Sleeps = c.last.Add(c.keep.Ahead), ends
	}
	return e
}

// whyKept says in a sentence for how long a component is kept.
func (p *planner) whyKept(c *component, f HabitFacts) string {
	k := c.keep
	then := fmt.Sprintf("it stays for %s", cluster.Lasting(k.Until))
	if k.Ahead > 0 {
		then = fmt.Sprintf("it sleeps at once, is there again %s after the latest request, and sleeps after %s", cluster.Lasting(k.Ahead), cluster.Lasting(k.Until))
	}
	switch k.By {
	case KeepHistogram:
		return fmt.Sprintf("of %s idle times up to four hours, 94 in 100 take from %s to %s: %s",
			figure(f.Samples), clock(f.Head), clock(f.Tail), then)
	case KeepForecast:
		return fmt.Sprintf("most idle times take more than four hours, half of the last %d more than %s: %s", f.Recent, cluster.Lasting(f.Median), then)
	case KeepCron:
		return "nobody but its schedules asks for it: " + then
	}
	return fmt.Sprintf("%s: %s, as idletimeoutseconds says", whyUnsure(f), then)
}

// whyUnsure says what is lacking to go by what was learned.
func whyUnsure(f HabitFacts) string {
	switch {
	case f.Beyond > beyondPart*(f.Beyond+f.Samples):
		return fmt.Sprintf("most idle times take more than four hours, and %d are too few to foretell the next", f.Recent)
	case f.Samples < samplesFrom:
		return fmt.Sprintf("%s idle times up to four hours are too few", figure(f.Samples))
	}
	return fmt.Sprintf("the idle times have no pattern: their coefficient of variation is %s, below %s", figure(f.Spread), figure(spreadFrom))
}

// clock is a whole number of minutes.
func clock(d time.Duration) string { return fmt.Sprintf("%d min", int(d/time.Minute)) }
