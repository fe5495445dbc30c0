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
	"maelstrom/runtime/proxy"
)

// Slots are there once, for all who ask; whoever waits longest is next.
func TestForwardedSharesSlots(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		turns := make(chan string, 10)
		next := make(chan struct{})
		w.serving("p", "shop_web", 0, func(_ http.ResponseWriter, r *http.Request) {
			turns <- r.Host
			<-next
		})
		var answers []<-chan *httptest.ResponseRecorder
		for _, own := range []bool{true, false, true, false} {
			if own {
				answers = append(answers, w.begin("shop_web"))
			} else {
				answers = append(answers, w.beginForward("shop_web", "p"))
			}
			<-time.After(time.Second)
		}
		wantRefused(t, w.forward("shop_web", "p"), 421, cluster.ReasonFull)
		if l := w.g.Load().Components["shop_web"]; l.InFlight != 1 || l.Queued != 1 {
			t.Errorf("load %+v: what the asker counts is counted here", l)
		}
		for n, want := range []string{"shop_web", "shop.example", "shop_web", "shop.example"} {
			if got := <-turns; got != want {
				t.Errorf("turn %d: %s, want %s", n, got, want)
			}
			if l := w.g.InstanceLoads()["p"]; l.InFlight != 1 {
				t.Errorf("%d in flight", l.InFlight)
			}
			next <- struct{}{}
		}
		for _, answer := range answers {
			wantServed(t, <-answer)
		}
		if l := w.g.InstanceLoads()["p"]; l.Total != 4 || l.LastRequest.IsZero() || w.g.LastSuccess("p").IsZero() {
			t.Errorf("instance %+v", l)
		}
	})
}

func TestForwardedThatMayWait(t *testing.T) {
	for name, c := range map[string]struct {
		spec          func(*project.Component)
		slots, queued int
	}{
		"one slot":     {nil, 1, 2},
		"five slots":   {func(c *project.Component) { c.MaxConcurrency = 5 }, 5, 5},
		"a soft limit": {func(c *project.Component) { c.MaxConcurrency, c.SoftConcurrencyLimit = 1, true }, 50, 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				w.component("shop_web", c.spec)
				h := newHeld()
				w.serving("p", "shop_web", 0, h.serve)
				var answers []<-chan *httptest.ResponseRecorder
				for range c.slots + c.queued {
					answers = append(answers, w.beginForward("shop_web", "p"))
				}
				synctest.Wait()
				if c.queued > 0 {
					wantRefused(t, w.forward("shop_web", "p"), 421, cluster.ReasonFull)
				}
				if len(h.arrived) != c.slots {
					t.Errorf("%d at the container", len(h.arrived))
				}
				close(h.release)
				for _, answer := range answers {
					wantServed(t, <-answer)
				}
			})
		})
	}
}

// Whoever waits and does not any more leaves room at once, with a slot that was
// just granted as well.
func TestForwardedThatLeaves(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		first := w.begin("shop_web")
		<-h.arrived
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan *httptest.ResponseRecorder, 1)
		go func() {
			gone <- w.do(http.HandlerFunc(w.g.ServeForwarded), forwarded("shop_web", "p", nil).WithContext(ctx))
		}()
		late := forwarded("shop_web", "p", unread{t})
		late.Header.Set(proxy.FieldDeadlineMs, "1500")
		began := time.Now()
		tooLate := w.do(http.HandlerFunc(w.g.ServeForwarded), late)
		wantRefused(t, tooLate, 504, cluster.ReasonQueueTimeout)
		if took := time.Since(began); took != 1500*time.Millisecond {
			t.Errorf("waited %s", took)
		}
		cancel()
		wantAnswer(t, <-gone, statusClientGone, "")
		others := []<-chan *httptest.ResponseRecorder{w.beginForward("shop_web", "p"), w.beginForward("shop_web", "p")}
		synctest.Wait()
		close(h.release)
		wantServed(t, <-first)
		for _, other := range others {
			wantServed(t, <-other)
		}
	})
}

// Those who wait for what goes away are sent back at once; what is in flight ends.
func TestForwardedWaitEndsWithItsInstance(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(w *world)
		reason  cluster.Reason
	}{
		"stop":              {func(w *world) { w.want("p", cluster.WantStop) }, cluster.ReasonDraining},
		"drain":             {func(w *world) { go w.g.Drain(w.t.Context(), "p") }, cluster.ReasonDraining},
		"removal":           {func(w *world) { w.remove("p") }, cluster.ReasonGone},
		"end of the node":   {func(w *world) { w.g.RefuseForwarded() }, cluster.ReasonDraining},
		"another container": {func(w *world) { w.run("p", ok) }, cluster.ReasonGone},
		"end of the component": {func(w *world) {
			w.put(cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"shop_web": nil}})
		}, cluster.ReasonGone},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w.t = inContext{t, ctx}
				w.component("shop_web", nil)
				h := newHeld()
				w.serving("p", "shop_web", 0, h.serve)
				inFlight := w.beginForward("shop_web", "p")
				<-h.arrived
				waiting := w.beginForward("shop_web", "p")
				synctest.Wait()
				began := time.Now()
				c.happens(w)
				wantRefused(t, <-waiting, 421, c.reason)
				if took := time.Since(began); took != 0 {
					t.Errorf("waited %s", took)
				}
				close(h.release)
				wantServed(t, <-inFlight)
			})
		})
	}
}

// inContext is a test whose context ends earlier.
type inContext struct {
	testing.TB
	ctx context.Context
}

func (t inContext) Context() context.Context { return t.ctx }

// Those who wait for an instance that takes no connection any more don't wait on.
func TestForwardedWaitEndsWithAFailedDial(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Connection", "close")
			h.serve(rw, r)
		})
		first := w.beginForward("shop_web", "p")
		<-h.arrived
		others := []<-chan *httptest.ResponseRecorder{w.beginForward("shop_web", "p"), w.beginForward("shop_web", "p")}
		synctest.Wait()
		began := time.Now()
		w.kill("p")
		close(h.release)
		wantServed(t, <-first)
		for _, other := range others {
			wantRefused(t, <-other, 421, cluster.ReasonGone)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("waited %s", took)
		}
	})
}

// A slot that is granted to one who leaves at that moment is the next one's.
func TestForwardedThatLeavesWithASlot(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, ok)
		d := w.g.dispatcher("shop_web")
		first, _, _ := d.enterForwarded("p")
		i, waiter, _ := d.enterForwarded("p")
		d.release(first, &exchange{asker: "another", passive: aside}, nil)
		d.leaveForwarded(i, waiter)
		wantServed(t, w.forward("shop_web", "p"))
	})
}
