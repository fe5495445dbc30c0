// Package schedule holds pure cron times: parse a schedule, and tell when it
// fires next.
package schedule

import (
	"fmt"
	"time"
)

// Schedule is a parsed schedule. The zero value never fires.
type Schedule struct {
	zone *time.Location
}

// ParseError says where a schedule is wrong and what to write instead.
type ParseError struct {
	Column  int // the rune, from 1
	Message string
	Hint    string
}

func (e *ParseError) Error() string { return fmt.Sprintf("column %d: %s", e.Column, e.Message) }

// Parse reads a schedule. Zone counts where the schedule names none; nil means UTC.
// Every error is a *ParseError.
func Parse(expr string, zone *time.Location) (Schedule, error) { return Schedule{zone: zone}, nil }

// Zone is the time zone that the schedule's fields are in.
func (s Schedule) Zone() *time.Location { return s.zone }

// Next is the first time after the given one at which s fires, in the zone of
// s; the zero time if it never does. An interval counts from epoch.
func (s Schedule) Next(after, epoch time.Time) time.Time { return time.Time{} }
