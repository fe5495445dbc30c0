package peer

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

var (
	seeds = flag.Int("peer.seeds", 20, "how many random histories of faults are run")
	first = flag.Uint64("peer.first", 1, "the first seed")
)

// Whatever happens between nodes and to them: who can't be heard is not live,
// and when it is over, each knows the latest of all.
func TestStreamsSurviveFaults(t *testing.T) {
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { (&history{rand: rand.New(rand.NewPCG(seed, 6))}).run(t) })
		})
	}
}

// The same, where the one that decides tells all of each other, and moves.
func TestDigestsSurviveFaults(t *testing.T) {
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { (&history{rand: rand.New(rand.NewPCG(seed, 7)), relayed: true}).run(t) })
		})
	}
}

type history struct {
	*world
	relayed bool
	rand    *rand.Rand
	ids     []string
	cuts    map[[2]string]time.Time // since when nothing gets through
	log     []string
}

func (h *history) run(t *testing.T) {
	h.ids, h.cuts = []string{"a", "b", "c"}, map[[2]string]time.Time{}
	h.world = emptyWorld(t)
	if h.relayed {
		h.pairs = 2
		h.setHolder("a")
	}
	for _, id := range h.ids {
		h.join(id)
	}
	defer h.close()
	for range 50 {
		h.step()
		pass(time.Duration(h.rand.IntN(3000)) * time.Millisecond)
		h.check()
	}
	h.calm()
	if t.Failed() {
		t.Logf("history:\n%s", strings.Join(h.log, "\n"))
	}
}

func (h *history) note(format string, args ...any) {
	h.log = append(h.log, time.Now().Format("04:05.000 ")+fmt.Sprintf(format, args...))
}

func (h *history) step() {
	from := h.rand.IntN(3)
	if h.relayed && h.rand.IntN(5) == 0 {
		h.setHolder(h.ids[h.rand.IntN(3)])
		h.note("%s decides", h.holderNow())
	}
	way := [2]string{h.ids[from], h.ids[(from+1+h.rand.IntN(2))%3]}
	m := h.members[way[0]]
	switch n := h.rand.IntN(12); {
	case n < 4:
		h.note("%s pushes", m.id)
		m.push()
	case n < 7:
		_, cut := h.cuts[way]
		h.note("%v is cut: %v", way, !cut)
		if h.network.setCut(way[0], way[1], !cut); cut {
			delete(h.cuts, way)
		} else {
			h.cuts[way] = time.Now()
		}
	case n < 9:
		delay := time.Duration(h.rand.IntN(400)) * time.Millisecond
		h.note("%v takes %v", way, delay)
		h.network.setDelay(way[0], way[1], delay)
	case n == 9:
		h.note("%v is reset", way)
		h.network.reset(way[0], way[1])
	case n == 10:
		h.note("%s is killed", m.id)
		m.crash()
		pass(time.Duration(h.rand.IntN(5000)) * time.Millisecond)
		m.start()
	default:
		h.note("%s leaves", m.id)
		m.hub.Leave()
		m.crash()
		m.start()
	}
}

// check holds what is so at any moment.
func (h *history) check() {
	for way, since := range h.cuts {
		if h.relayed {
			break // the third may hear both
		}
		to := h.members[way[1]]
		if time.Since(since) > silence+time.Second && to.hub.Live(way[0]) {
			h.t.Errorf("%s hears %s, which can't reach it since %v", way[1], way[0], time.Since(since))
		}
		if time.Since(since) > silence+time.Second+glance && to.feed.Snapshot().Hears(way[0]) {
			h.t.Errorf("%s routes to %s, which can't reach it since %v", way[1], way[0], time.Since(since))
		}
	}
	for _, m := range h.members {
		for id := range h.members {
			if m.hub.Lost(id) && m.hub.Live(id) {
				h.t.Errorf("%s takes %s for lost and live", m.id, id)
			}
		}
	}
}

func (h *history) calm() {
	h.note("calm")
	h.network.change(func() {
		clear(h.network.cut)
		clear(h.network.delay)
	})
	pass(3*silence + dialLimit + 2*lastPause)
	for _, m := range h.members {
		for id, other := range h.members {
			if got := m.knows(other); got != other.latest() {
				h.t.Errorf("%s knows of %s %s, want %s", m.id, id, got, other.latest())
			}
			if !m.hub.Live(id) || !m.feed.Snapshot().Hears(id) {
				h.t.Errorf("%s does not hear %s", m.id, id)
			}
		}
	}
}

// Who does not read is given up; others are told all the while, and memory
// does not grow with what it misses.
func TestASlowReaderIsCut(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.db.put(cluster.Node{ID: "slow", Epoch: 1, State: cluster.NodeUp, Peers: true, Address: "slow"})
		l := w.network.listen("slow")
		defer l.Close()
		conn := acceptStream(t, l, a)
		defer conn.Close()
		big := cluster.InstanceList{Node: "a", Epoch: a.epoch, Counter: 1000}
		for n := range 100 {
			big.Instances = append(big.Instances, cluster.Instance{Placement: fmt.Sprint("p", n), Node: "a", Message: strings.Repeat("x", 10_000)})
		}
		for range 10 {
			big.Counter++
			a.hub.PushInstances(big)
			pass(20 * time.Millisecond)
		}
		synctest.Wait()
		if got := c.feed.Snapshot().Instances; got.Len() < 100 {
			t.Errorf("a reader that is not slow knows of %d instances", got.Len())
		}
		pass(2 * stall)
		_, err := conn.Write(make([]byte, 1)) // may still find room on the way
		for range 3 {
			synctest.Wait()
			_, err = conn.Write(make([]byte, 1))
		}
		if err == nil {
			t.Error("the stream of a slow reader goes on")
		}
		if !b.hub.Live("a") || a.hub.Live("slow") {
			t.Error("not exactly the slow reader is silent")
		}
	})
}

// acceptStream takes the stream that a opens, says hello and reads no more.
func acceptStream(t *testing.T, l *listener, from *member) net.Conn {
	t.Helper()
	for {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if conn.(namedConn).node != from.id {
			conn.Close()
			continue
		}
		in := bufio.NewReader(conn)
		for line := "-"; line != "\r\n"; {
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		encoded, err := (&frame{Hello: &hello{Node: "slow", Epoch: 1, Protocol: 1, Clock: time.Now()}}).encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, message := range [][]byte{[]byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: maelstrom-peer\r\n\r\n"), encoded} {
			if _, err := conn.Write(message); err != nil {
				t.Fatal(err)
			}
		}
		return conn
	}
}

// Nobody is believed who says the wrong thing.
func TestStrangersAreCut(t *testing.T) {
	tell := func(f frame) []byte {
		encoded, err := f.encode()
		if err != nil {
			t.Fatal(err)
		}
		return encoded
	}
	good := tell(frame{Hello: &hello{Node: "d", Epoch: 5, Protocol: 1, Clock: time.Now()}})
	for name, said := range map[string][]byte{
		"another name":        tell(frame{Hello: &hello{Node: "c", Epoch: 5}}),
		"no name":             tell(frame{Hint: 7}),
		"others' instances":   append(good[:len(good):len(good)], tell(frame{Instances: &cluster.InstanceList{Node: "c", Epoch: 9, Counter: 1}})...),
		"too much":            binary.BigEndian.AppendUint32(nil, maxFrame+1),
		"what is no frame":    append(binary.BigEndian.AppendUint32(nil, 3), "{]}"...),
		"nothing, for long":   nil,
		"half a frame":        append(good[:len(good):len(good)], 0, 0, 0, 9, '{'),
		"hello, then nothing": good,
	} {
		t.Run(name, func(t *testing.T) {
			withThree(t, func(t *testing.T, w *world, a, b, c *member) {
				w.db.put(cluster.Node{ID: "d", Epoch: 5, State: cluster.NodeUp, Peers: true, Address: "nowhere"})
				conn, err := w.network.dial(t.Context(), "d", "a")
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				in, err := upgrade(conn, "a")
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					_, _ = io.Copy(io.Discard, in) // how it ends is all the same
				}()
				if _, err := conn.Write(said); err != nil {
					t.Fatal(err)
				}
				pass(silence + glance)
				if a.hub.Live("d") {
					t.Error("the stranger is live")
				}
				select {
				case <-ended:
				default:
					t.Error("the stream goes on")
				}
				if got := a.knows(c); got != c.latest() {
					t.Errorf("of c is known %s", got)
				}
			})
		})
	}
}

// Two daemons with one data directory: the later start has the streams.
func TestTheLaterStartOfANodeIsHeard(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		for _, epoch := range []int64{b.epoch - 1, b.epoch + 1} {
			conn, err := w.network.dial(t.Context(), "b", "c")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			in, err := upgrade(conn, "c")
			if err != nil {
				t.Fatal(err)
			}
			s := newStream(conn, in, "c")
			encoded, err := (&frame{Hello: &hello{Node: "b", Epoch: epoch, Clock: time.Now()}}).encode()
			if err != nil {
				t.Fatal(err)
			}
			if err := s.writeOne(encoded); err != nil {
				t.Fatal(err)
			}
			for err == nil {
				f, failed := s.next()
				if err = failed; err == nil && f.Instances != nil {
					break
				}
			}
			if heard := err == nil; heard != (epoch > b.epoch) {
				t.Errorf("epoch %d beside %d: heard %v", epoch, b.epoch, heard)
			}
		}
	})
}
