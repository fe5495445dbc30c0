package gateway

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestLoad(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.component("shop_never", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		start := time.Now()
		var answers []<-chan *httptest.ResponseRecorder
		for range 3 {
			answers = append(answers, w.begin("shop_web"))
			synctest.Wait()
		}
		<-time.After(5 * time.Second)
		want := cluster.ComponentLoad{InFlight: 1, Queued: 2, OldestWait: 5 * time.Second, LastRequest: time.Now(), Work: 15, BusySince: start}
		if l := w.g.Load(); l.Node != node || len(l.Components) != 1 || l.Components["shop_web"] != want {
			t.Errorf("load %+v, want %+v", l, want)
		}
		if l := w.g.InstanceLoads()["p"]; l != (cluster.InstanceLoad{InFlight: 1, Queued: 2, LastRequest: time.Now()}) {
			t.Errorf("instance %+v", l)
		}
		close(h.release)
		for _, answer := range answers {
			<-answer
		}
		<-time.After(time.Minute)
		end := start.Add(5 * time.Second)
		l := w.g.Load().Components["shop_web"]
		if l.InFlight+l.Queued != 0 || l.Total != 3 || !l.LastRequest.Equal(end) || l.ServiceTime == 0 || !l.BusySince.IsZero() || !l.Answered.Equal(end) {
			t.Errorf("after: %+v", l)
		}
		if again := w.g.Load().Components["shop_web"]; again != l {
			t.Errorf("%+v after %+v was read", again, l)
		}
		if l := w.g.InstanceLoads()["p"]; l.Total != 3 || !l.LastRequest.Equal(end) || !w.g.LastSuccess("p").Equal(end) {
			t.Errorf("instance after: %+v", l)
		}
		if !w.g.LastSuccess("nobody").IsZero() {
			t.Error("somebody unknown succeeded")
		}
	})
}

func TestLoadChanged(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.place("p", "shop_web", 0)
		count := func(d time.Duration) int {
			n := 0
			for end := time.After(d); ; {
				select {
				case <-w.g.LoadChanged():
					n++
				case <-end:
					return n
				}
			}
		}
		if n := count(time.Minute); n != 0 {
			t.Errorf("%d signals without load", n)
		}
		begun := time.Now()
		answer := w.begin("shop_web")
		<-w.g.LoadChanged()
		if took := time.Since(begun); took != 0 {
			t.Errorf("a growing queue was told after %v", took)
		}
		for range 100 {
			w.begin("shop_web")
		}
		if n := count(time.Minute); n < 1 || n > 3 {
			t.Errorf("%d signals for a herd", n)
		}
		w.run("p", ok)
		<-answer
		count(time.Minute)
		begun = time.Now()
		for time.Since(begun) < 2*time.Second {
			w.get("shop_web")
			<-time.After(time.Millisecond)
		}
		if n := count(time.Minute); n > 2 {
			t.Errorf("%d signals pending after steady traffic", n)
		}
	})
}

func TestPulsePaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		done := make(chan struct{})
		ctx := t.Context()
		go func() { defer close(done); p.run(ctx) }()
		begun := time.Now()
		var at []time.Duration
		p.lazy()
		<-p.out
		at = append(at, time.Since(begun))
		p.lazy()
		<-time.After(10 * time.Millisecond)
		p.urgent() // overtakes
		<-p.out
		at = append(at, time.Since(begun))
		p.lazy()
		<-p.out
		at = append(at, time.Since(begun))
		if at[0] != 0 || at[1] != soonPace || at[2] != soonPace+laterPace {
			t.Errorf("sent at %v", at)
		}
	})
}

func TestMetrics(t *testing.T) {
	bubble(t, Options{Registerer: prometheus.NewRegistry()}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(map[string]int{"/odd": 599, "/": 200}[r.URL.Path])
		})
		w.get("shop_web")
		w.get("shop_web")
		w.do(w.g.Public(), httptest.NewRequest("GET", "http://shop_web/odd", nil))
		w.get("other")
		w.disabled("off", "shop_web", project.HTTPSource{Hostname: "off"})
		w.get("off")
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = "not a host"
		w.do(w.g.Public(), r)
		w.backoff("p", cluster.ReasonExited, time.Minute)
		w.get("shop_web")
		want := `
# HELP maelstrom_requests_in_flight Requests at an instance now.
# TYPE maelstrom_requests_in_flight gauge
maelstrom_requests_in_flight{component="shop_web"} 0
# HELP maelstrom_requests_queued Requests waiting for an instance now.
# TYPE maelstrom_requests_queued gauge
maelstrom_requests_queued{component="shop_web"} 0
# HELP maelstrom_requests_total Requests answered, by status code and reason.
# TYPE maelstrom_requests_total counter
maelstrom_requests_total{code="200",component="shop_web",reason=""} 2
maelstrom_requests_total{code="400",component="",reason=""} 1
maelstrom_requests_total{code="404",component="",reason="not_found"} 1
maelstrom_requests_total{code="500",component="shop_web",reason=""} 1
maelstrom_requests_total{code="503",component="",reason="stopped"} 1
maelstrom_requests_total{code="503",component="shop_web",reason="exited"} 1
`
		if err := testutil.CollectAndCompare(&collector{w.g}, strings.NewReader(want),
			"maelstrom_requests_total", "maelstrom_requests_in_flight", "maelstrom_requests_queued"); err != nil {
			t.Error(err)
		}
		if n := testutil.CollectAndCount(&collector{w.g}, "maelstrom_request_duration_seconds", "maelstrom_queue_wait_seconds"); n != 2 {
			t.Errorf("%d histograms", n)
		}
		if problems, err := testutil.CollectAndLint(&collector{w.g}); err != nil || len(problems) > 0 {
			t.Errorf("lint: %v, %v", problems, err)
		}
	})
}

func TestHistogram(t *testing.T) {
	var h histogram
	for _, d := range []time.Duration{0, 5 * time.Millisecond, 6 * time.Millisecond, time.Hour} {
		h.add(d)
	}
	if h.counts[0] != 2 || h.counts[1] != 1 || h.counts[len(buckets)] != 1 || h.sum != 3600.011 {
		t.Errorf("%+v", h)
	}
}

func TestServiceTimeGrowsWhileNobodyIsAnswered(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		told := func() time.Duration { return w.g.Load().Components["shop_web"].Served(time.Now()) }
		first := w.begin("shop_web")
		<-time.After(10 * time.Millisecond)
		if got := told(); got != 0 {
			t.Errorf("%s before anybody was answered", got)
		}
		close(h.release)
		<-first
		h.release = make(chan struct{})
		<-time.After(time.Minute)
		if got := told(); got != 10*time.Millisecond {
			t.Errorf("learned %s, want 10ms", got)
		}
		second, third := w.begin("shop_web"), w.begin("shop_web")
		<-time.After(8 * time.Millisecond)
		if got := told(); got != 10*time.Millisecond {
			t.Errorf("%s while it may be as it was", got)
		}
		<-time.After(992 * time.Millisecond)
		if got := told(); got != time.Second {
			t.Errorf("%s when nobody was answered for a second", got)
		}
		close(h.release)
		<-second
		<-third
		<-time.After(time.Minute)
		if got := told(); got > time.Second/4 {
			t.Errorf("%s when all were answered", got)
		}
	})
}

func TestServiceTimeIsLearned(t *testing.T) {
	var s stats
	s.learn(80 * time.Millisecond)
	if s.service != 80*time.Millisecond {
		t.Errorf("first: %v", s.service)
	}
	for range 100 {
		s.learn(16 * time.Millisecond)
	}
	if s.service < 16*time.Millisecond || s.service > 17*time.Millisecond {
		t.Errorf("after a change: %v", s.service)
	}
}

func TestWarningsArePaced(t *testing.T) {
	var out bytes.Buffer
	bubble(t, Options{Logger: slog.New(slog.NewTextHandler(&out, nil))}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		for range 2 {
			for range 50 {
				wantAnswer(t, w.get("shop_web"), 502, cluster.ReasonExited)
			}
			<-time.After(warnPace)
		}
	})
	if n := strings.Count(out.String(), "request not served"); n != 2 || !strings.Contains(out.String(), "unsaid=49") {
		t.Errorf("%d warnings: %s", n, out.String())
	}
}

func TestAccessLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&out, nil))
	bubble(t, Options{AccessLog: log}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.place("p", "shop_web", 0)
		answer := w.begin("shop_web")
		<-time.After(1500 * time.Millisecond)
		w.run("p", ok)
		<-answer
		w.get("other")
		w.run("p", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/event-stream")
			rw.WriteHeader(200)
		})
		w.get("shop_web")
	})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), out.String())
	}
	for i, want := range []map[string]any{
		{"status": 200.0, "component": "shop_web", "event_source": "shop_web-http", "placement": "p", "cold": true,
			"queue_ms": 1500.0, "duration_ms": 1500.0, "tries": 1.0, "reason": "", "bytes": 2.0, "client": "192.0.2.1"},
		{"status": 404.0, "component": "", "reason": "not_found", "host": "other", "method": "GET", "stream": nil},
		{"status": 200.0, "component": "shop_web", "stream": true, "cold": false},
	} {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("line %d: %s is %v, want %v", i, k, got[k], v)
			}
		}
	}
}

// A reading by a clock that was read before a load grew is not less than the
// one before, which would be taken for a meter that began again.
func TestAMeterNeverFalls(t *testing.T) {
	begin := time.Now()
	at := func(s float64) time.Time { return begin.Add(time.Duration(s * float64(time.Second))) }
	m := meter{at: begin}
	for _, c := range []struct {
		at    float64
		level int
		want  float64
	}{{1, 2, 0}, {2, 2, 2}, {3, 0, 4}, {5, 9, 4}, {4.5, 9, 4}, {6, 9, 13}, {5.5, 1, 13}, {7, 1, 14}} {
		if m.turn(c.level, at(c.at)); m.seconds != c.want {
			t.Errorf("after %v s: %v, want %v", c.at, m.seconds, c.want)
		}
	}
}

// Work is the time in flight and in the queue, by the reading of a clock that
// runs on; a stream is work until it turns out to be one.
func TestWorkAddsUp(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxConcurrency = 2 })
		begin, release := make(chan struct{}), make(chan struct{})
		w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) {
			<-begin
			rw.Header().Set("Content-Type", "text/event-stream")
			rw.WriteHeader(200)
			http.NewResponseController(rw).Flush()
			<-release
		})
		before := w.g.Load().Meters[node]
		answers := []<-chan *httptest.ResponseRecorder{w.begin("shop_web"), w.begin("shop_web"), w.begin("shop_web")}
		<-time.After(2 * time.Second)
		after := w.g.Load().Meters[node]
		if d := after.Work["shop_web"] - before.Work["shop_web"]; d != 6 || after.Clock-before.Clock != 2*time.Second || after.Epoch != before.Epoch {
			t.Errorf("%v in %v, want 6 in 2s", d, after.Clock-before.Clock)
		}
		close(begin)
		synctest.Wait()
		<-time.After(10 * time.Second)
		if l := w.g.Load().Components["shop_web"]; l.Streams != 2 || l.InFlight != 2 || l.Queued != 1 || l.Work != 16 {
			t.Errorf("with streams: %+v", l)
		}
		close(release)
		for _, answer := range answers {
			<-answer
		}
		if l := w.g.Load().Components["shop_web"]; l.Streams != 0 || l.InFlight != 0 || l.Work != 16 {
			t.Errorf("after all: %+v", l)
		}
	})
}
