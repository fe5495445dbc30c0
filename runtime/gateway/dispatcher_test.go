package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

func TestRoundRobinSkipsFullOnes(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxConcurrency = 2 })
		var got []string
		stay := newHeld()
		for i := range 3 {
			name := fmt.Sprint("p", i)
			w.serving(name, "shop_web", i, func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/stay" {
					stay.serve(rw, r)
				}
				io.WriteString(rw, name)
			})
		}
		for range 6 {
			got = append(got, w.get("shop_web").Body.String())
		}
		if want := []string{"p0", "p1", "p2", "p0", "p1", "p2"}; !slices.Equal(got, want) {
			t.Errorf("went to %v", got)
		}
		for range 4 { // two on p0, one on each other
			go w.do(w.g.Public(), httptest.NewRequest("GET", "http://shop_web/stay", nil))
			<-stay.arrived
		}
		got = nil
		for range 4 {
			got = append(got, w.get("shop_web").Body.String())
		}
		if want := []string{"p1", "p2", "p1", "p2"}; !slices.Equal(got, want) {
			t.Errorf("beside a full one went to %v", got)
		}
		close(stay.release)
	})
}

func TestSoftLimitDoesNotQueue(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.SoftConcurrencyLimit = true })
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		for range 50 {
			w.begin("shop_web")
		}
		for range 50 {
			<-h.arrived
		}
		if l := w.g.Load().Components["shop_web"]; l.InFlight != 50 || l.Queued != 0 {
			t.Errorf("%+v", l)
		}
		close(h.release)
	})
}

func TestQueueIsBounded(t *testing.T) {
	bubble(t, Options{QueueLimit: 3}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.place("p", "shop_web", 0)
		var waiting []<-chan *httptest.ResponseRecorder
		for range 3 {
			waiting = append(waiting, w.begin("shop_web"))
			synctest.Wait()
		}
		begun := time.Now()
		rec := w.get("shop_web")
		wantAnswer(t, rec, 503, cluster.ReasonQueueFull)
		if rec.Header().Get("Retry-After") == "" || time.Since(begun) != 0 {
			t.Errorf("retry after %q, after %v", rec.Header().Get("Retry-After"), time.Since(begun))
		}
		stranger := make(chan *httptest.ResponseRecorder, 1)
		go func() {
			r := httptest.NewRequest("GET", "http://shop_web/", nil)
			r.RemoteAddr = "198.51.100.1:1"
			stranger <- w.do(w.g.Public(), r)
		}()
		wantAnswer(t, <-waiting[2], 503, cluster.ReasonQueueFull) // the newest of the herd made room
		w.run("p", ok)
		for _, answer := range []<-chan *httptest.ResponseRecorder{waiting[0], waiting[1], stranger} {
			wantAnswer(t, <-answer, 200, "")
		}
	})
}

func TestDeadInstanceIsAvoided(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p0", "shop_web", 0, ok)
		w.serving("p1", "shop_web", 1, ok)
		w.kill("p0")
		begun := time.Now()
		for range 10 {
			wantAnswer(t, w.get("shop_web"), 200, "")
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

func TestDeadInstanceThatComesBack(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, ok)
		w.kill("p")
		answer := w.begin("shop_web")
		<-time.After(100 * time.Millisecond)
		w.state("p", cluster.InstanceStarting)
		<-time.After(100 * time.Millisecond)
		begun := time.Now()
		w.run("p", ok)
		wantAnswer(t, <-answer, 200, "")
		if took := time.Since(begun); took != 0 {
			t.Errorf("took %v after the new container was ready", took)
		}
	})
}

func TestDeadInstanceThatStaysDead(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.serving("p", "shop_web", 0, ok)
		w.kill("p")
		begun := time.Now()
		wantAnswer(t, w.get("shop_web"), 502, cluster.ReasonGone)
		if took := time.Since(begun); took != (maxTries-1)*suspicion {
			t.Errorf("took %v", took)
		}
	})
}

func TestChangedComponentFollowsItsNewLimits(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		h := newHeld()
		w.serving("p", "shop_web", 0, h.serve)
		answers := []<-chan *httptest.ResponseRecorder{w.begin("shop_web"), w.begin("shop_web"), w.begin("shop_web")}
		synctest.Wait()
		if n := len(h.arrived); n != 1 {
			t.Errorf("%d at work, want 1", n)
		}
		w.component("shop_web", func(c *project.Component) { c.MaxConcurrency = 2 })
		synctest.Wait()
		if n := len(h.arrived); n != 2 {
			t.Errorf("%d at work, want 2", n)
		}
		close(h.release)
		for _, answer := range answers {
			wantAnswer(t, <-answer, 200, "")
		}
	})
}

// work is a request at an instance.
type work struct {
	on *instance
	x  *exchange
}

// TestSlotsAndOutcomes drives one dispatcher at random: the slots are never
// exceeded, none is left unused while somebody waits, and every waiter gets
// exactly one outcome.
func TestSlotsAndOutcomes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{t: t, upstreams: map[string]*memory{}}
		w.snap.Store(cluster.NewSnapshot())
		w.g = New(Options{Node: node, QueueLimit: 6}, Deps{Snapshots: w, Waker: w})
		limit := rapid.IntRange(1, 3).Draw(rt, "slots")
		w.component("c", func(c *project.Component) { c.MaxConcurrency = limit })
		d := w.g.dispatcher("c")
		var working []work
		waiting := map[*waiter]bool{}
		collect := func() {
			for wt := range waiting {
				select {
				case o := <-wt.outcome:
					if delete(waiting, wt); o.instance != nil {
						working = append(working, work{o.instance, &exchange{status: 200, passive: wt.passive}})
					} else if o.refusal == nil {
						rt.Fatal("an outcome that is none")
					}
				default:
				}
			}
		}
		slot := rapid.IntRange(0, 2)
		id := func() string { return fmt.Sprint("p", slot.Draw(rt, "placement")) }
		placed := func(id string) bool { _, ok := w.Snapshot().Placements.Get(id); return ok }
		rt.Repeat(map[string]func(*rapid.T){
			"enter": func(rt *rapid.T) {
				x := &exchange{
					r:       &http.Request{},
					client:  address(rapid.IntRange(1, 3).Draw(rt, "client")),
					passive: rapid.SampledFrom([]int16{0, 0, 204}).Draw(rt, "passive"),
				}
				if rapid.IntRange(0, 9).Draw(rt, "again") == 0 {
					x.place = 1
				}
				i, wt, refusal := d.enter(x)
				switch {
				case i != nil:
					working = append(working, work{i, &exchange{status: 200, passive: x.passive}})
				case wt != nil:
					waiting[wt] = true
				case refusal == nil:
					rt.Fatal("neither slot nor wait nor refusal")
				}
			},
			"leave": func(rt *rapid.T) {
				for wt := range waiting {
					d.leave(wt)
					delete(waiting, wt)
					if len(wt.outcome) > 0 {
						rt.Fatal("one who left was given something")
					}
					return
				}
			},
			"release": func(rt *rapid.T) {
				if len(working) == 0 {
					return
				}
				at := rapid.IntRange(0, len(working)-1).Draw(rt, "which")
				err := rapid.SampledFrom([]error{nil, proxy.ErrCut}).Draw(rt, "error")
				d.release(working[at].on, working[at].x, err)
				working = slices.Delete(working, at, at+1)
			},
			"place":  func(rt *rapid.T) { w.place(id(), "c", slot.Draw(rt, "slot")); d.look() },
			"remove": func(rt *rapid.T) { w.remove(id()); d.look() },
			"ready": func(rt *rapid.T) {
				if p := id(); placed(p) {
					w.report(p, func(i *cluster.Instance) {
						i.State, i.Address, i.ContainerID = cluster.InstanceReady, p+":80", p
						i.ReadyAt = time.Now().Add(-time.Duration(rapid.IntRange(-1, 11).Draw(rt, "age")) * time.Second)
					})
					d.look()
				}
			},
			"fail": func(rt *rapid.T) {
				if p := id(); placed(p) {
					w.backoff(p, cluster.ReasonExited, time.Hour)
					d.look()
				}
			},
			"stop": func(rt *rapid.T) {
				if p := id(); placed(p) {
					w.want(p, rapid.SampledFrom([]cluster.Want{cluster.WantRun, cluster.WantStop}).Draw(rt, "want"))
					d.look()
				}
			},
			"drain": func(rt *rapid.T) { d.retreat(id()) },
			"": func(rt *rapid.T) {
				collect()
				passiveWaiting := 0
				for wt := range waiting {
					if wt.passive != 0 {
						passiveWaiting++
					}
				}
				if d.queue.size != len(waiting) || d.queue.passive != passiveWaiting {
					rt.Fatalf("queued %d, %d passive; want %d, %d", d.queue.size, d.queue.passive, len(waiting), passiveWaiting)
				}
				if passiveWaiting > 0 && len(d.ready) == 0 {
					rt.Fatal("a request that may not wake the component waits for it to wake")
				}
				at, active := map[*instance]int{}, 0
				for _, one := range working {
					if at[one.on]++; at[one.on] > limit || one.on.inFlight > limit {
						rt.Fatalf("%d requests on one instance", one.on.inFlight)
					}
					if one.x.passive == 0 {
						active++
					}
				}
				if d.stats.inFlight != active {
					rt.Fatalf("in flight %d, want %d", d.stats.inFlight, active)
				}
				for _, i := range d.ready {
					if i.inFlight < limit && d.queue.size > 0 {
						rt.Fatal("a slot is free while somebody waits")
					}
				}
			},
		})
	})
}

// TestManyLives runs requests that come, hang up and finish at random while
// instances come, drain and die: every request gets one answer, and at the
// end nothing is left.
func TestManyLives(t *testing.T) {
	for seed := range uint64(5) {
		bubble(t, Options{}, func(t *testing.T, w *world) {
			random := rand.New(rand.NewPCG(seed, 0))
			w.component("shop_web", func(c *project.Component) { c.MaxConcurrency, c.MaxDurationSeconds = 2, 20 })
			w.onWake(func(context.Context, string) error { return errors.New("later") })
			answered := make(chan int, 500)
			for range 500 {
				pause, patience := time.Duration(random.IntN(10_000)), time.Duration(random.IntN(20_000))
				go func() {
					<-time.After(pause * time.Millisecond)
					ctx, cancel := context.WithTimeout(t.Context(), patience*time.Millisecond)
					defer cancel()
					answered <- w.do(w.g.Public(), httptest.NewRequestWithContext(ctx, "GET", "http://shop_web/", nil)).Code
				}()
			}
			for round := range 20 {
				id := fmt.Sprint("p", round)
				w.serving(id, "shop_web", round, func(rw http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(20 * time.Millisecond):
					case <-r.Context().Done():
					}
				})
				<-time.After(time.Second)
				w.want(id, cluster.WantStop)
				if err := w.g.Drain(t.Context(), id); err != nil {
					t.Errorf("drain: %v", err)
				}
				w.kill(id)
				w.remove(id)
			}
			codes := map[int]int{}
			for range 500 {
				codes[<-answered]++
			}
			if codes[200] < 400 || codes[200]+codes[504]+codes[499] != 500 {
				t.Errorf("seed %d: answers %v", seed, codes)
			}
			synctest.Wait()
			if l := w.g.Load().Components["shop_web"]; l.InFlight+l.Queued != 0 || len(w.g.InstanceLoads()) != 0 {
				t.Errorf("seed %d: left over: %+v, %v", seed, l, w.g.InstanceLoads())
			}
		})
	}
}
