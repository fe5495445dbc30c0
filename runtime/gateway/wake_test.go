package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// TestHerdWakesASleeper sends 1,000 requests at once to a component that
// sleeps, may have two instances and takes ten requests on each.
func TestHerdWakesASleeper(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		const herd, slots = 1000, 10
		w.component("shop_web", func(c *project.Component) { c.MaxConcurrency, c.MaxInstances = slots, 2 })
		var served atomic.Int32
		instance := func() http.HandlerFunc {
			var now atomic.Int32
			return func(rw http.ResponseWriter, r *http.Request) {
				if n := now.Add(1); n > slots {
					t.Errorf("%d requests on one instance", n)
				}
				<-time.After(10 * time.Millisecond)
				now.Add(-1)
				served.Add(1)
			}
		}
		w.onWake(func(context.Context, string) error { w.place("p0", "shop_web", 0); return nil })
		answers := make(chan *httptest.ResponseRecorder, herd)
		for range herd {
			go func() { answers <- w.get("shop_web") }()
		}
		synctest.Wait()
		if l := w.g.Load().Components["shop_web"]; l.Queued != herd {
			t.Errorf("%d queued", l.Queued)
		}
		<-time.After(300 * time.Millisecond)
		w.run("p0", instance())
		synctest.Wait()
		if l := w.g.Load().Components["shop_web"]; l.InFlight != slots || l.Queued != herd-slots {
			t.Errorf("after the first: %+v", l)
		}
		w.serving("p1", "shop_web", 1, instance())
		for range herd {
			wantAnswer(t, <-answers, 200, "")
		}
		if n := w.wakes.Load(); n != 1 || served.Load() != herd {
			t.Errorf("%d wakes, %d served", n, served.Load())
		}
		for id, l := range w.g.InstanceLoads() {
			if l.InFlight != 0 || l.Total < herd/4 {
				t.Errorf("%s: %+v", id, l)
			}
		}
	})
}

func TestWakeIsTriedUntilTheDeadline(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.onWake(func(context.Context, string) error {
			if w.wakes.Load()%2 == 0 {
				return errors.New("connection refused")
			}
			return cluster.ErrNotHolder
		})
		answer := w.begin("shop_web")
		<-time.After(10 * time.Second)
		if n := w.wakes.Load(); n < 8 || n > 30 {
			t.Errorf("%d tries in 10 s", n)
		}
		w.onWake(func(context.Context, string) error { w.serving("p", "shop_web", 0, ok); return nil })
		wantAnswer(t, <-answer, 200, "")
		tries := w.wakes.Load()
		<-time.After(time.Minute)
		if n := w.wakes.Load(); n != tries {
			t.Errorf("%d tries after the wake", n-tries)
		}
	})
}

func TestWakeEndsWithTheLastWaiter(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			w.do(w.g.Public(), httptest.NewRequestWithContext(ctx, "GET", "http://shop_web/", nil))
		}()
		<-time.After(5 * time.Second)
		cancel()
		<-gone
		tries := w.wakes.Load()
		<-time.After(time.Minute)
		if n := w.wakes.Load(); n > tries+1 {
			t.Errorf("%d tries for nobody", n-tries)
		}
	})
}

func TestWakeThatIsRefused(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.onWake(func(context.Context, string) error {
			<-time.After(time.Second)
			return fmt.Errorf("wake: %w", &cluster.Failure{
				Reason: cluster.ReasonNoCapacity, Message: "host-17 has 3 MiB", RetryAfter: 1500 * time.Millisecond,
			})
		})
		answers := []<-chan *httptest.ResponseRecorder{w.begin("shop_web"), w.begin("shop_web")}
		for _, answer := range answers {
			rec := <-answer
			wantAnswer(t, rec, 503, cluster.ReasonNoCapacity)
			if rec.Header().Get("Retry-After") != "2" || strings.Contains(rec.Body.String(), "host-17") {
				t.Errorf("retry after %s, body %q", rec.Header().Get("Retry-After"), rec.Body)
			}
		}
		if n := w.wakes.Load(); n != 1 {
			t.Errorf("%d wakes for one herd", n)
		}
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonNoCapacity) // asked again: it may fit now
	})
}

func TestRefusedWakesAreNotSpun(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.onWake(func(context.Context, string) error { return &cluster.Failure{Reason: cluster.ReasonNoCapacity} })
		begun := time.Now()
		for time.Since(begun) < 10*time.Second {
			wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonNoCapacity)
		}
		if n := w.wakes.Load(); n > 410 {
			t.Errorf("%d wakes in 10 s", n)
		}
	})
}

func TestFailedInstance(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.onWake(func(context.Context, string) error { w.place("p", "shop_web", 0); return nil })
		answer := w.begin("shop_web")
		<-time.After(time.Second)
		w.backoff("p", cluster.ReasonImageMissing, 4*time.Second)
		for range 2 { // who waited, and who comes while it fails
			rec := <-answer
			wantAnswer(t, rec, 503, cluster.ReasonImageMissing)
			if rec.Header().Get("Retry-After") != "4" || strings.Contains(rec.Body.String(), "secret") {
				t.Errorf("retry after %q, body %q", rec.Header().Get("Retry-After"), rec.Body)
			}
			answer = w.begin("shop_web")
		}
		<-answer
		<-time.After(3500 * time.Millisecond)
		if rec := w.get("shop_web"); rec.Header().Get("Retry-After") != "1" {
			t.Errorf("rest of the back-off: %q", rec.Header().Get("Retry-After"))
		}
		<-time.After(600 * time.Millisecond)
		answer = w.begin("shop_web") // the back-off is over: it waits for the next try
		<-time.After(time.Second)
		w.run("p", ok)
		wantAnswer(t, <-answer, 200, "")
	})
}

func TestFailedInstanceBesideAnother(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.place("p0", "shop_web", 0)
		w.place("p1", "shop_web", 1)
		w.backoff("p0", cluster.ReasonExited, time.Minute)
		answer := w.begin("shop_web")
		<-time.After(time.Second)
		w.run("p1", ok)
		wantAnswer(t, <-answer, 200, "")
	})
}

func TestCrashLoopIsNamedBackoff(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, ok)
		wantAnswer(t, w.get("shop_web"), 200, "")
		w.report("p", func(i *cluster.Instance) { i.WasReady = true })
		w.backoff("p", cluster.ReasonExited, time.Minute)
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonBackoff)
		w.backoff("p", cluster.ReasonEngineDown, time.Minute)
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonEngineDown)
	})
}

func TestFailedPlacementThatStops(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.place("p", "shop_web", 0)
		w.backoff("p", cluster.ReasonExited, time.Hour)
		w.want("p", cluster.WantStop)
		w.onWake(func(context.Context, string) error { w.serving("q", "shop_web", 1, ok); return nil })
		wantAnswer(t, w.get("shop_web"), 200, "")
	})
}

func TestComponentRemovedWhileWaiting(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		answer := w.begin("shop_web")
		<-time.After(time.Second)
		w.put(cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"shop_web": nil}})
		wantAnswer(t, <-answer, 404, cluster.ReasonGone)
		wantAnswer(t, w.get("shop_web"), 404, cluster.ReasonNotFound)
		synctest.Wait()
		<-time.After(2 * time.Second)
		w.put(cluster.ChangeSet{})
		synctest.Wait()
		if n := len(w.g.Load().Components); n != 0 {
			t.Errorf("%d components still remembered", n)
		}
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, ok)
		wantAnswer(t, w.get("shop_web"), 200, "")
	})
}

func TestWaitersWhenTheGatewayEnds(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		answer := w.begin("shop_web")
		<-time.After(time.Second)
		w.end()
		wantAnswer(t, <-answer, 503, cluster.ReasonDraining)
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonDraining)
	})
}

func TestInstancesOfOtherNodesAreNotDialled(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxDurationSeconds = 1 })
		w.serving("p", "shop_web", 0, ok)
		w.report("p", func(i *cluster.Instance) { i.Node = "node-2" })
		wantAnswer(t, w.get("shop_web"), 504, cluster.ReasonQueueTimeout)
	})
}

func TestBodyIsNotReadWhileWaiting(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.place("p", "shop_web", 0)
		var read atomic.Bool
		body := readerFunc(func(p []byte) (int, error) { read.Store(true); return 0, io.EOF })
		answer := make(chan *httptest.ResponseRecorder)
		go func() { answer <- w.do(w.g.Public(), httptest.NewRequest("POST", "http://shop_web/", body)) }()
		<-time.After(time.Minute)
		if read.Load() {
			t.Error("the body was read while its request waited")
		}
		w.run("p", func(rw http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
		wantAnswer(t, <-answer, 200, "")
		if !read.Load() {
			t.Error("the body was not read at all")
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
