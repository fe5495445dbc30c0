package gateway

import (
	"context"
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
	"maelstrom/runtime/proxy"
)

func slots(n int) func(*project.Component) {
	return func(c *project.Component) { c.MaxConcurrency, c.MaxDurationSeconds = n, 60 }
}

// says answers with a word.
func says(word string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, word) }
}

func TestInTurnOverAllNodes(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", slots(3))
		w.serving("p0", "shop_web", 0, says("a"))
		w.other("node-2", says("b")).serving("p1", "shop_web", 1)
		w.other("node-3", says("c")).serving("p2", "shop_web", 2)
		var got strings.Builder
		for range 6 {
			rec := w.get("shop_web")
			wantAnswer(t, rec, 200, "")
			got.WriteString(rec.Body.String())
		}
		if got.String() != "abcabc" {
			t.Errorf("served by %s", &got)
		}
	})
}

func TestInstancesOfSilentNodesVanish(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", slots(3))
		w.serving("p0", "shop_web", 0, says("a"))
		n := w.other("node-2", says("b"))
		n.serving("p1", "shop_web", 1)
		served := func(want string) {
			t.Helper()
			got := ""
			for range 4 {
				got += w.get("shop_web").Body.String()
			}
			if strings.Count(got, "b") != strings.Count(want, "b") || len(got) != len(want) {
				t.Errorf("served by %s, want %s", got, want)
			}
		}
		served("abab")
		n.heard(false)
		served("aaaa")
		n.heard(true)
		served("abab")
		w.put(cluster.ChangeSet{Nodes: map[string]*cluster.Node{"node-2": nil}})
		served("aaaa")
		w.put(cluster.ChangeSet{Nodes: map[string]*cluster.Node{"node-2": {ID: "node-2"}}}) // no port of peers
		served("aaaa")
	})
}

// A single node, or one without a port of peers, routes to its own instances.
func TestWithoutPeers(t *testing.T) {
	w := newWorld(t, Options{})
	defer w.end()
	w.component("shop_web", nil)
	w.other("node-2", ok).serving("p1", "shop_web", 0)
	alone := New(Options{Node: node}, Deps{Snapshots: w, Waker: w})
	if d := alone.dispatcher("shop_web"); len(d.ready) != 0 || !d.placed {
		t.Errorf("%d instances, placed %v", len(d.ready), d.placed)
	}
}

// TestFullInstancesAreLeftAlone holds that a node that has no room is not asked
// again and again, and that those who wait keep their order.
func TestFullInstancesAreLeftAlone(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", slots(3))
		var asked atomic.Int32
		var open atomic.Bool
		order := make(chan string, 10)
		w.other("node-2", func(rw http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if !open.Load() {
				goesBack(rw, cluster.ReasonFull)
				return
			}
			order <- r.Header.Get("Number")
			<-time.After(time.Millisecond)
		}).serving("p1", "shop_web", 0)
		answers := make(chan int, 10)
		for n := range 10 {
			r := httptest.NewRequest("GET", "http://shop_web/", nil)
			r.Header.Set("Number", fmt.Sprint(n))
			go func() { answers <- w.do(w.g.Public(), r).Code }()
			synctest.Wait()
		}
		<-time.After(20 * time.Second)
		if n := asked.Load(); n < 20*5 || n > 20*15 {
			t.Errorf("asked %d times in 20 s", n)
		}
		begun := time.Now()
		open.Store(true)
		for range 10 {
			if code := <-answers; code != 200 {
				t.Errorf("answer %d", code)
			}
		}
		if took := time.Since(begun); took > 2*lastRest {
			t.Errorf("took %v when there was room", took)
		}
		got := ""
		for range 10 {
			got += <-order
		}
		// Three at a time are on their way, in any order among themselves.
		for at, n := range got {
			if late := at - int(n-'0'); late > 2 || late < -2 {
				t.Errorf("order %s", got)
				break
			}
		}
	})
}

// TestASlotThatFreesIsUsed holds that the end of an own request is a slot for the
// next, although others fill the rest.
func TestASlotThatFreesIsUsed(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", slots(4))
		var room, asked atomic.Int32
		room.Store(2) // of four: others have the rest
		w.other("node-2", func(rw http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if room.Add(-1) < 0 {
				room.Add(1)
				goesBack(rw, cluster.ReasonFull)
				return
			}
			<-time.After(10 * time.Millisecond)
			room.Add(1)
		}).serving("p1", "shop_web", 0)
		begun := time.Now()
		answers := make(chan int, 200)
		for range 200 {
			go func() { answers <- w.get("shop_web").Code }()
		}
		for range 200 {
			if code := <-answers; code != 200 {
				t.Errorf("answer %d", code)
			}
		}
		if took := time.Since(begun); took > 1500*time.Millisecond { // 1 s without a pause
			t.Errorf("took %v", took)
		}
		if n := asked.Load(); n > 2*200 {
			t.Errorf("asked %d times for 200", n)
		}
	})
}

func TestAnInstanceThatIsGoneIsNotAskedUntilThereAreNews(t *testing.T) {
	for _, reason := range []cluster.Reason{cluster.ReasonGone, cluster.ReasonDraining} {
		bubble(t, Options{}, func(t *testing.T, w *world) {
			w.component("shop_web", slots(5))
			var asked atomic.Int32
			var back atomic.Bool
			n := w.other("node-2", func(rw http.ResponseWriter, r *http.Request) {
				if asked.Add(1); !back.Load() {
					goesBack(rw, reason)
				}
			})
			n.serving("p1", "shop_web", 0)
			answer := w.begin("shop_web")
			<-time.After(5500 * time.Millisecond)
			if got := asked.Load(); got != 6 { // once each second
				t.Errorf("asked %d times", got)
			}
			back.Store(true)
			n.report("p1", func(i *cluster.Instance) { i.StartedAt = time.Now() })
			begun := time.Now()
			wantAnswer(t, <-answer, 200, "")
			if took := time.Since(begun); took > 0 {
				t.Errorf("waited %v after the news", took)
			}
		})
	}
}

func TestNoRoomUntilTheDeadline(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", func(c *project.Component) { c.MaxDurationSeconds = 5 })
		w.other("node-2", func(rw http.ResponseWriter, r *http.Request) { goesBack(rw, cluster.ReasonFull) }).serving("p1", "shop_web", 0)
		begun := time.Now()
		wantAnswer(t, w.get("shop_web"), 504, cluster.ReasonQueueTimeout)
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestABodyIsReadOnce(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", slots(1))
		var asked atomic.Int32
		w.other("node-2", func(rw http.ResponseWriter, r *http.Request) {
			if asked.Add(1) < 20 {
				<-time.After(time.Second) // in its queue
				goesBack(rw, cluster.ReasonFull)
				return
			}
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprint(rw, n)
		}).serving("p1", "shop_web", 0)
		r := httptest.NewRequest("POST", "http://shop_web/", io.LimitReader(zeros{}, 3<<20))
		r.ContentLength = -1
		rec := w.do(w.g.Public(), r)
		if rec.Code != 200 || rec.Body.String() != fmt.Sprint(3<<20) {
			t.Errorf("answer %d %q", rec.Code, rec.Body)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestWhatMayBeSentAgain kills the node that has a request of each kind.
func TestWhatMayBeSentAgain(t *testing.T) {
	for method, again := range map[string]bool{
		"GET": true, "HEAD": true, "OPTIONS": true, "TRACE": true, "PUT": true, "DELETE": true, "POST": false, "PATCH": false,
	} {
		for _, body := range []bool{false, true} {
			bubble(t, Options{}, func(t *testing.T, w *world) {
				w.component("shop_web", slots(2))
				h := newHeld()
				n := w.other("node-2", func(rw http.ResponseWriter, r *http.Request) {
					io.Copy(io.Discard, r.Body)
					h.serve(rw, r)
				})
				n.serving("p1", "shop_web", 0)
				var served atomic.Int32
				r := httptest.NewRequest(method, "http://shop_web/", nil)
				if body {
					r = httptest.NewRequest(method, "http://shop_web/", strings.NewReader("x"))
				}
				answer := make(chan *httptest.ResponseRecorder)
				go func() { answer <- w.do(w.g.Public(), r) }()
				<-h.arrived
				w.serving("p0", "shop_web", 1, func(rw http.ResponseWriter, r *http.Request) { served.Add(1) })
				n.kill()
				if rec := <-answer; again && !body {
					wantAnswer(t, rec, 200, "")
				} else {
					wantAnswer(t, rec, 502, cluster.ReasonNodeLost)
				}
				if want := again && !body; (served.Load() == 1) != want {
					t.Errorf("%s, body %v: served elsewhere %d times", method, body, served.Load())
				}
			})
		}
	}
}

// TestTheBudgetOfRepeats lets a node die with more requests than may be sent
// again at a time.
func TestTheBudgetOfRepeats(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", slots(100))
		h := newHeld()
		n := w.other("node-2", h.serve)
		n.serving("p1", "shop_web", 0)
		codes := make(chan int, 50)
		for range 50 {
			go func() { codes <- w.get("shop_web").Code }()
		}
		for range 50 {
			<-h.arrived
		}
		slow := newHeld()
		w.serving("p0", "shop_web", 1, slow.serve)
		n.kill()
		synctest.Wait()
		if sent := len(slow.arrived); sent != 50/repeatShare+repeatFew {
			t.Errorf("%d are sent again at once", sent)
		}
		if n := w.g.repeats.waited.Load(); n != 50-50/repeatShare-repeatFew {
			t.Errorf("%d wait for it", n)
		}
		close(slow.release)
		for range 50 {
			if code := <-codes; code != 200 {
				t.Errorf("answer %d", code)
			}
		}
		if now := w.g.repeats.now; now != 0 || len(w.g.repeats.waiting) != 0 || w.g.repeats.active.Load() != 0 {
			t.Errorf("%d repeats are left, %d wait, %d active", now, len(w.g.repeats.waiting), w.g.repeats.active.Load())
		}
	})
}

// TestANodeThatFallsSilent holds that what may be sent again goes elsewhere soon,
// and what may not waits until the connection is given up.
func TestANodeThatFallsSilent(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", slots(5))
		h := newHeld()
		n := w.other("node-2", h.serve)
		n.serving("p1", "shop_web", 0)
		get := w.begin("shop_web")
		post := make(chan *httptest.ResponseRecorder)
		go func() { post <- w.do(w.g.Public(), httptest.NewRequest("POST", "http://shop_web/", nil)) }()
		<-h.arrived
		<-h.arrived
		w.serving("p0", "shop_web", 1, ok)
		<-time.After(5 * time.Second)
		n.freeze()
		frozen := time.Now()
		<-time.After(2 * time.Second)
		n.heard(false)
		wantAnswer(t, <-get, 200, "")
		if took := time.Since(frozen); took > 2*time.Second+2*glance {
			t.Errorf("GET took %v", took)
		}
		wantAnswer(t, <-post, 502, cluster.ReasonNodeLost)
		if took := time.Since(frozen); took > 7*time.Second {
			t.Errorf("POST took %v", took)
		}
	})
}

// TestANodeThatLeaves holds that a node which takes no more requests, and says
// so, ends those that it has.
func TestANodeThatLeaves(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", slots(5))
		h := newHeld()
		n := w.other("node-2", h.serve)
		n.serving("p1", "shop_web", 0)
		get := w.begin("shop_web")
		<-h.arrived
		n.heard(false)
		left := make(chan struct{})
		go func() { n.server.Shutdown(context.Background()); close(left) }()
		<-time.After(30 * time.Second)
		close(h.release)
		wantAnswer(t, <-get, 200, "")
		<-left
	})
}

func TestRefusalsOfTheOtherNode(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.other("node-2", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set(proxy.FieldForward, proxy.ForwardRefused)
			rw.Header().Set("Maelstrom-Reason", "exited")
			rw.WriteHeader(502)
			io.WriteString(rw, refuseBroken.text)
		}).serving("p1", "shop_web", 0)
		rec := w.get("shop_web")
		wantAnswer(t, rec, 502, cluster.ReasonExited)
		if rec.Body.String() != refuseBroken.text || rec.Header().Get(proxy.FieldForward) != "" || rec.Header().Get("X-Request-Id") == "" {
			t.Errorf("answer %q, %v", rec.Body, rec.Header())
		}
		if got := w.g.links.to("node-2").tries[tryFailed].Load(); got != 1 {
			t.Errorf("%d tries failed", got)
		}
	})
}

// TestRequestsElsewhereAreLoadHere: the asker counts what it sends away.
func TestRequestsElsewhereAreLoadHere(t *testing.T) {
	bubble(t, Options{}, func(t *testing.T, w *world) {
		w.component("shop_web", slots(1))
		h := newHeld()
		w.other("node-2", h.serve).serving("p1", "shop_web", 0)
		one, two := w.begin("shop_web"), w.begin("shop_web")
		<-h.arrived
		synctest.Wait()
		if l := w.g.Load().Components["shop_web"]; l.InFlight != 1 || l.Queued != 1 {
			t.Errorf("load %+v", l)
		}
		close(h.release)
		wantAnswer(t, <-one, 200, "")
		wantAnswer(t, <-two, 200, "")
	})
}
