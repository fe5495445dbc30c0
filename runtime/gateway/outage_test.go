package gateway

import (
	"context"
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// An engine that does not answer is waited for, whether that was known before
// anything was placed or is met by a start, and however often that is tried:
// who still has time then is served, and whose time is over is told what the
// wait was for.
func TestRequestsWaitForAnEngineThatDoesNotAnswer(t *testing.T) {
	away := &cluster.Failure{Reason: cluster.ReasonEngineDown, Message: "node host-17 has no container engine"}
	for name, outage := range map[string]func(w *world){
		"known before": func(w *world) {
			w.onWake(func(context.Context, string) error { return away })
		},
		"met by a start": func(w *world) {
			w.place("p", "shop_web", 0)
			w.backoff("p", cluster.ReasonEngineDown, time.Minute)
		},
		"met by the next start": func(w *world) {
			w.place("p", "shop_web", 0)
			w.backoff("p", cluster.ReasonEngineDown, time.Minute)
			w.state("p", cluster.InstanceStarting)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				w.component("shop_web", func(c *project.Component) { c.MaxDurationSeconds, c.MaxConcurrency = 20, 5 })
				outage(w)
				var early, late []<-chan *httptest.ResponseRecorder
				for range 2 {
					early = append(early, w.begin("shop_web"))
				}
				<-time.After(10 * time.Second)
				late = append(late, w.begin("shop_web"))
				<-time.After(10*time.Second - time.Millisecond)
				for _, answer := range early {
					select {
					case rec := <-answer:
						t.Fatalf("answered before its time is over: %d %v", rec.Code, rec.Header())
					default:
					}
				}
				for _, answer := range early {
					rec := <-answer
					wantAnswer(t, rec, 503, cluster.ReasonEngineDown)
					if rec.Header().Get("Retry-After") == "" {
						t.Error("there is no Retry-After")
					}
				}
				<-time.After(4 * time.Second)
				w.onWake(func(context.Context, string) error { return nil })
				w.place("p", "shop_web", 0)
				w.state("p", cluster.InstanceStarting)
				w.run("p", ok)
				wantAnswer(t, <-late[0], 200, "")
				if n := w.wakes.Load(); n > 40 {
					t.Errorf("%d wakes in 24 s", n)
				}
			})
		})
	}
}

// What is waited for after an outage is no outage.
func TestAnOutageThatIsOverIsNotTold(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxDurationSeconds = 20 })
		w.onWake(func(context.Context, string) error { return &cluster.Failure{Reason: cluster.ReasonEngineDown} })
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonEngineDown)
		<-time.After(5 * time.Second)
		w.onWake(func(context.Context, string) error { return errors.New("nobody decides") })
		wantAnswer(t, w.get("shop_web"), 504, cluster.ReasonQueueTimeout)
		w.place("p", "shop_web", 0)
		w.backoff("p", cluster.ReasonEngineDown, time.Second)
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonEngineDown)
		w.report("p", func(i *cluster.Instance) { i.State, i.Reason = cluster.InstanceStarting, cluster.ReasonNone })
		wantAnswer(t, w.get("shop_web"), 504, cluster.ReasonQueueTimeout)
	})
}
