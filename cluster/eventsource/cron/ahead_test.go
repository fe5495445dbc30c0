package cron

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestComponentsAreStartedAheadByWhatTheyTake(t *testing.T) {
	for name, c := range map[string]struct {
		takes time.Duration // 0: not known
		woken []string
	}{
		"not known":              {0, nil},
		"seconds":                {7 * time.Second, []string{"09:59:53 shop_web"}},
		"longer than what is so": {time.Hour, []string{"09:55:00 shop_web"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:30:00", Options{}, func(t *testing.T, s *stage) {
				if c.takes > 0 {
					s.starts.takes["shop_web"] = c.takes
				}
				s.db.put("shop_a", "0 10 1 * *")
				defer s.hold(t, s.Cron)()
				until(t, "10:01:00")
				equal(t, "woken", s.starts.wakes(), c.woken)
				equal(t, "sent", s.sender.times(), []string{"10:00:00"})
			})
		})
	}
}

// What the first firing has taught counts for the next one.
func TestAStartIsLearnedBetweenFirings(t *testing.T) {
	play(t, "2026-03-01 09:30:00", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 * * * *")
		defer s.hold(t, s.Cron)()
		until(t, "10:00:30")
		s.starts.set(func() { s.starts.takes["shop_web"] = 20 * time.Second })
		until(t, "12:30:00")
		equal(t, "woken", s.starts.wakes(), []string{"10:59:40 shop_web", "11:59:40 shop_web"})
	})
}

// Of a dense schedule too, and even by the very next firing.
func TestAStartIsLearnedShortlyBeforeAFiring(t *testing.T) {
	play(t, "2026-03-01 09:30:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "* * * * *")
		defer s.hold(t, s.Cron)()
		until(t, "09:31:20")
		s.starts.set(func() { s.starts.takes["shop_web"] = 10 * time.Second })
		until(t, "09:32:30")
		equal(t, "woken", s.starts.wakes(), []string{"09:31:50 shop_web"})
	})
}

func TestDenseSchedulesAreStartedAheadToo(t *testing.T) {
	play(t, "2026-03-01 09:30:30", Options{}, func(t *testing.T, s *stage) {
		s.starts.takes["shop_web"] = 10 * time.Second
		s.db.put("shop_a", "* * * * *")
		defer s.hold(t, s.Cron)()
		until(t, "09:33:30")
		equal(t, "woken", s.starts.wakes(), []string{"09:30:50 shop_web", "09:31:50 shop_web", "09:32:50 shop_web"})
	})
}

func TestNothingIsStartedAheadOfWhatIsOff(t *testing.T) {
	play(t, "2026-03-01 09:30:00", Options{}, func(t *testing.T, s *stage) {
		s.starts.takes["shop_web"] = time.Minute
		s.db.put("shop_off", "0 10 * * *", func(row *cluster.EventSourceRow) { row.Enabled = false })
		s.db.put("shop_late", "0 11 * * *")
		s.db.put("shop_moved", "0 12 * * *")
		defer s.hold(t, s.Cron)()
		until(t, "10:56:00") // it was looked at, and is switched off then
		s.db.enable("shop_late", false)
		s.sees()
		until(t, "11:56:00")
		s.db.put("shop_moved", "30 12 * * *")
		s.sees()
		until(t, "13:00:00")
		equal(t, "woken", s.starts.wakes(), []string{"12:29:00 shop_web"})
		equal(t, "sent", s.sender.times(), []string{"12:30:00"})
	})
}

func TestChangesDoNotStartAheadTwice(t *testing.T) {
	play(t, "2026-03-01 09:30:00", Options{}, func(t *testing.T, s *stage) {
		s.starts.takes["shop_web"] = time.Minute
		s.db.put("shop_a", "0 10 * * *")
		defer s.hold(t, s.Cron)()
		until(t, "09:59:30")
		s.db.put("shop_b", "0 12 * * *")
		s.sees()
		until(t, "10:00:30")
		equal(t, "woken", s.starts.wakes(), []string{"09:59:00 shop_web"})
	})
}

func TestWhatIsReadyIsNotStartedAhead(t *testing.T) {
	for name, c := range map[string]struct {
		instance cluster.Instance
		woken    []string
	}{
		"ready":    {cluster.Instance{State: cluster.InstanceReady, Address: "127.0.0.1:1"}, nil},
		"starting": {cluster.Instance{State: cluster.InstanceStarting}, []string{"09:59:00 shop_web"}},
		"draining": {cluster.Instance{State: cluster.InstanceDraining, Address: "127.0.0.1:1"}, []string{"09:59:00 shop_web"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:30:00", Options{}, func(t *testing.T, s *stage) {
				s.starts.takes["shop_web"] = time.Minute
				s.db.put("shop_a", "0 10 * * *")
				s.db.place("p1", "shop_web")
				s.sees()
				c.instance.Placement, c.instance.Component, c.instance.Node = "p1", "shop_web", "n1"
				s.feed.PushInstances(cluster.InstanceList{Node: "n1", Epoch: 1, Counter: 1, Instances: []cluster.Instance{c.instance}})
				defer s.hold(t, s.Cron)()
				until(t, "10:00:30")
				equal(t, "woken", s.starts.wakes(), c.woken)
			})
		})
	}
}

func TestWhatWillBeSkippedIsNotStartedAhead(t *testing.T) {
	play(t, "2026-03-01 09:30:00", Options{}, func(t *testing.T, s *stage) {
		s.starts.takes["shop_web"] = time.Minute
		s.db.put("shop_a", "*/4 10 * * *", func(row *cluster.EventSourceRow) { row.Spec.Cron.Overlap = project.OverlapSkip })
		s.sender.answer = func(http.ResponseWriter, *http.Request) { <-time.After(4*time.Minute + 30*time.Second) }
		defer s.hold(t, s.Cron)()
		until(t, "10:09:00")
		equal(t, "woken", s.starts.wakes(), []string{"09:59:00 shop_web", "10:07:00 shop_web"})
		equal(t, "sent", s.sender.times(), []string{"10:00:00", "10:08:00"})
	})
}

// A start ahead that fails, or never ends, changes nothing of the firing.
func TestAFailedStartAheadIsNoMore(t *testing.T) {
	for name, fail := range map[string]func(*starter){
		"fails": func(s *starter) { s.fail = errors.New("no room") },
		"hangs": func(s *starter) { s.block = true },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:30:00", Options{}, func(t *testing.T, s *stage) {
				s.starts.takes["shop_web"] = time.Minute
				fail(s.starts)
				s.db.put("shop_a", "0 10 * * *")
				defer s.hold(t, s.Cron)()
				until(t, "10:00:30")
				equal(t, "woken", s.starts.wakes(), []string{"09:59:00 shop_web"})
				equal(t, "sent", s.sender.times(), []string{"10:00:00"})
			})
		})
	}
}

// It is the database's clock that says when.
func TestAheadGoesByTheTimeOfTheDatabase(t *testing.T) {
	play(t, "2026-03-01 09:30:00", Options{}, func(t *testing.T, s *stage) {
		s.starts.takes["shop_web"] = time.Minute
		s.starts.block = true
		s.ledger.ahead = 10 * time.Minute
		s.db.put("shop_a", "0 10 * * *")
		defer s.hold(t, s.Cron)()
		until(t, "09:51:00")
		equal(t, "woken", s.starts.wakes(), []string{"09:49:00 shop_web"})
		equal(t, "sent", s.sender.times(), []string{"09:50:00"})
	})
}

func TestAHoldEndsWhileItStartsAhead(t *testing.T) {
	play(t, "2026-03-01 09:30:00", Options{}, func(t *testing.T, s *stage) {
		s.starts.takes["shop_web"] = time.Minute
		s.starts.block = true
		s.db.put("shop_a", "0 10 * * *")
		end := s.hold(t, s.Cron)
		until(t, "09:59:30")
		if err := end(); err != nil {
			t.Error(err)
		}
		until(t, "10:01:00")
		equal(t, "sent", s.sender.times(), nil)
	})
}
