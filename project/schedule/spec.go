package schedule

import "time"

// spec is the five fields as sets of bits.
type spec struct {
	minute, hour, dom, month, dow uint64

	// With both days restricted, a day needs to meet one of them; else both.
	eitherDay bool
}

// searchYears bounds the search: the longest time between two leap days, over
// a turn of the century that has none.
const searchYears = 8

// next goes through the stretches of time in which the zone's offset stays the
// same; within one, wall clock and time run in step, so that the search is
// plain calendar arithmetic.
func (s *spec) next(after time.Time) time.Time {
	zone := after.Location()
	limit := after.AddDate(searchYears, 0, 1)
	from := after.Add(1) // the first instant that counts
	for from.Before(limit) {
		_, offset := from.Zone()
		_, end := from.ZoneBounds()
		if end.IsZero() || end.After(limit) {
			end = limit
		}
		shift := time.Duration(offset) * time.Second
		if wall, ok := s.nextWall(from.UTC().Add(shift), end.UTC().Add(shift)); ok {
			return wall.Add(-shift).In(zone)
		}
		from = end
	}
	return time.Time{}
}

// nextWall is the first wall time at or after from and before end that meets
// s, by the calendar alone.
func (s *spec) nextWall(from, end time.Time) (time.Time, bool) {
	t := from.Truncate(time.Minute)
	if t.Before(from) {
		t = t.Add(time.Minute)
	}
	for t.Before(end) {
		y, m, d := t.Date()
		switch {
		case s.month&bit(int(m)) == 0:
			t = time.Date(y, m+1, 1, 0, 0, 0, 0, time.UTC)
		case !s.matchesDay(t):
			t = time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
		case s.hour&bit(t.Hour()) == 0:
			t = time.Date(y, m, d, t.Hour()+1, 0, 0, 0, time.UTC)
		case s.minute&bit(t.Minute()) == 0:
			t = t.Add(time.Minute)
		default:
			return t, true
		}
	}
	return time.Time{}, false
}

func (s *spec) matchesDay(t time.Time) bool {
	dom := s.dom&bit(t.Day()) != 0
	dow := s.dow&bit(int(t.Weekday())) != 0
	if s.eitherDay {
		return dom || dow
	}
	return dom && dow
}

func bit(n int) uint64 { return 1 << uint(n) }
