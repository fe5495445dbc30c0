package gateway

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"maelstrom/cluster"
)

// TestWaitingRequestsShareTheirMemory fills a node's memory for waiting requests
// with those of one component, so that another finds none, until they leave.
func TestWaitingRequestsShareTheirMemory(t *testing.T) {
	const three = 3*waitingSize + waitingSize/2
	bubble(t, Options{QueueMemory: three}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.component("shop_api", nil)
		w.place("p", "shop_web", 0)
		w.place("q", "shop_api", 0)
		var waiting []<-chan *httptest.ResponseRecorder
		for range 3 {
			waiting = append(waiting, w.begin("shop_web"))
			synctest.Wait()
		}
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonQueueFull)
		wantAnswer(t, w.get("shop_api"), 503, cluster.ReasonQueueFull)
		if l := w.g.Load().Components; l["shop_web"].Queued != 3 || l["shop_api"].Queued != 0 {
			t.Errorf("%+v", l)
		}
		w.run("p", ok)
		for _, answer := range waiting {
			wantAnswer(t, <-answer, 200, "")
		}
		if used := w.g.waiting.used.Load(); used != 0 {
			t.Errorf("%d bytes are thought to be taken by nobody", used)
		}
		answer := w.begin("shop_api")
		synctest.Wait()
		w.run("q", ok)
		wantAnswer(t, <-answer, 200, "")
	})
}

// TestHeadersCountAsMemory: what counts is how large requests are, not how many.
func TestHeadersCountAsMemory(t *testing.T) {
	bubble(t, Options{QueueMemory: 1 << 20}, func(t *testing.T, w *world) {
		w.component("shop_web", nil)
		w.place("p", "shop_web", 0)
		large := make(chan *httptest.ResponseRecorder, 1)
		go func() {
			r := httptest.NewRequest("GET", "http://shop_web/", nil)
			r.Header.Set("Cookie", strings.Repeat("x", 1000<<10))
			large <- w.do(w.g.Public(), r)
		}()
		synctest.Wait()
		wantAnswer(t, w.get("shop_web"), 503, cluster.ReasonQueueFull)
		w.run("p", ok)
		wantAnswer(t, <-large, 200, "")
	})
}

// TestMemoryOfQueuesIsBounded: whatever comes and leaves, the queues of a node
// take what their requests do, and not more than they may.
func TestMemoryOfQueuesIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		memory := &budget{limit: 20}
		queues := [2]queue{{limit: 8, memory: memory}, {limit: 8, memory: memory}}
		inside := map[*waiter]int{}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				at := rapid.IntRange(0, 1).Draw(t, "queue")
				w := &waiter{size: rapid.Int64Range(1, 9).Draw(t, "size")}
				victim, ok := queues[at].add(w, address(rapid.IntRange(1, 3).Draw(t, "client")))
				delete(inside, victim)
				if ok {
					inside[w] = at
				}
			},
			"take": func(t *rapid.T) {
				if w := queues[rapid.IntRange(0, 1).Draw(t, "queue")].take(); w != nil {
					delete(inside, w)
				}
			},
			"": func(t *rapid.T) {
				sum := int64(0)
				for w := range inside {
					sum += w.size
				}
				if used := memory.used.Load(); used != sum || used > memory.limit {
					t.Fatalf("%d of %d, %d are inside", used, memory.limit, sum)
				}
			},
		})
	})
}

// TestFullQueueTellsWhenTheFirstInstanceIsReady: whoever is refused while the
// component starts is told to come back when it is likely to have started.
func TestFullQueueTellsWhenTheFirstInstanceIsReady(t *testing.T) {
	opt := Options{QueueLimit: 1, StartTime: func(component string) (time.Duration, bool) {
		return 20 * time.Second, component == "shop_web"
	}}
	bubble(t, opt, func(t *testing.T, w *world) {
		for name, c := range map[string]struct{ low, high int }{"shop_web": {16, 18}, "shop_api": {1, 3}} {
			w.component(name, nil)
			w.place(name, name, 0)
			first := w.begin(name)
			<-time.After(5 * time.Second)
			rec := w.get(name)
			wantAnswer(t, rec, http.StatusServiceUnavailable, cluster.ReasonQueueFull)
			var seconds int
			if _, err := fmt.Sscan(rec.Header().Get("Retry-After"), &seconds); err != nil || seconds < c.low || seconds > c.high {
				t.Errorf("%s: retry after %q, want %d to %d", name, rec.Header().Get("Retry-After"), c.low, c.high)
			}
			w.run(name, ok)
			wantAnswer(t, <-first, 200, "")
		}
	})
}
