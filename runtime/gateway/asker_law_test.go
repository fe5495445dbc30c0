package gateway

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

// chaos is what other nodes do to requests, at random.
type chaos struct {
	t      *testing.T
	mu     sync.Mutex
	random *rand.Rand
	served map[string]int // by the number of the request
}

func (c *chaos) draw(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.random.IntN(n)
}

// serve is an instance on any node.
func (c *chaos) serve(w http.ResponseWriter, r *http.Request) {
	number := r.Header.Get("Number")
	c.mu.Lock()
	c.served[number]++
	c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err == nil && r.Method == "POST" && string(body) != "body of "+number {
		c.t.Errorf("body %q of %s", body, number)
	}
	select {
	case <-time.After(time.Duration(1+c.draw(400)) * time.Millisecond):
	case <-r.Context().Done():
	}
	fmt.Fprint(w, number)
}

const chaosSlots = 3

// owner is a node that may have no room, or nothing to serve with.
func (c *chaos) owner() http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch c.draw(12) {
		case 0, 1, 2:
			<-time.After(time.Duration(1+c.draw(50)) * time.Millisecond)
			goesBack(w, cluster.ReasonFull)
		case 3:
			goesBack(w, cluster.ReasonGone)
		case 4:
			goesBack(w, cluster.ReasonDraining)
		default:
			c.serve(w, r)
		}
	}
}

// send sends one request and checks that it has one answer, its own.
func (c *chaos) send(w *world, number string) int {
	method, body := "GET", io.Reader(nil)
	if c.draw(2) == 0 {
		method, body = "POST", &onceOnly{text: "body of " + number}
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Duration(1+c.draw(30_000))*time.Millisecond)
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, method, "http://shop_web/", body)
	if body != nil {
		r.ContentLength = -1
	}
	r.Header.Set("Number", number)
	rec, broken := c.do(w, r)
	c.mu.Lock()
	served := c.served[number]
	c.mu.Unlock()
	switch {
	case !broken && rec.Code == 200 && rec.Body.String() != number:
		c.t.Errorf("%s %s: answer %q", method, number, rec.Body)
	case rec.Code == 200 && served == 0:
		c.t.Errorf("%s %s: answered and not served", method, number)
	case method == "POST" && served > 1, served > 1+maxRepeats:
		c.t.Errorf("%s %s: served %d times", method, number, served)
	case rec.Header().Get(proxy.FieldForward) != "" || rec.Code == 421:
		c.t.Errorf("%s %s: answer %d %v", method, number, rec.Code, rec.Header())
	}
	return rec.Code
}

// do tells whether the answer broke off.
func (c *chaos) do(w *world, r *http.Request) (rec *httptest.ResponseRecorder, broken bool) {
	r.RequestURI = "/"
	rec = httptest.NewRecorder()
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			panic(v)
		} else if v != nil {
			broken = true
		}
	}()
	w.g.Public().ServeHTTP(rec, r)
	return rec, false
}

// onceOnly is a body that can't be read again.
type onceOnly struct {
	text string
	over bool
}

func (b *onceOnly) Read(p []byte) (int, error) {
	if b.over {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, b.text)
	if b.text = b.text[n:]; b.text == "" {
		b.over = true
		return n, io.EOF
	}
	return n, nil
}

// TestRequestsOverNodesThatFail runs requests while nodes refuse them, fall
// silent, freeze, die and come back, and instances come and go: each request has
// one answer, and at the end nothing is left.
func TestRequestsOverNodesThatFail(t *testing.T) {
	const requests = 400
	for seed := range uint64(8) {
		bubble(t, Options{}, func(t *testing.T, w *world) {
			c := &chaos{t: t, random: rand.New(rand.NewPCG(seed, 6)), served: map[string]int{}}
			w.component("shop_web", func(spec *project.Component) {
				spec.MaxConcurrency, spec.MaxDurationSeconds = chaosSlots, 20
				if seed%2 == 1 {
					spec.Balance = project.BalanceLeastLoaded
				}
			})
			w.serving("p0", "shop_web", 0, c.serve)
			nodes := []*other{w.other("node-2", c.owner()), w.other("node-3", c.owner())}
			nodes[0].serving("q0", "shop_web", 1)
			nodes[1].serving("q1", "shop_web", 2)
			codes := make(chan int, requests)
			for n := range requests {
				pause := time.Duration(c.draw(10_000)) * time.Millisecond
				go func() {
					<-time.After(pause)
					codes <- c.send(w, fmt.Sprint(n))
				}()
			}
			for round := range 40 {
				c.disturb(w, nodes[c.draw(len(nodes))], fmt.Sprint("q", round%5))
				<-time.After(time.Duration(1+c.draw(1000)) * time.Millisecond)
				c.check(w.g.dispatcher("shop_web"))
			}
			count := map[int]int{}
			for range requests {
				count[<-codes]++
			}
			if count[200] < requests/2 || count[200]+count[502]+count[504]+count[499] != requests {
				t.Errorf("seed %d: answers %v", seed, count)
			}
			asked := uint64(0)
			for _, n := range nodes {
				asked += w.g.links.to(n.id).tries[tryServed].Load()
			}
			if asked < requests/10 {
				t.Errorf("seed %d: only %d requests were served elsewhere", seed, asked)
			}
			synctest.Wait()
			l := w.g.Load().Components["shop_web"]
			if l.InFlight+l.Queued != 0 || w.g.repeats.active.Load() != 0 || w.g.repeats.now != 0 {
				t.Errorf("seed %d: left over: %+v", seed, l)
			}
			c.check(w.g.dispatcher("shop_web"))
			for id, i := range w.g.dispatcher("shop_web").instances {
				if i.inFlight != 0 || i.passive != 0 {
					t.Errorf("seed %d: %s has %d in flight", seed, id, i.inFlight)
				}
			}
		})
	}
}

// check holds what is counted here of slots.
func (c *chaos) check(d *dispatcher) {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := 0
	for id, i := range d.instances {
		if all += i.inFlight; i.inFlight < 0 || i.inFlight > chaosSlots {
			c.t.Errorf("%s: %d in flight", id, i.inFlight)
		}
	}
	if all > d.stats.inFlight {
		c.t.Errorf("%d in flight, counted %d", all, d.stats.inFlight)
	}
	for w := d.queue.first; w != nil && w.next != nil; w = w.next {
		if w.place >= w.next.place {
			c.t.Errorf("place %d before %d", w.place, w.next.place)
		}
	}
}

// disturb does something to a node.
func (c *chaos) disturb(w *world, n *other, id string) {
	switch c.draw(7) {
	case 0:
		n.heard(false)
	case 1:
		n.freeze()
		n.heard(false)
	case 2:
		n.kill()
		n.start(c.owner())
	case 3:
		w.remove(id)
	default:
		n.heard(true)
		n.serving(id, "shop_web", 1+c.draw(5))
	}
}
