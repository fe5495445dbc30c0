package gateway

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// watched is a component that monitors may not wake.
func watched(c *project.Component) {
	c.MaxDurationSeconds = 600
	c.Wake = []project.WakeRule{
		{Paths: []string{"/healthz"}},
		{Methods: []string{"HEAD"}, Answer: 204},
		{Sources: []string{"203.0.113.0/24"}},
	}
}

// probe sends a request that meets a rule, and plain one that does not.
func (w *world) probe() *httptest.ResponseRecorder {
	return w.do(w.g.Public(), httptest.NewRequest("GET", "http://shop_web/%68ealthz?deep=1", nil))
}

func (w *world) plain() *http.Request {
	r := httptest.NewRequest("GET", "http://shop_web/", nil)
	r.RemoteAddr = "198.51.100.7:1"
	return r
}

func TestSleeperIsNotWoken(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", watched)
		head := w.plain()
		head.Method = "HEAD"
		far := w.plain()
		far.RemoteAddr = "203.0.113.9:1"
		for name, c := range map[string]struct {
			r      *http.Request
			status int
		}{
			"path":   {httptest.NewRequest("GET", "http://shop_web/%68ealthz?deep=1", nil), 200},
			"method": {head, 204},
			"source": {far, 200},
		} {
			rec := w.do(w.g.Public(), c.r)
			wantAnswer(t, rec, c.status, cluster.ReasonAsleep)
			if rec.Body.String() != "asleep" {
				t.Errorf("%s: %q", name, rec.Body)
			}
		}
		synctest.Wait()
		if n := w.wakes.Load(); n != 0 {
			t.Errorf("%d wakes", n)
		}
		if l := w.g.Load().Components["shop_web"]; !l.LastRequest.IsZero() {
			t.Errorf("load %+v", l)
		}
	})
}

// TestWakeRulesWhileItStarts for somebody else: that one waits, others don't.
func TestWakeRulesWhileItStarts(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", watched)
		w.onWake(func(context.Context, string) error { w.place("p", "shop_web", 0); return nil })
		woken := make(chan *httptest.ResponseRecorder, 1)
		go func() { woken <- w.do(w.g.Public(), w.plain()) }()
		synctest.Wait()
		wantAnswer(t, w.probe(), 200, cluster.ReasonAsleep)
		w.run("p", ok)
		wantAnswer(t, <-woken, 200, "")
		wantAnswer(t, w.probe(), 200, "")
	})
}

func TestWakeRulesTellOfAFailure(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", watched)
		w.place("p", "shop_web", 0)
		w.backoff("p", cluster.ReasonNeverListened, 30*time.Second)
		rec := w.probe()
		wantAnswer(t, rec, 503, cluster.ReasonNeverListened)
		if rec.Body.String() != "failed" || rec.Header().Get("Retry-After") != "30" {
			t.Errorf("%q %v", rec.Body, rec.Header())
		}
	})
}

// TestProbesAreNoActivity while the component is awake: they are forwarded,
// and it may go to sleep all the same.
func TestProbesAreNoActivity(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", watched)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		close(h.release)
		wantAnswer(t, w.do(w.g.Public(), w.plain()), 200, "")
		before, on := w.g.Load().Components["shop_web"], w.g.InstanceLoads()["p"]
		w.g.Load()
		<-time.After(time.Minute)
		h.release = make(chan struct{})
		answer := make(chan *httptest.ResponseRecorder, 1)
		go func() { answer <- w.probe() }()
		synctest.Wait()
		if l := w.g.Load().Components["shop_web"]; l.InFlight+l.Queued != 0 || !l.LastRequest.Equal(before.LastRequest) {
			t.Errorf("load with a probe under way %+v, before %+v", l, before)
		}
		<-time.After(time.Minute)
		close(h.release)
		wantAnswer(t, <-answer, 200, "")
		l, i := w.g.Load().Components["shop_web"], w.g.InstanceLoads()["p"]
		if !l.LastRequest.Equal(before.LastRequest) || l.ServiceTime != before.ServiceTime {
			t.Errorf("load %+v, before %+v", l, before)
		}
		if i.InFlight != 0 || !i.LastRequest.Equal(on.LastRequest) || i.Total != on.Total+1 {
			t.Errorf("load of the instance %+v, before %+v", i, on)
		}
		if at := w.g.LastSuccess("p"); !at.Equal(time.Now()) {
			t.Errorf("last success %v: a probe that is answered is a sign of life", at)
		}
	})
}

// TestQueuedProbe waits for a slot like others, wakes nothing when the
// instance goes, and is no load.
func TestQueuedProbe(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", watched)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		working := make(chan *httptest.ResponseRecorder, 1)
		go func() { working <- w.do(w.g.Public(), w.plain()) }()
		<-h.arrived
		probe := make(chan *httptest.ResponseRecorder, 1)
		go func() { probe <- w.probe() }()
		synctest.Wait()
		if l := w.g.Load().Components["shop_web"]; l.Queued != 0 || l.InFlight != 1 {
			t.Errorf("load %+v", l)
		}
		w.want("p", cluster.WantStop)
		wantAnswer(t, <-probe, 200, cluster.ReasonAsleep)
		close(h.release)
		<-working
		synctest.Wait()
		if n := w.wakes.Load(); n != 0 {
			t.Errorf("%d wakes", n)
		}
	})
}

// TestWakeRulesFollowTheComponent, and don't hold for what we send ourselves.
func TestWakeRulesFollowTheComponent(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", watched)
		wantAnswer(t, w.probe(), 200, cluster.ReasonAsleep)
		w.onWake(func(context.Context, string) error { w.serving("p", "shop_web", 0, ok); return nil })
		rec := httptest.NewRecorder()
		w.g.ServeComponent(rec, httptest.NewRequest("GET", "http://shop_web/healthz", nil), "shop_web")
		wantAnswer(t, rec, 200, "")
		if n := w.wakes.Load(); n != 1 {
			t.Errorf("%d wakes", n)
		}
		w.remove("p")
		synctest.Wait()
		w.onWake(func(context.Context, string) error { w.serving("q", "shop_web", 0, ok); return nil })
		w.component("shop_web", nil)
		synctest.Wait()
		wantAnswer(t, w.probe(), 200, "")
	})
}

// TestMonitorsForADay is the promise to who declares what may not wake it.
func TestMonitorsForADay(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", watched)
		for range 24 * 60 {
			wantAnswer(t, w.probe(), 200, cluster.ReasonAsleep)
			<-time.After(time.Minute)
		}
		if n := w.wakes.Load(); n != 0 {
			t.Errorf("%d wakes", n)
		}
	})
}
