package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func TestDrainWaitsForWhatIsInFlight(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		answer := w.begin("shop_web")
		<-h.arrived
		w.want("p", cluster.WantStop)
		drained := make(chan error, 1)
		go func() { drained <- w.g.Drain(t.Context(), "p") }()
		<-time.After(time.Minute)
		if len(drained) > 0 {
			t.Fatal("drained with a request in flight")
		}
		close(h.release)
		wantAnswer(t, <-answer, 200, "")
		if err := <-drained; err != nil {
			t.Errorf("drain: %v", err)
		}
		if err := w.g.Drain(t.Context(), "p"); err != nil {
			t.Errorf("drained twice: %v", err)
		}
		if err := w.g.Drain(t.Context(), "nobody"); err != nil {
			t.Errorf("drain of an unknown one: %v", err)
		}
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		answer := w.begin("shop_web")
		<-h.arrived
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := w.g.Drain(ctx, "p"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("drain: %v", err)
		}
		close(h.release)
		<-answer
	})
}

// TestDrainedInstanceGetsNothing, whatever the snapshot still says of it,
// until it was seen to be away and then back.
func TestDrainedInstanceGetsNothing(t *testing.T) {
	for name, c := range map[string]struct{ away, back func(w *world) }{
		"want": {
			func(w *world) { w.want("p", cluster.WantStop) },
			func(w *world) { w.want("p", cluster.WantRun) },
		},
		"state": {
			func(w *world) { w.state("p", cluster.InstanceDraining) },
			func(w *world) { w.state("p", cluster.InstanceReady) },
		},
		"another container": {
			func(w *world) {},
			func(w *world) { w.run("p", ok) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				w.component("shop_web", func(c *project.Component) { c.MaxDurationSeconds = 1 })
				w.serving("p", "shop_web", 0, ok)
				wantAnswer(t, w.get("shop_web"), 200, "")
				if err := w.g.Drain(t.Context(), "p"); err != nil {
					t.Fatal(err)
				}
				wantAnswer(t, w.get("shop_web"), 504, cluster.ReasonQueueTimeout)
				w.report("p", func(i *cluster.Instance) { i.Restarts++ }) // still ready
				wantAnswer(t, w.get("shop_web"), 504, cluster.ReasonQueueTimeout)
				c.away(w)
				wantAnswer(t, w.get("shop_web"), 504, cluster.ReasonQueueTimeout)
				c.back(w)
				wantAnswer(t, w.get("shop_web"), 200, "")
			})
		})
	}
}

// TestDrainThatIsGivenUp: the snapshot said so before the drain began.
func TestDrainThatIsGivenUp(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxConcurrency = 2 })
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		answer := w.begin("shop_web")
		<-h.arrived
		w.state("p", cluster.InstanceDraining)
		ctx, cancel := context.WithCancel(t.Context())
		drained := make(chan error)
		go func() { drained <- w.g.Drain(ctx, "p") }()
		synctest.Wait()
		cancel()
		if err := <-drained; !errors.Is(err, context.Canceled) {
			t.Errorf("drain: %v", err)
		}
		w.state("p", cluster.InstanceReady)
		second := w.begin("shop_web")
		<-h.arrived
		close(h.release)
		wantAnswer(t, <-answer, 200, "")
		wantAnswer(t, <-second, 200, "")
	})
}

func TestStopThatIsTakenBack(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, ok)
		w.want("p", cluster.WantStop)
		if err := w.g.Drain(t.Context(), "p"); err != nil {
			t.Fatal(err)
		}
		w.onWake(func(context.Context, string) error { w.want("p", cluster.WantRun); return nil })
		wantAnswer(t, w.get("shop_web"), 200, "")
		if n := w.wakes.Load(); n != 1 {
			t.Errorf("%d wakes", n)
		}
	})
}

func TestNewVersionTakesOver(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("old", "shop_web", 0, h.serve)
		inFlight := w.begin("shop_web")
		<-h.arrived
		queued := w.begin("shop_web")
		synctest.Wait()
		w.serving("new", "shop_web", 1, ok)
		wantAnswer(t, <-queued, 200, "")
		w.want("old", cluster.WantStop)
		drained := make(chan error, 1)
		go func() { drained <- w.g.Drain(t.Context(), "old") }()
		for range 5 {
			wantAnswer(t, w.get("shop_web"), 200, "")
		}
		w.remove("old") // however early its row goes, what is in flight ends
		if err := w.g.Drain(t.Context(), "new"); err != nil {
			t.Errorf("drain of the idle one: %v", err)
		}
		close(h.release)
		wantAnswer(t, <-inFlight, 200, "")
		if err := <-drained; err != nil {
			t.Errorf("drain: %v", err)
		}
		if loads := w.g.InstanceLoads(); len(loads) != 1 {
			t.Errorf("instances remembered: %v", loads)
		}
	})
}

func TestUpgradedConnectionIsInFlight(t *testing.T) {
	w := newWorld(t, Options{})
	defer w.end()
	w.component("shop_web", nil)
	w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Connection", "Upgrade")
		rw.Header().Set("Upgrade", "chat")
		rw.WriteHeader(http.StatusSwitchingProtocols)
		conn, buf, err := http.NewResponseController(rw).Hijack()
		if err == nil {
			buf.Flush()
			conn.Read(make([]byte, 1)) // until the other side is done
			conn.Close()
		}
	})
	front := httptest.NewServer(w.g.Public())
	defer front.Close()
	conn := dialRaw(t, front.Listener.Addr().String(), "GET / HTTP/1.1\r\nHost: shop_web\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
	if res := conn.answer(t); res.StatusCode != 101 {
		t.Fatalf("status %d", res.StatusCode)
	}
	if l := w.g.Load().Components["shop_web"]; l.InFlight != 1 || l.LastRequest.IsZero() {
		t.Errorf("load %+v", l)
	}
	drained := make(chan error, 1)
	go func() { drained <- w.g.Drain(t.Context(), "p") }()
	conn.Close()
	if err := <-drained; err != nil {
		t.Errorf("drain: %v", err)
	}
	if l := w.g.Load().Components["shop_web"]; l.InFlight != 0 || l.ServiceTime != 0 {
		t.Errorf("load %+v", l)
	}
}
