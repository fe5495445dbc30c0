package cron

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
)

func TestDatabaseTimeCounts(t *testing.T) {
	play(t, "2026-03-01 09:01:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.ledger.ahead = time.Hour - 10*time.Second
		defer s.hold(t, s.Cron)()
		until(t, "09:30:00")
		equal(t, "sent, by our clock", s.sender.times(), nil)
		if got := s.ledger.tally(); got > 3 {
			t.Errorf("asked for the time %d times in half an hour", got)
		}
	})
	play(t, "2026-03-01 09:00:00", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.ledger.ahead = time.Hour - 10*time.Second
		defer s.hold(t, s.Cron)()
		until(t, "09:30:00")
		equal(t, "sent, by our clock", s.sender.times(), []string{"09:00:10"})
	})
}

// A holder whose clock is set to another time fires by the database's all the
// same; one that has slept finds out.
func TestAClockThatIsSetAnewMovesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		step, slept time.Duration
		want        string
	}{
		"forward": {time.Hour, 0, "10:00:00"},
		"back":    {-time.Hour, 0, "10:00:00"},
		"asleep":  {20 * time.Minute, 20 * time.Minute, "09:40:00"}, // by timers, which stood still
	} {
		t.Run(name, func(t *testing.T) {
			var step atomic.Int64
			play(t, "2026-03-01 09:31:10", Options{}, func(t *testing.T, s *stage) {
				s.wall = func() time.Time { return time.Now().Round(0).Add(time.Duration(step.Load())) }
				s.db.put("shop_a", "0 10 * * *")
				defer s.hold(t, s.Cron)()
				until(t, "09:35:20")
				step.Store(int64(c.step))
				s.ledger.set(func() { s.ledger.ahead = c.slept })
				until(t, "10:30:00")
				equal(t, "sent", s.sender.times(), []string{c.want})
				equal(t, "missed", s.missed.times, nil)
			})
		})
	}
}

func TestClaimInDoubtIsReadAgain(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.ledger.lose = true
		defer s.hold(t, s.Cron)()
		until(t, "10:00:30")
		if n := len(s.sender.times()); n != 1 {
			t.Errorf("%d requests sent, want 1: the claim is ours", n)
		}
	})
}

func TestClaimOfAnotherIsNotOurs(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		defer s.hold(t, s.Cron)()
		until(t, "09:59:59")
		s.ledger.set(func() { s.ledger.fail = errors.New("gone") })
		until(t, "10:00:03")
		f := cluster.Firing{EventSource: "shop_a", Due: time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC), StartedAt: time.Now()}
		f.Key = digest(s.db.eventSources["shop_a"].Spec, time.UTC)
		s.ledger.set(func() { s.ledger.fail, s.ledger.rows[key(f)] = nil, &f })
		until(t, "10:00:30")
		equal(t, "sent", s.sender.times(), nil)
	})
}

func TestDatabaseOutageDelaysUpToTheGrace(t *testing.T) {
	for name, c := range map[string]struct {
		back string
		want int
	}{
		"short": {"10:00:42", 1},
		"long":  {"10:01:30", 0},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:59:00", Options{}, func(t *testing.T, s *stage) {
				s.db.put("shop_a", "0 10 * * *")
				defer s.hold(t, s.Cron)()
				s.ledger.set(func() { s.ledger.fail = errors.New("gone") })
				until(t, c.back)
				s.ledger.set(func() { s.ledger.fail = nil })
				until(t, "10:05:00")
				if n := len(s.sender.times()); n != c.want {
					t.Errorf("%d requests sent, want %d", n, c.want)
				}
				s.ledger.set(func() {
					if s.ledger.attempts > 70 {
						t.Errorf("%d attempts: spins", s.ledger.attempts)
					}
				})
			})
		})
	}
}

func TestTimeIsWaitedForAtTheStart(t *testing.T) {
	play(t, "2026-03-01 09:59:00", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.ledger.fail = errors.New("gone")
		defer s.hold(t, s.Cron)()
		until(t, "10:00:20")
		s.ledger.set(func() { s.ledger.fail = nil })
		until(t, "10:05:00")
		if n := len(s.sender.times()); n != 1 {
			t.Errorf("%d requests sent, want 1", n)
		}
	})
}

func TestFencedClaimEndsTheHold(t *testing.T) {
	play(t, "2026-03-01 09:59:00", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.ledger.fenced = true
		end := s.hold(t, s.Cron)
		until(t, "10:00:01")
		if err := end(); !errors.Is(err, cluster.ErrFenced) {
			t.Errorf("hold ended with %v, want ErrFenced", err)
		}
		equal(t, "sent", s.sender.times(), nil)
	})
}

func TestRequestsUnderWayAreBounded(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{Limit: 2}, func(t *testing.T, s *stage) {
		for i := range 5 {
			s.db.put(fmt.Sprintf("shop_%d", i), "0 10 * * *")
		}
		s.sender.answer = func(http.ResponseWriter, *http.Request) { <-time.After(10 * time.Second) }
		defer s.hold(t, s.Cron)()
		until(t, "10:01:00")
		equal(t, "sent", s.sender.times(), []string{"10:00:00", "10:00:00", "10:00:10", "10:00:10", "10:00:20"})
	})
}

func TestRequestOutlivesTheRole(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.sender.answer = func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(time.Minute):
			case <-r.Context().Done():
				w.WriteHeader(504)
			}
		}
		end := s.hold(t, s.Cron)
		until(t, "10:00:10")
		end()
		s.Drain(t.Context())
		rows, _ := s.ledger.LastFirings(t.Context(), "shop_a", 1)
		if len(rows) != 1 || rows[0].Status != 200 || rows[0].FinishedAt.Sub(rows[0].StartedAt) != time.Minute {
			t.Errorf("recorded %+v, want 200 after a minute", rows)
		}
	})
}

func TestDrainCutsOffAtItsDeadline(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.sender.answer = func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(504)
		}
		end := s.hold(t, s.Cron)
		until(t, "10:00:10")
		end()
		short, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		s.Drain(short)
		rows, _ := s.ledger.LastFirings(t.Context(), "shop_a", 1)
		if len(rows) != 1 || rows[0].Status != 504 || rows[0].FinishedAt.Sub(rows[0].StartedAt) != 15*time.Second {
			t.Errorf("recorded %+v, want 504 after 15 seconds", rows)
		}
	})
}

func TestOutcomeIsStoredWhenTheDatabaseIsBack(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.sender.answer = func(http.ResponseWriter, *http.Request) {
			s.ledger.set(func() { s.ledger.fail = errors.New("gone") })
		}
		defer s.hold(t, s.Cron)()
		until(t, "10:00:02")
		s.ledger.set(func() { s.ledger.fail = nil })
		until(t, "10:00:10")
		rows, _ := s.ledger.LastFirings(t.Context(), "shop_a", 1)
		if len(rows) != 1 || rows[0].Status != 200 || !rows[0].FinishedAt.Equal(rows[0].StartedAt) {
			t.Errorf("recorded %+v, want 200 at once", rows)
		}
	})
}
