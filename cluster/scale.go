package cluster

import (
	"encoding/json"
	"fmt"
	"time"
)

// ScaleCause is what changes how many instances a component shall have.
type ScaleCause string

// The causes.
const (
	ScaleWake      ScaleCause = "wake"         // somebody asks for it
	ScaleBacklog   ScaleCause = "backlog"      // requests wait
	ScaleLoad      ScaleCause = "load"         // the average of the stable window
	ScalePanic     ScaleCause = "panic"        // the average of the panic window
	ScaleSpare     ScaleCause = "spareslots"   // slots to keep free
	ScaleLeast     ScaleCause = "mininstances" // what there is at any time
	ScaleAwake     ScaleCause = "awake"        // hours to be awake in begin or end
	ScaleAhead     ScaleCause = "ahead"        // by what was learned, the next request is near, or did not come
	ScaleMost      ScaleCause = "maxinstances" // what there may be
	ScaleRoom      ScaleCause = "room"         // what was to be there fits nowhere
	ScaleDisplaced ScaleCause = "displaced"    // another component needs the room
	ScaleFound     ScaleCause = "found"        // what ran without a row
	ScaleTold      ScaleCause = "told"         // to sleep
	ScaleIdle      ScaleCause = "idle"         // nobody has asked for idletimeoutseconds
)

// ScaleSight is what the number of instances is decided by.
type ScaleSight struct {
	InFlight int `json:"in_flight"`
	Queued   int `json:"queued"`
	Streams  int `json:"streams"` // of those in flight
	Ready    int `json:"ready"`
	Starting int `json:"starting"`

	// Stable is how many requests were in flight or queued at a time over the
	// last Seconds, Panic the same of the last six. Zero seconds: not known yet.
	Stable  float64 `json:"stable"`
	Seconds int     `json:"seconds"`
	Panic   float64 `json:"panic"`

	PerInstance float64 `json:"per_instance"` // of those that each instance is to have; 0: nothing is averaged
	Panicking   bool    `json:"panicking"`
}

// ScaleChange is a decision that changed how many instances a component shall
// have.
type ScaleChange struct {
	Component string     `json:"component"`
	At        time.Time  `json:"at"`
	From      int        `json:"from"`
	To        int        `json:"to"`
	Cause     ScaleCause `json:"cause"`
	Why       string     `json:"why"` // a clause
	Sight     ScaleSight `json:"sight"`
}

// ScaleExplanation tells why a component has as many instances as it has.
type ScaleExplanation struct {
	Wanted  int `json:"wanted"`   // that it shall have now
	ForLoad int `json:"for_load"` // of them for load
	Least   int `json:"least"`    // that there are at any time
	Most    int `json:"most"`     // that there may be; 0: any number
	Lacking int `json:"lacking"`  // of the wanted: they fit nowhere

	Sight ScaleSight `json:"sight"`

	// What each consideration alone asks for, where load is averaged: the two
	// windows, and spareslots.
	ByStable int `json:"by_stable"`
	ByPanic  int `json:"by_panic"`
	BySpare  int `json:"by_spare"`

	Why         string   `json:"why"`          // there are as many as there are
	WhyNotMore  string   `json:"why_not_more"` // than that
	WhyNotLess  string   `json:"why_not_less"` // empty: there are none
	WouldChange []string `json:"would_change"` // what would make it more or less
	Limit       string   `json:"limit"`        // what held the last decision; empty: nothing

	Changes []ScaleChange `json:"changes"` // the latest first; those before the holder of placement took its role are events
}

// Event is the event that tells of the change.
func (c *ScaleChange) Event(project string) Event {
	details, err := json.Marshal(c)
	if err != nil {
		details = nil // a figure that JSON does not have: the message will do
	}
	return Event{
		Kind: EventScaled, Severity: EventInfo, Project: project, Component: c.Component, Details: details,
		Message: fmt.Sprintf("%s goes from %d to %s: %s", c.Component, c.From, countInstances(c.To), c.Why),
	}
}

// Tells says whether the change is worth an event: that a component wakes or
// sleeps is one already, unless another needed its memory.
func (c *ScaleChange) Tells() bool { return max(c.From, c.To) > 1 || c.Cause == ScaleDisplaced }

func countInstances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}
