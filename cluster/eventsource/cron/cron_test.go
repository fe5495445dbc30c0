package cron

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
	_ "time/tzdata"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestFiresWhatIsDue(t *testing.T) {
	play(t, "2026-03-01 09:58:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "*/5 * * * *")
		s.db.put("shop_b", "0 10 * * *")
		s.db.put("shop_off", "* * * * *", func(row *cluster.EventSourceRow) { row.Enabled = false })
		defer s.hold(t, s.Cron)()
		until(t, "10:06:00")
		equal(t, "sent", s.sender.times(), []string{"10:00:00", "10:00:00", "10:05:00"})
		if s.ledger.tally() != 1 {
			t.Errorf("asked for the time %d times, want once", s.ledger.tally())
		}
	})
}

func TestRequestIsSentAsDeclared(t *testing.T) {
	for name, c := range map[string]struct {
		http project.CronHTTP
		want sent
	}{
		"get sends no data": {
			project.CronHTTP{Method: "get", Path: "/a?b=c&d=%2F", Data: "ignored"},
			sent{method: "GET", target: "/a?b=c&d=%2F", host: "localhost"},
		},
		"post": {
			project.CronHTTP{Method: "POST", Path: "/a", Data: `{"x":1}`, Headers: []project.Header{{Name: "X-Job", Value: "7"}}},
			sent{method: "POST", target: "/a", host: "localhost", body: `{"x":1}`, header: "7"},
		},
		"host": {
			project.CronHTTP{Method: "PUT", Path: "/", Headers: []project.Header{{Name: "host", Value: "shop.example.com"}}},
			sent{method: "PUT", target: "/", host: "shop.example.com"},
		},
		"no slash": {project.CronHTTP{Method: "GET", Path: "a"}, sent{method: "GET", target: "/a", host: "localhost"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
				s.db.put("shop_a", "0 10 * * *", func(row *cluster.EventSourceRow) { row.Spec.Cron.HTTP = c.http })
				s.sender.answer = func(_ http.ResponseWriter, r *http.Request) {
					if got := r.Header.Get("MAELSTROM-COMPONENT"); got != "shop_web" {
						t.Errorf("MAELSTROM-COMPONENT is %q", got)
					}
				}
				defer s.hold(t, s.Cron)()
				until(t, "10:00:01")
				if len(s.sender.times()) != 1 {
					t.Fatalf("sent at %v, want one request", s.sender.times())
				}
				got := s.sender.sent[0]
				got.at = time.Time{}
				c.want.component = "shop_web"
				if got != c.want {
					t.Errorf("sent %+v\nwant %+v", got, c.want)
				}
			})
		})
	}
}

func TestOutcomeIsRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   cluster.Firing
		took   time.Duration
	}{
		"no word": {func(http.ResponseWriter, *http.Request) {}, cluster.Firing{Status: 200}, 0},
		"body":    {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "done") }, cluster.Firing{Status: 200}, 0},
		"slow": {func(w http.ResponseWriter, _ *http.Request) {
			<-time.After(3 * time.Second)
			w.WriteHeader(http.StatusTeapot)
		}, cluster.Firing{Status: 418}, 3 * time.Second},
		"refused": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Maelstrom-Reason", "image_missing")
			w.WriteHeader(503)
		}, cluster.Firing{Status: 503, Reason: cluster.ReasonImageMissing}, 0},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(200)
			panic(http.ErrAbortHandler)
		}, cluster.Firing{Status: 200, Error: "answer broke off: net/http: abort Handler"}, 0},
		"deadline": {func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			w.WriteHeader(504)
		}, cluster.Firing{Status: 504}, 300 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
				s.db.put("shop_a", "0 10 * * *")
				s.sender.answer = c.answer
				defer s.hold(t, s.Cron)()
				until(t, "10:10:00")
				rows, _ := s.ledger.LastFirings(t.Context(), "shop_a", 9)
				if len(rows) != 1 {
					t.Fatalf("%d rows, want 1", len(rows))
				}
				got := rows[0]
				if got.Status != c.want.Status || got.Reason != c.want.Reason || got.Error != c.want.Error {
					t.Errorf("recorded %+v, want %+v", got, c.want)
				}
				if took := got.FinishedAt.Sub(got.StartedAt); took != c.took {
					t.Errorf("took %v, want %v", took, c.took)
				}
			})
		})
	}
}

func TestZones(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		schedule string
		opt      Options
		want     string
		until    string
	}{
		"neither":              {"30 3 * * *", Options{}, "03:30:00", "04:00:00"},
		"setting":              {"30 22 * * *", Options{Zone: zone}, "03:30:00", "04:00:00"},
		"prefix":               {"TZ=Asia/Kolkata 30 6 * * *", Options{}, "01:00:00", "03:00:00"},
		"prefix, over setting": {"CRON_TZ=Asia/Kolkata 30 6 * * *", Options{Zone: zone}, "01:00:00", "03:00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 00:58:30", c.opt, func(t *testing.T, s *stage) {
				s.db.put("shop_a", c.schedule)
				defer s.hold(t, s.Cron)()
				until(t, c.until)
				equal(t, "sent", s.sender.times(), []string{c.want})
			})
		})
	}
}

// In the gap nothing fires; what the clock shows twice fires twice.
func TestClockChanges(t *testing.T) {
	for name, c := range map[string]struct {
		begin, schedule string
		want            []string
	}{
		"spring forward":       {"2026-03-28 23:30:00", "TZ=Europe/Berlin 30 2 * * *", nil},
		"spring forward, hour": {"2026-03-28 23:30:00", "TZ=Europe/Berlin 0 * * * *", []string{"00:00:00", "01:00:00", "02:00:00", "03:00:00"}},
		"fall back":            {"2026-10-24 23:15:00", "TZ=Europe/Berlin 30 2 * * *", []string{"00:30:00", "01:30:00"}},
		"fall back, hour":      {"2026-10-24 23:15:00", "TZ=Europe/Berlin 0 * * * *", []string{"00:00:00", "01:00:00", "02:00:00", "03:00:00"}},

		"New York, spring forward":       {"2026-03-08 05:30:00", "TZ=America/New_York 30 2 * * *", nil},
		"New York, spring forward, hour": {"2026-03-08 05:30:00", "TZ=America/New_York 0 * * * *", []string{"06:00:00", "07:00:00", "08:00:00", "09:00:00"}},
		"New York, fall back":            {"2026-11-01 04:50:00", "TZ=America/New_York 30 1 * * *", []string{"05:30:00", "06:30:00"}},
		"New York, fall back, hour":      {"2026-11-01 05:15:00", "TZ=America/New_York 0 * * * *", []string{"06:00:00", "07:00:00", "08:00:00", "09:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, c.begin, Options{}, func(t *testing.T, s *stage) {
				s.db.put("shop_a", c.schedule)
				defer s.hold(t, s.Cron)()
				<-time.After(3*time.Hour + 55*time.Minute)
				equal(t, "sent", s.sender.times(), c.want)
			})
		})
	}
}

func TestEveryCountsFromCreationOnEveryHolder(t *testing.T) {
	play(t, "2026-03-01 10:00:00", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "@every 20m", func(row *cluster.EventSourceRow) { row.CreatedAt = time.Date(2026, 3, 1, 9, 47, 13, 0, time.UTC) })
		end := s.hold(t, s.Cron)
		until(t, "10:30:00")
		if err := end(); err != nil {
			t.Fatal(err)
		}
		defer s.hold(t, New(Options{}, s.deps))()
		until(t, "11:00:00")
		equal(t, "sent", s.sender.times(), []string{"10:07:13", "10:27:13", "10:47:13"})
	})
}

func TestFailoverFiresWhatIsYoungAndSkipsWhatIsOld(t *testing.T) {
	for name, c := range map[string]struct {
		lost, taken string
		want        []string
	}{
		"after a firing":            {"10:00:10", "10:00:40", []string{"10:00:00"}},
		"over a firing":             {"09:59:50", "10:00:40", []string{"10:00:40"}},
		"long over a firing":        {"09:59:50", "10:01:01", nil},
		"just within the grace":     {"09:59:50", "10:00:59", []string{"10:00:59"}},
		"two holders, side by side": {"", "09:59:50", []string{"10:00:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, "2026-03-01 09:59:00", Options{}, func(t *testing.T, s *stage) {
				s.db.put("shop_a", "0 10 * * *")
				first := s.hold(t, s.Cron)
				if c.lost != "" {
					until(t, c.lost)
					first()
				} else {
					defer first()
				}
				until(t, c.taken)
				defer s.hold(t, New(Options{}, s.deps))()
				until(t, "10:30:00")
				equal(t, "sent", s.sender.times(), c.want)
			})
		})
	}
}

func TestRenamesNeitherRepeatNorLose(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_web-cron-0", "0 10 * * *")
		s.db.put("shop_web-cron-1", "1 10 * * *")
		defer s.hold(t, s.Cron)()
		until(t, "10:00:20")
		// A line is inserted above: every name now means another job.
		s.db.change(func(rows map[string]*cluster.EventSourceRow) {
			rows["shop_web-cron-2"] = renamed(rows["shop_web-cron-1"], "shop_web-cron-2")
			rows["shop_web-cron-1"] = renamed(rows["shop_web-cron-0"], "shop_web-cron-1")
			delete(rows, "shop_web-cron-0")
		})
		s.db.put("shop_web-cron-0", "30 12 * * *")
		s.sees()
		until(t, "10:05:00")
		equal(t, "sent", s.sender.times(), []string{"10:00:00", "10:01:00"})
	})
}

// renamed is what a store makes of a job under another name.
func renamed(row *cluster.EventSourceRow, name string) *cluster.EventSourceRow {
	spec, out := *row.Spec, *row
	spec.Name = name
	out.Spec, out.CreatedAt = &spec, time.Now()
	return &out
}

func TestEqualJobsFireEach(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.db.put("shop_b", "0 10 * * *")
		s.db.put("shop_c", "0 10 * * *", func(row *cluster.EventSourceRow) { row.Enabled = false })
		defer s.hold(t, s.Cron)()
		until(t, "10:00:20")
		equal(t, "sent", s.sender.times(), []string{"10:00:00", "10:00:00"})
	})
}

func TestChangesTakeEffectAtOnce(t *testing.T) {
	play(t, "2026-03-01 09:58:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		defer s.hold(t, s.Cron)()
		until(t, "09:59:40")
		s.db.enable("shop_a", false)
		s.sees()
		until(t, "10:00:30")
		equal(t, "sent while off", s.sender.times(), nil)
		s.db.enable("shop_a", true)
		s.db.create("shop_b", "1 10 * * *")
		s.sees()
		until(t, "10:02:00")
		equal(t, "sent", s.sender.times(), []string{"10:01:00"})
	})
}

// A job that was created just before it is due fires although the news comes late.
func TestNewJobIsNotMissed(t *testing.T) {
	play(t, "2026-03-01 09:59:59", Options{}, func(t *testing.T, s *stage) {
		defer s.hold(t, s.Cron)()
		s.db.create("shop_a", "0 10 * * *")
		s.db.create("shop_b", "59 9 * * *")
		until(t, "10:00:30")
		if n := len(s.sender.times()); n != 1 {
			t.Errorf("%d requests sent, want that of 10:00 alone", n)
		}
	})
}

func TestWhatNeverFiresStopsNothing(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "0 10 * * *")
		s.db.put("shop_off", "0 10 * * *", func(row *cluster.EventSourceRow) { row.Enabled = false })
		s.db.put("shop_never", "0 0 30 2 *")
		s.db.put("shop_bad", "every now and then")
		defer s.hold(t, s.Cron)()
		until(t, "11:00:00")
		equal(t, "sent", s.sender.times(), []string{"10:00:00"})
	})
}

func TestNothingFiresFromACopyOfThePast(t *testing.T) {
	play(t, "2026-03-01 09:59:30", Options{}, func(t *testing.T, s *stage) {
		s.db.put("shop_a", "* * * * *")
		c := New(Options{}, Deps{Feed: restored{s.feed}, Ledger: s.ledger, Sender: s.sender})
		defer s.hold(t, c)()
		until(t, "10:10:00")
		equal(t, "sent", s.sender.times(), nil)
	})
}

// restored shows every snapshot as one from the copy on disk.
type restored struct{ *cluster.Feed }

func (r restored) Snapshot() *cluster.Snapshot {
	s := *r.Feed.Snapshot()
	s.Restored = true
	return &s
}

func TestTenThousandJobsAreCheapToFollow(t *testing.T) {
	tb := newTable(New(Options{}, Deps{}).opt, func(*cluster.EventSourceRow, time.Time) {})
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	rows := map[string]*cluster.EventSourceRow{}
	d := &database{eventSources: rows}
	for i := range 10_000 {
		d.store(fmt.Sprintf("shop_%d", i), fmt.Sprintf("%d %d * * *", i%60, i/60%24), now.Add(-time.Hour))
	}
	tb.update(cluster.Map[*cluster.EventSourceRow]{}.With(rows, nil), now, nil)
	var due []string
	for _, f := range tb.due(now.Add(59 * time.Second)) {
		due = append(due, f.Due.Format("15:04:05"))
	}
	equal(t, "due", slices.Compact(due), []string{"10:00:00"})
	if next := tb.next(); !next.Equal(now.Add(time.Minute)) {
		t.Errorf("next is %v", next)
	}
}
