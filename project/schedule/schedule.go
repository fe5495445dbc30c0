// Package schedule holds pure cron times: parse a schedule, and tell when it
// fires next.
//
// The dialect is that of the original system: five fields (minute, hour, day
// of month, month, day of week), descriptors such as @hourly, @every with a Go
// duration, and a TZ= or CRON_TZ= prefix. A schedule fires at each instant
// whose wall clock meets all fields: a time that a change of the clocks skips
// does not happen, one that it repeats happens twice.
//
// Zones come from the host's zoneinfo. A command that runs where there may be
// none embeds them by importing time/tzdata.
package schedule

import (
	"time"
)

// Schedule is a parsed schedule. The zero value never fires.
type Schedule struct {
	zone  *time.Location
	every time.Duration // of @every; else zero
	spec  spec
}

// Zone is the time zone that the schedule's fields are in.
func (s Schedule) Zone() *time.Location {
	if s.zone == nil {
		return time.UTC
	}
	return s.zone
}

// Every is the interval of an @every schedule, false for any other.
func (s Schedule) Every() (time.Duration, bool) { return s.every, s.every > 0 }

// Next is the first time after the given one at which s fires, in the zone of
// s; the zero time if it never does. An interval counts from epoch, in whole
// seconds; cron fields do not depend on epoch.
func (s Schedule) Next(after, epoch time.Time) time.Time {
	if s.every > 0 {
		return s.nextInterval(after, epoch)
	}
	return s.spec.next(after.In(s.Zone()))
}

// Upcoming is the next n times after the given one, fewer if s stops firing.
func (s Schedule) Upcoming(after, epoch time.Time, n int) []time.Time {
	var times []time.Time
	for len(times) < n {
		after = s.Next(after, epoch)
		if after.IsZero() {
			break
		}
		times = append(times, after)
	}
	return times
}

func (s Schedule) nextInterval(after, epoch time.Time) time.Time {
	interval := int64(s.every / time.Second)
	start := epoch.Unix()
	count := int64(1)
	if elapsed := after.Unix() - start; elapsed >= interval {
		count = elapsed/interval + 1
	}
	return time.Unix(start+count*interval, 0).In(s.Zone())
}
