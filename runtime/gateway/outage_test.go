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

// An outage that lasts is told, to those who wait when it is 30 s old and at once
// to who comes later, until the engine is back.
func TestAnOutageThatLastsIsTold(t *testing.T) {
	away := &cluster.Failure{Reason: cluster.ReasonEngineDown, Message: "node host-17 has no container engine"}
	for name, outage := range map[string]func(w *world){
		"placement refuses": func(w *world) {
			w.onWake(func(context.Context, string) error { return away })
			w.engine("no answer")
		},
		"a start meets it": func(w *world) {
			w.place("p", "shop_web", 0)
			w.backoff("p", cluster.ReasonEngineDown, 5*time.Minute)
		},
		"a start meets it before the node's row tells": func(w *world) {
			w.place("p", "shop_web", 0)
			w.backoff("p", cluster.ReasonEngineDown, time.Second)
			time.AfterFunc(2*time.Second, func() { w.engine("no answer") })
			time.AfterFunc(3*time.Second, func() { w.state("p", cluster.InstanceStarting) })
		},
		"a start meets it, then placement refuses": func(w *world) {
			w.onWake(func(context.Context, string) error { return away })
			w.place("p", "shop_web", 0)
			w.backoff("p", cluster.ReasonEngineDown, time.Second)
			time.AfterFunc(2*time.Second, func() { w.engine("no answer") })
			time.AfterFunc(5*time.Second, func() { w.remove("p") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				w.component("shop_web", nil)
				outage(w)
				early := []<-chan *httptest.ResponseRecorder{w.begin("shop_web"), w.begin("shop_web")}
				<-time.After(15 * time.Second)
				early = append(early, w.begin("shop_web"))
				<-time.After(15*time.Second - time.Millisecond)
				for _, answer := range early {
					if len(answer) > 0 {
						t.Fatal("told while the outage is young")
					}
				}
				<-time.After(100 * time.Millisecond)
				for _, answer := range early {
					if len(answer) == 0 {
						t.Fatal("not told when the outage is old")
					}
					rec := <-answer
					wantAnswer(t, rec, 503, cluster.ReasonEngineDown)
					if rec.Header().Get("Retry-After") == "" {
						t.Error("there is no Retry-After")
					}
				}
				<-time.After(10 * time.Second)
				asked := time.Now()
				wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonEngineDown)
				if took := time.Since(asked); took > 0 {
					t.Errorf("told after %v", took)
				}
				<-time.After(20 * time.Second)
				w.onWake(func(context.Context, string) error { return nil })
				w.engine("")
				w.place("p", "shop_web", 0)
				w.state("p", cluster.InstanceStarting)
				back := w.begin("shop_web")
				<-time.After(time.Minute)
				w.run("p", ok)
				wantAnswer(t, <-back, 200, "")
			})
		})
	}
}

// What nobody asked for yet fails at once too, if the engine is away for long.
func TestALongOutageIsKnownBeforeTheFirstRequest(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.onWake(func(context.Context, string) error { return &cluster.Failure{Reason: cluster.ReasonEngineDown} })
		w.engine("no answer")
		<-time.After(time.Minute)
		asked := time.Now()
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonEngineDown)
		if took := time.Since(asked); took > 0 {
			t.Errorf("told after %v", took)
		}
	})
}

// An engine that answers, if only for a moment, ends its outage.
func TestAnOutageBeginsAnew(t *testing.T) {
	for name, outage := range map[string]func(w *world){
		"placement refuses": func(w *world) {
			w.onWake(func(context.Context, string) error { return &cluster.Failure{Reason: cluster.ReasonEngineDown} })
		},
		"a start meets it": func(w *world) {
			w.place("p", "shop_web", 0)
			w.backoff("p", cluster.ReasonEngineDown, time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				w.component("shop_web", nil)
				outage(w)
				w.engine("no answer")
				answer := w.begin("shop_web")
				<-time.After(20 * time.Second)
				w.engine("")
				<-time.After(time.Second)
				w.engine("no answer")
				<-time.After(28 * time.Second)
				if len(answer) > 0 {
					t.Fatal("told while the outage is young")
				}
				<-time.After(2 * time.Second)
				if len(answer) == 0 {
					t.Fatal("not told when the outage is old")
				}
			})
		})
	}
}

// A start that takes its time after an outage is none.
func TestASlowStartAfterAnOutageIsWaitedFor(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.place("p", "shop_web", 0)
		w.engine("no answer")
		w.backoff("p", cluster.ReasonEngineDown, time.Minute)
		answer := w.begin("shop_web")
		<-time.After(10 * time.Second)
		w.engine("")
		w.state("p", cluster.InstanceStarting)
		<-time.After(2 * time.Minute)
		w.run("p", ok)
		w.report("p", func(i *cluster.Instance) { i.Reason = cluster.ReasonNone })
		wantAnswer(t, <-answer, 200, "")
	})
}

// engine writes in the node's row what is wrong with its engine.
func (w *world) engine(wrong string) {
	w.put(cluster.ChangeSet{Nodes: map[string]*cluster.Node{node: {ID: node, State: cluster.NodeUp, Engine: wrong}}})
}
