package cron

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func skipping(row *cluster.EventSourceRow) { row.Spec.Cron.Overlap = project.OverlapSkip }

func runningOnce(row *cluster.EventSourceRow) {
	row.Spec.Cron.Missed = project.MissedRunOnce
	row.ModifiedAt = time.Now()
}

// lasting answers after a while.
func lasting(d time.Duration) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
		case <-r.Context().Done():
		}
	}
}

func TestOverlap(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*cluster.EventSourceRow)
		sent    []string
		skipped int
	}{
		"allow": {func(*cluster.EventSourceRow) {}, []string{"10:00:00", "10:01:00", "10:02:00", "10:03:00", "10:04:00", "10:05:00"}, 0},
		"skip":  {skipping, []string{"10:00:00", "10:03:00"}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
				s.sender.answer = lasting(150 * time.Second)
				s.db.store("shop_a", "* * * * *", time.Now(), c.change)
				defer s.hold(t, s.Cron)()
				until(t, "10:05:01")
				equal(t, "sent", s.sender.times(), c.sent)
				if got := s.ledger.reasons(); len(got) != c.skipped {
					t.Errorf("skipped %v, want %d", got, c.skipped)
				}
			})
		})
	}
}

func TestOverlapAcrossAFailover(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.sender.answer = lasting(150 * time.Second)
		s.db.store("shop_a", "* * * * *", time.Now(), skipping)
		end := s.hold(t, s.Cron)
		until(t, "10:00:10")
		end() // its request goes on
		other := New(Options{}, Deps{Feed: s.feed, Ledger: s.ledger, Sender: s.sender})
		defer other.Drain(t.Context())
		defer s.hold(t, other)()
		until(t, "10:03:01")
		equal(t, "sent", s.sender.times(), []string{"10:00:00", "10:03:00"})
	})
}

// A node that is gone for good can't tell the end of its firing: it is over
// when its request can't take any longer.
func TestOverlapWithALostFiringEndsWithItsTime(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.store("shop_a", "* * * * *", time.Now(), skipping)
		defer s.hold(t, s.Cron)()
		until(t, "10:00:10")
		s.ledger.set(func() {
			for _, f := range s.ledger.rows {
				f.FinishedAt = time.Time{}
			}
		})
		until(t, "10:06:30") // maxdurationseconds is 300
		equal(t, "sent", s.sender.times(), []string{"10:00:00", "10:05:00", "10:06:00"})
	})
}

func TestMissed(t *testing.T) {
	for name, c := range map[string]struct {
		schedule string
		change   func(*cluster.EventSourceRow)
		back     string
		want     []string
	}{
		"skip":                          {"*/10 * * * *", func(*cluster.EventSourceRow) {}, "10:35:30", []string{"10:00:00"}},
		"once for all":                  {"*/10 * * * *", runningOnce, "10:35:30", []string{"10:00:00", "10:35:30"}},
		"a recent one does":             {"*/10 * * * *", runningOnce, "10:30:30", []string{"10:00:00", "10:30:30"}},
		"nothing was missed":            {"0 * * * *", runningOnce, "10:35:30", []string{"10:00:00"}},
		"dense":                         {"* * * * *", runningOnce, "10:35:59", []string{"10:00:00", "10:01:00", "10:35:59"}},
		"outage shorter than the grace": {"* * * * *", runningOnce, "10:02:30", []string{"10:00:00", "10:01:00", "10:02:30"}},
		"not what was due before it was switched on": {"*/10 * * * *", runningOnce, "10:35:30", []string{"10:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
				s.db.put("shop_a", c.schedule, c.change)
				end := s.hold(t, s.Cron)
				until(t, "10:01:30")
				end()
				if strings.HasSuffix(name, "switched on") {
					until(t, "10:33:00")
					s.db.change(func(rows map[string]*cluster.EventSourceRow) {
						row := *rows["shop_a"]
						row.ModifiedAt = time.Now()
						rows["shop_a"] = &row
					})
				}
				until(t, c.back)
				other := New(Options{}, Deps{Feed: s.feed, Ledger: s.ledger, Sender: s.sender})
				endOther := s.hold(t, other)
				equal(t, "sent", s.sender.times(), c.want)
				endOther()
				// Nobody makes up for it again.
				third := New(Options{}, Deps{Feed: s.feed, Ledger: s.ledger, Sender: s.sender})
				defer s.hold(t, third)()
				equal(t, "sent", s.sender.times(), c.want)
			})
		})
	}
}

// Who takes the role tells of what was due while nobody had it.
func TestWhatNobodyCouldFireIsTold(t *testing.T) {
	for name, c := range map[string]struct {
		schedule string
		change   func(*cluster.EventSourceRow)
		back     string
		missed   []string
	}{
		"the latest":           {"*/10 * * * *", func(*cluster.EventSourceRow) {}, "10:35:30", []string{"shop_a 10:30:00"}},
		"one that still fires": {"*/10 * * * *", func(*cluster.EventSourceRow) {}, "10:10:30", nil},
		"nothing was due":      {"0 * * * *", func(*cluster.EventSourceRow) {}, "10:35:30", nil},
		"what is made up for":  {"*/10 * * * *", runningOnce, "10:35:30", nil},
		"what is switched off": {"*/10 * * * *", func(row *cluster.EventSourceRow) { row.Enabled = false }, "10:35:30", nil},
		"what was changed":     {"*/10 * * * *", func(row *cluster.EventSourceRow) { row.ModifiedAt = time.Now().Add(40 * time.Minute) }, "10:39:50", nil},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
				s.db.put("shop_a", c.schedule, c.change)
				end := s.hold(t, s.Cron)
				until(t, "10:01:30")
				end()
				until(t, c.back)
				for range 2 { // the next holder does not tell again
					other := New(Options{}, Deps{Feed: s.feed, Ledger: s.ledger, Sender: s.sender, Missed: s.missed.add, Told: s.missed.told})
					end := s.hold(t, other)
					end()
					other.Drain(t.Context())
					equal(t, "missed", s.missed.times, c.missed)
				}
				s.missed.fail = errors.New("away")
				other := New(Options{}, Deps{Feed: s.feed, Ledger: s.ledger, Sender: s.sender, Missed: s.missed.add, Told: s.missed.told})
				defer other.Drain(t.Context())
				defer s.hold(t, other)()
				equal(t, "missed, for who can't know what was told", s.missed.times, append(c.missed, c.missed...))
			})
		})
	}
}

func TestMissedWhileTheDatabaseWasAway(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*cluster.EventSourceRow)
		want   []string
		missed []string
	}{
		"skip":     {func(*cluster.EventSourceRow) {}, []string{"10:00:00"}, []string{"shop_a 10:10:00", "shop_a 10:20:00", "shop_a 10:30:00"}},
		"run once": {runningOnce, []string{"10:00:00", "10:35:30"}, []string{"shop_a 10:10:00", "shop_a 10:20:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
				s.db.put("shop_a", "*/10 * * * *", c.change)
				defer s.hold(t, s.Cron)()
				until(t, "10:01:00")
				s.ledger.set(func() { s.ledger.fail = errors.New("away") })
				until(t, "10:35:29")
				s.ledger.set(func() { s.ledger.fail = nil })
				until(t, "10:36:00")
				synctest.Wait()
				got := s.sender.times()
				if len(got) == 2 && got[1] >= "10:35:29" && got[1] <= "10:35:31" {
					got[1] = "10:35:30"
				}
				equal(t, "sent", got, c.want)
				s.missed.mu.Lock()
				defer s.missed.mu.Unlock()
				equal(t, "missed", s.missed.times, c.missed)
			})
		})
	}
}
