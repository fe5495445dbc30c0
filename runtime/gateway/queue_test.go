package gateway

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func address(n int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}) }

func TestQueueIsFIFO(t *testing.T) {
	q := queue{limit: 3}
	a, b, c := &waiter{}, &waiter{}, &waiter{}
	for i, w := range []*waiter{a, b, c} {
		if victim, ok := q.add(w, address(i)); victim != nil || !ok {
			t.Fatalf("add %d: %v, %v", i, victim, ok)
		}
	}
	if !q.remove(b) || q.remove(b) {
		t.Error("the middle one was not removed once")
	}
	q.putBack(b, address(1))
	for _, want := range []*waiter{b, a, c, nil} {
		if got := q.take(); got != want {
			t.Errorf("took %p, want %p", got, want)
		}
	}
}

// TestFairnessBindsOnlyWhenFull: a herd from one address that fits is served;
// once it fills the queue, its newest entry makes room for somebody else.
func TestFairnessBindsOnlyWhenFull(t *testing.T) {
	q := queue{limit: 4}
	herd := []*waiter{{}, {}, {}, {}}
	for _, w := range herd {
		if _, ok := q.add(w, address(1)); !ok {
			t.Fatal("the herd fits, but was not let in")
		}
	}
	if victim, ok := q.add(&waiter{}, address(1)); victim != nil || ok {
		t.Error("one more of the herd was let in")
	}
	for i, want := range []*waiter{herd[3], herd[2]} {
		if victim, ok := q.add(&waiter{}, address(2+i)); victim != want || !ok {
			t.Errorf("stranger %d displaced %p, want %p", i, victim, want)
		}
	}
	// Two of the herd, one of each stranger: nobody gains by displacing.
	if victim, ok := q.add(&waiter{}, address(2)); victim != nil || ok {
		t.Errorf("a second entry displaced %p", victim)
	}
}

func TestNeighboursInIPv6AreOneClient(t *testing.T) {
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	if clientKey(a) != clientKey(b) || clientKey(a) == clientKey(netip.MustParseAddr("2001:db8:0:1::1")) {
		t.Error("IPv6 clients are told apart wrongly")
	}
	if clientKey(address(1)) == clientKey(address(2)) || clientKey(netip.Addr{}).IsValid() {
		t.Error("IPv4 clients are told apart wrongly")
	}
}

// TestQueueAgainstModel compares with a plain list.
func TestQueueAgainstModel(t *testing.T) {
	type entry struct {
		w    *waiter
		from int
	}
	rapid.Check(t, func(t *rapid.T) {
		q := queue{limit: rapid.IntRange(1, 8).Draw(t, "limit")}
		var model []entry
		count := func(from int) int {
			n := 0
			for _, e := range model {
				if e.from == from {
					n++
				}
			}
			return n
		}
		drop := func(w *waiter) { model = slices.DeleteFunc(model, func(e entry) bool { return e.w == w }) }
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				e := entry{&waiter{}, rapid.IntRange(1, 4).Draw(t, "client")}
				most := 0
				for c := 1; c <= 4; c++ {
					most = max(most, count(c))
				}
				full := len(model) >= q.limit
				victim, ok := q.add(e.w, address(e.from))
				if wantIn := !full || count(e.from)+1 < most; ok != wantIn || (victim != nil) != (full && wantIn) {
					t.Fatalf("full %v, has %d of most %d: in %v, victim %v", full, count(e.from), most, ok, victim != nil)
				}
				if victim != nil {
					at := slices.IndexFunc(model, func(e entry) bool { return e.w == victim })
					newer := slices.ContainsFunc(model[at+1:], func(e entry) bool { return e.from == model[at].from })
					if count(model[at].from) != most || newer {
						t.Fatal("the victim is not the newest of the client with most")
					}
					drop(victim)
				}
				if ok {
					model = append(model, e)
				}
			},
			"put back": func(t *rapid.T) {
				e := entry{&waiter{}, rapid.IntRange(1, 4).Draw(t, "client")}
				q.putBack(e.w, address(e.from))
				model = slices.Insert(model, 0, e)
			},
			"take": func(t *rapid.T) {
				w := q.take()
				if (w == nil) != (len(model) == 0) || w != nil && w != model[0].w {
					t.Fatal("took another than the first")
				}
				drop(w)
			},
			"remove": func(t *rapid.T) {
				if len(model) == 0 {
					return
				}
				w := rapid.SampledFrom(model).Draw(t, "who").w
				if !q.remove(w) || q.remove(w) {
					t.Fatal("not removed once")
				}
				drop(w)
			},
			"": func(t *rapid.T) {
				most, clients := 0, 0
				for c := 1; c <= 4; c++ {
					if most = max(most, count(c)); count(c) > 0 {
						clients++
					}
				}
				if q.size != len(model) || q.most != most || len(q.clients) != clients {
					t.Fatalf("size %d, most %d, clients %d; want %d, %d, %d", q.size, q.most, len(q.clients), len(model), most, clients)
				}
				w := q.first
				for _, e := range model {
					if w != e.w {
						t.Fatal("order differs")
					}
					w = w.next
				}
			},
		})
	})
}
