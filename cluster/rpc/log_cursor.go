package rpc

import (
	"hash/maphash"
	"time"
)

// logOverlap is how much of a component's output is asked for again where a
// stream goes on: lines of several containers come in about the order of their
// times.
const logOverlap = 10 * time.Second

// LogCursor remembers how far the output of each component was shown, so that
// a stream that goes on neither loses nor repeats a line.
type LogCursor struct {
	seed  maphash.Seed
	shown map[string]*logShown // by component
	notes map[LogEntry]bool
}

// logShown is what was shown of one component: the latest moment, and each line
// shortly before it.
type logShown struct {
	newest time.Time
	recent []logMark
	again  map[logMark]int // what a stream that goes on repeats
	until  time.Time       // the latest of these
}

// logMark stands for a line.
type logMark struct {
	at  int64
	sum uint64
}

// NewLogCursor returns one that nothing was shown to.
func NewLogCursor() *LogCursor {
	return &LogCursor{seed: maphash.MakeSeed(), shown: map[string]*logShown{}, notes: map[LogEntry]bool{}}
}

// Fresh tells whether a line was not shown before, and takes it for shown.
func (c *LogCursor) Fresh(e LogEntry) bool {
	if e.Stream == StreamNotice { // is told by each stream, at its own time
		e.Time = time.Time{}
		known := c.notes[e]
		c.notes[e] = true
		return !known
	}
	s := c.shown[e.Component]
	if s == nil {
		s = &logShown{}
		c.shown[e.Component] = s
	}
	mark := logMark{at: e.Time.UnixNano(), sum: maphash.Comparable(c.seed, [3]string{e.Instance, e.Stream, e.Text})}
	if !e.Time.After(s.until) && s.again[mark] > 0 {
		s.again[mark]--
		return false
	}
	s.add(mark, e.Time)
	return true
}

func (s *logShown) add(mark logMark, at time.Time) {
	if at.After(s.newest) {
		s.newest = at
	}
	s.recent = append(s.recent, mark)
	for oldest := s.newest.Add(-logOverlap).UnixNano(); s.recent[0].at < oldest; {
		s.recent = s.recent[1:]
	}
}

// Resume returns from when on the output of each component is to be asked for,
// and lets Fresh know what of that was shown.
func (c *LogCursor) Resume() map[string]time.Time {
	after := map[string]time.Time{}
	for component, s := range c.shown {
		after[component] = s.newest.Add(-logOverlap)
		s.until, s.again = s.newest, map[logMark]int{}
		for _, mark := range s.recent {
			s.again[mark]++
		}
	}
	return after
}
