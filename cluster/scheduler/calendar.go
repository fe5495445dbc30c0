package scheduler

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
)

// calendar tells when what is at rest is to be looked at, or to be thought about
// again, in runs that get shorter, each in the order of time. Nobody changes one.
type calendar [][]date

// date is when a component is to be looked at, as its scale was left. That of
// another one is out of date.
type date struct {
	at        time.Time
	component string
	scale     *Scale
	once      bool // there is another one: this is for the work that it has now
}

func (d date) compare(o date) int {
	return cmp.Or(d.at.Compare(o.at), strings.Compare(d.component, o.component))
}

// stands tells whether a date is not out of date.
func (d date) stands(scales cluster.Map[*Scale]) bool {
	s, _ := scales.Get(d.component)
	return s == d.scale
}

// first returns which run has the first date; -1: there is none.
func (c calendar) first() int {
	first := -1
	for i, run := range c {
		if len(run) > 0 && (first < 0 || run[0].compare(c[first][0]) < 0) {
			first = i
		}
	}
	return first
}

// pop takes the first date out, if that is not after a time. The calendar is the
// caller's own.
func (c calendar) pop(until time.Time) (d date, ok bool) {
	i := c.first()
	if i < 0 || c[i][0].at.After(until) {
		return date{}, false
	}
	d, c[i] = c[i][0], c[i][1:]
	return d, true
}

// with returns the calendar with more dates, which are the caller's no longer. A
// run takes in the one after it that is half as long, without what is out of date:
// so there are few runs, and little of that.
func (c calendar) with(dates []date, scales cluster.Map[*Scale]) calendar {
	slices.SortFunc(dates, date.compare)
	next := make(calendar, 0, len(c)+1)
	for _, run := range c {
		if len(run) > 0 {
			next = append(next, run)
		}
	}
	if len(dates) > 0 {
		next = append(next, dates)
	}
	for n := len(next); n > 1 && 2*len(next[n-1]) > len(next[n-2]); n = len(next) {
		next[n-2] = joined(next[n-2], next[n-1], scales)
		next = next[:n-1]
	}
	return next
}

// joined returns what stands of two runs as one.
func joined(a, b []date, scales cluster.Map[*Scale]) []date {
	run := make([]date, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && b[0].compare(a[0]) < 0 {
			from = &b
		}
		if d := (*from)[0]; d.stands(scales) {
			run = append(run, d)
		}
		*from = (*from)[1:]
	}
	return run
}

// next is the first date that stands; zero: there is none.
func (c calendar) next(scales cluster.Map[*Scale]) time.Time {
	for i := c.first(); i >= 0; i = c.first() {
		if c[i][0].stands(scales) {
			return c[i][0].at
		}
		c[i] = c[i][1:]
	}
	return time.Time{}
}
