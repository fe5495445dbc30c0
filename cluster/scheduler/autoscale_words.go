package scheduler

import (
	"fmt"
	"strconv"
	"time"

	"maelstrom/cluster"
)

// whyChanged says in one clause why there shall be more or fewer instances.
func (p *planner) whyChanged(c *component) string {
	why, to := &c.memory.Auto.Why, c.memory.Target
	switch c.cause {
	case cluster.ScaleWake:
		if to > 1 && c.load.Queued > 0 {
			return "it was asked for: " + c.whatWaits()
		}
		return "it was asked for"
	case cluster.ScaleBacklog:
		return c.whatWaits()
	case cluster.ScalePanic:
		return fmt.Sprintf("%s of the last 6 s are at least twice what %s for", requests(why.Panic), countOf(why.Ready, "instance is", "instances are"))
	case cluster.ScaleSpare:
		return fmt.Sprintf("%d slots are to be free beside %s of the last %d s", why.Spare, requests(why.Stable), why.Seconds)
	case cluster.ScaleLoad:
		return fmt.Sprintf("%s of the last %d s, at %s for each instance", requests(why.Stable), why.Seconds, figure(why.Target))
	case cluster.ScaleLeast:
		return fmt.Sprintf("mininstances is %d", c.least)
	case cluster.ScaleAwake:
		if to < p.in.Memory.Scale(c.name).Target {
			return "its hours to be awake in are over"
		}
		return "it is to be awake in these hours"
	case cluster.ScaleAhead:
		if to < p.in.Memory.Scale(c.name).Target {
			return "the request that was to be expected did not come"
		}
		return "its next request is to be expected soon"
	case cluster.ScaleMost:
		return fmt.Sprintf("maxinstances is %d", c.most())
	case cluster.ScaleRoom:
		return "more fit nowhere"
	case cluster.ScaleDisplaced:
		return "idle instances make room for " + p.displacer(c)
	case cluster.ScaleFound:
		return "they ran without being known"
	case cluster.ScaleTold:
		return "it was told to sleep"
	case cluster.ScaleIdle:
		if c.learns && c.keep.By != KeepFixed {
			return "nobody has asked since " + c.habit.Last.UTC().Format(time.TimeOnly) + " UTC, and by what was learned nobody will soon"
		}
		return "nobody has asked for " + c.spec.IdleTimeout().String()
	}
	return "what there was is gone"
}

func (c *component) whatWaits() string {
	text := fmt.Sprintf("%s and %d are in flight", countOf(c.load.Queued, "request waits", "requests wait"), c.load.InFlight)
	if t := c.load.ServiceTime; t > 0 {
		text += ", each takes " + cluster.Lasting(t)
	}
	return text
}

// displacer is who needs the room that c gives up.
func (p *planner) displacer(c *component) string {
	for _, d := range p.displaced {
		if d.Component == c.name {
			return d.For
		}
	}
	return "another component"
}

func requests(average float64) string {
	if text := figure(average); text != "1" {
		return text + " requests at a time"
	}
	return "1 request at a time"
}

// figure is a number for people: to two places, without zeros at its end.
func figure(x float64) string {
	s := strconv.FormatFloat(x, 'f', 2, 64)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	return s
}

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// moment is a time for people.
func moment(t time.Time) string { return t.UTC().Format(time.TimeOnly + " UTC") }
