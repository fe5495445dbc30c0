package project

import (
	"fmt"
	"strings"
	"time"

	"maelstrom/project/schedule"
)

// AwakeWindow is a span of time in which a component has a minimum of
// instances, begun at each time of a cron schedule.
type AwakeWindow struct {
	Cron       string `json:"cron"`          // in the time zone of crons, or with TZ= of its own
	ForSeconds int    `json:"for"`           // how long
	Min        int    `json:"min,omitempty"` // 0: 1
}

// maxAwakeSeconds bounds the length of a window: a week.
const maxAwakeSeconds = 7 * 24 * 60 * 60

// awakeEpoch is where the schedules with @every of windows count from.
var awakeEpoch = time.Unix(0, 0)

// AwakeMinimum is the minimum of instances that the windows that are open at
// now ask for, the largest of them; 0: none is open. Changes is the next moment
// at which that may change; zero: it never does. Zone is the time zone of crons.
func (c *Component) AwakeMinimum(now time.Time, zone *time.Location) (min int, changes time.Time) {
	for i := range c.Awake {
		w := &c.Awake[i]
		open, until := w.at(now, zone)
		if open {
			min = max(min, w.Min, DefaultAwakeMin)
		}
		if changes.IsZero() || !until.IsZero() && until.Before(changes) {
			changes = until
		}
	}
	return min, changes
}

// checkAwake checks each window on its own.
func checkAwake(c checker, windows []AwakeWindow) {
	for i := range windows {
		at := c.under(index("awake", i))
		checkKeys(at, reflectValue(&windows[i]), shapeOf(&windows[i]))
		if windows[i].Cron != "" {
			checkSchedule(at, "cron", windows[i].Cron)
		}
	}
}

// diffText tells effective windows apart.
func (w *AwakeWindow) diffText() string {
	return fmt.Sprintf("%s for %s, at least %d", w.Cron, durationText(seconds(w.ForSeconds)), w.Min)
}

// durationText is d as 10h, not 10h0m0s.
func durationText(d time.Duration) string {
	text := d.String()
	if d%time.Minute == 0 {
		text = strings.TrimSuffix(text, "0s")
	}
	if d%time.Hour == 0 {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// at tells whether w is open at now, and until when at least that stays so;
// zero: for ever. A schedule that can't be read never opens.
func (w *AwakeWindow) at(now time.Time, zone *time.Location) (open bool, until time.Time) {
	s, err := schedule.Parse(w.Cron, zone)
	if err != nil {
		return false, time.Time{}
	}
	length := seconds(w.ForSeconds)
	begin := s.Next(now.Add(-length), awakeEpoch)
	if begin.IsZero() || begin.After(now) {
		return false, begin
	}
	// One that begins before the end of another goes on. A few are followed,
	// lest a schedule of each minute be asked for each minute.
	const follow = 64
	until = begin.Add(length)
	for range follow {
		begin = s.Next(begin, awakeEpoch)
		if begin.IsZero() || begin.After(until) {
			break
		}
		until = begin.Add(length)
	}
	return true, until
}
