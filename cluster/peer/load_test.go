package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

func TestLoadsAddUpAtTheHolder(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.setHolder("b")
		pass(2 * loadPace)
		if l := b.hub.Load(); l.Partial || len(l.Components) != 0 {
			t.Errorf("without load: %+v", l)
		}
		if l := a.hub.Load(); !l.Partial {
			t.Error("who does not hold the role is told of all load")
		}
		last := time.Now().Add(-time.Second)
		a.setLoad("web", cluster.ComponentLoad{InFlight: 2, Queued: 3, OldestWait: time.Second, ServiceTime: 100 * time.Millisecond, LastRequest: last, Total: 30})
		b.setLoad("web", cluster.ComponentLoad{InFlight: 1, ServiceTime: 500 * time.Millisecond, Total: 10})
		c.setLoad("api", cluster.ComponentLoad{Queued: 1})
		select {
		case <-b.hub.LoadChanged():
		default: // its own change may have been told before
		}
		pass(2 * loadPace)
		<-b.hub.LoadChanged()
		l := b.hub.Load()
		want := cluster.ComponentLoad{InFlight: 3, Queued: 3, OldestWait: time.Second, ServiceTime: 200 * time.Millisecond, Total: 40}
		got := l.Components["web"]
		if since := got.LastRequest.Sub(last).Abs(); since > 2*loadPace {
			t.Errorf("last request is off by %v", since)
		}
		got.LastRequest = time.Time{}
		if got != want || l.Partial || l.Components["api"].Queued != 1 {
			t.Errorf("%+v and %+v, want %+v", l, got, want)
		}
		if again := b.hub.Load(); !reflect.DeepEqual(again.Components["api"], l.Components["api"]) || again.Components["web"].Queued != 3 {
			t.Errorf("another after it was read: %+v", again)
		}
	})
}

// However many others answered many times as much before: that nobody is answered
// now counts in full. Where anybody is, a slow request elsewhere does not.
func TestNobodyIsAnsweredByAnyNode(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	held := cluster.ComponentLoad{InFlight: 1, Queued: 9, ServiceTime: 50 * time.Millisecond, Total: 1000, BusySince: ago(20 * time.Second), Answered: ago(20 * time.Second)}
	quiet := cluster.ComponentLoad{Queued: 10, ServiceTime: 50 * time.Millisecond, Total: 1_000_000, Answered: ago(30 * time.Second)}
	later := cluster.ComponentLoad{InFlight: 1, Queued: 10, Total: 1, BusySince: ago(time.Second), Answered: ago(25 * time.Second)}
	never := cluster.ComponentLoad{Queued: 3}
	answers := cluster.ComponentLoad{ServiceTime: 50 * time.Millisecond, Total: 10, Answered: ago(10 * time.Millisecond)}
	for _, c := range []struct {
		name string
		of   []cluster.ComponentLoad
		want time.Duration
	}{
		{"one alone", []cluster.ComponentLoad{held}, 20 * time.Second},
		{"beside one that served much", []cluster.ComponentLoad{quiet, held}, 20 * time.Second},
		{"before it", []cluster.ComponentLoad{held, quiet}, 20 * time.Second},
		{"beside many", append(slices.Repeat([]cluster.ComponentLoad{quiet}, 29), held, never), 20 * time.Second},
		{"another has got a slot since", []cluster.ComponentLoad{later, quiet, held}, 20 * time.Second},
		{"another has answered just now", []cluster.ComponentLoad{held, answers, quiet}, 50 * time.Millisecond},
		{"nobody is in flight", []cluster.ComponentLoad{quiet, quiet}, 50 * time.Millisecond},
		{"nothing is known", []cluster.ComponentLoad{never, {InFlight: 1, BusySince: ago(time.Hour)}}, 0},
	} {
		var sum total
		for _, l := range c.of {
			on := onWire(l, now)
			sum.add(on.load(now))
		}
		if got := sum.load().Served(now); (got - c.want).Abs() > time.Millisecond {
			t.Errorf("%s: %s, want %s: %+v", c.name, got, c.want, sum)
		}
	}
}

// A queue that grows anywhere is told at once, a steady load is not.
func TestWhatIsUrgentIsTold(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.setHolder("b")
		pass(loadPeriod)
		told := func() bool {
			select {
			case <-b.hub.LoadChanged():
				return true
			default:
				return false
			}
		}
		told()
		for _, step := range []struct {
			name   string
			load   cluster.ComponentLoad
			urgent bool
		}{
			{"from nothing", cluster.ComponentLoad{InFlight: 1}, true},
			{"more", cluster.ComponentLoad{InFlight: 5}, false},
			{"waits", cluster.ComponentLoad{InFlight: 5, Queued: 1}, true},
			{"as it was", cluster.ComponentLoad{InFlight: 5, Queued: 1}, false},
			{"to nothing", cluster.ComponentLoad{}, true},
			{"nothing", cluster.ComponentLoad{}, false},
		} {
			a.setLoad("web", step.load)
			pass(2 * loadPace)
			if got := told(); got != step.urgent {
				t.Errorf("%s: told %v, want %v", step.name, got, step.urgent)
			}
			pass(loadPeriod)
			if told() {
				t.Errorf("%s: told again", step.name)
			}
		}
	})
}

// A report that is missing is no sign of rest; one of a lost node is not
// missed.
func TestMissingReports(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.setHolder("b")
		a.setLoad("web", cluster.ComponentLoad{InFlight: 4})
		pass(loadPeriod)
		w.network.setCut("a", "b", true)
		pass(loadFresh - loadPace)
		if l := b.hub.Load(); l.Partial || l.Components["web"].InFlight != 4 {
			t.Errorf("a report does not count while it is fresh: %+v", l)
		}
		pass(2 * loadPace)
		if l := b.hub.Load(); !l.Partial || l.Components["web"].InFlight != 0 {
			t.Errorf("a report counts for too long: %+v", l)
		}
		w.db.put(cluster.Node{ID: "a", Epoch: a.epoch, State: cluster.NodeDown, Lost: true, Peers: true, Address: "a"})
		b.feed.Hint()
		synctest.Wait()
		if l := b.hub.Load(); l.Partial {
			t.Error("the load of a lost node is missed")
		}
		w.db.put(cluster.Node{ID: "a", Epoch: a.epoch, State: cluster.NodeUp, Peers: true, Address: "a"})
		w.network.setCut("a", "b", false)
		for len(b.hub.LoadChanged()) > 0 {
			<-b.hub.LoadChanged()
		}
		<-b.hub.LoadChanged() // or the bubble is stuck
		if l := b.hub.Load(); l.Partial || l.Components["web"].InFlight != 4 {
			t.Errorf("after it is healed: %+v", l)
		}
	})
}

// A new holder is told by all within moments.
func TestLoadFollowsTheRole(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		for n, holder := range []*member{a, b, c, a} {
			for _, m := range w.members {
				m.setLoad("web", cluster.ComponentLoad{InFlight: 1 + n})
			}
			w.setHolder(holder.id)
			pass(2 * loadPace)
			if l := holder.hub.Load(); l.Partial || l.Components["web"].InFlight != 3*(1+n) {
				t.Errorf("%s: %s", holder.id, fmt.Sprintf("%+v", l))
			}
		}
	})
}

// What was quiet for long is not told of any more.
func TestQuietComponentsAreLeftOut(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.setHolder("b")
		a.setLoad("web", cluster.ComponentLoad{LastRequest: time.Now()})
		pass(2 * loadPace)
		if _, told := b.hub.Load().Components["web"]; !told {
			t.Error("a recent request is not told of")
		}
		pass(loadRecent + loadPeriod)
		if l := b.hub.Load(); len(l.Components) > 0 || l.Partial {
			t.Errorf("still told: %+v", l)
		}
	})
}

// Meters come along with the time at which they were read; one that is lost is
// made up for by the next.
func TestMetersOfAllNodesAreKnownAtTheHolder(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		w.setHolder("b")
		a.setMeter(1, time.Minute)
		a.setLoad("web", cluster.ComponentLoad{InFlight: 1, Work: 7})
		pass(2 * loadPace)
		l := b.hub.Load()
		m, known := l.Meters["a"]
		if !known || m.Epoch != 1 || m.Clock != time.Minute || m.Work["web"] != 7 || time.Since(m.At) > 2*loadPace {
			t.Errorf("meter of a: %+v", l.Meters)
		}
		if !l.Unmetered {
			t.Error("c has no meter, and nobody says so")
		}
		c.setMeter(1, time.Minute)
		c.setLoad("web", cluster.ComponentLoad{})
		pass(loadPeriod + loadPace)
		if l := b.hub.Load(); l.Unmetered {
			t.Errorf("all have a meter: %+v", l)
		}
	})
}

// The memory in use is known at the holder of every node, also of who told it
// to another holder before, and goes on counting while nothing new is told.
func TestMemoryInUseIsKnownAtTheHolder(t *testing.T) {
	withThree(t, func(t *testing.T, w *world, a, b, c *member) {
		known := func(at *member) map[string]int64 {
			all := map[string]int64{}
			for _, m := range at.hub.Load().Memory {
				for component, use := range m.Uses {
					all[m.Node+"/"+component] = use.MiB
				}
			}
			return all
		}
		w.setHolder("b")
		a.setMemory("web", 70)
		b.setMemory("web", 20)
		pass(loadPeriod + loadPace)
		if got := known(b); got["a/web"] != 70 || got["b/web"] != 20 || len(got) != 2 {
			t.Errorf("known are %v", got)
		}
		a.setMemory("web", 90)
		pass(loadPeriod + loadPace)
		if got := known(b); got["a/web"] != 90 {
			t.Errorf("known are %v", got)
		}
		pass(time.Minute)
		if got := known(b); got["a/web"] != 90 {
			t.Errorf("known are %v after a while", got)
		}
		w.setHolder("c")
		pass(loadPeriod + loadPace)
		if got := known(c); got["a/web"] != 90 || got["b/web"] != 20 {
			t.Errorf("the next holder knows %v", got)
		}
	})
}

func TestMemoryInUseIsToldWhereItIsNew(t *testing.T) {
	var m toldMemory
	to, other := &stream{}, &stream{}
	uses := func(mib int64) []cluster.NodeMemory {
		return []cluster.NodeMemory{{Node: "n", Uses: map[string]cluster.MemoryUse{"web": {MiB: mib}}}}
	}
	for _, c := range []struct {
		name string
		to   *stream
		own  []cluster.NodeMemory
		want bool
	}{
		{"the first time", to, uses(1), true},
		{"nothing new", to, uses(1), false},
		{"another reading", to, uses(2), true},
		{"to somebody else", other, uses(2), true},
		{"nothing known", to, nil, false},
	} {
		if got := m.due(c.to, c.own) != nil; got != c.want {
			t.Errorf("%s: told %v", c.name, got)
		}
	}
}

// A node of the release before tells no memory, and takes no harm from what does.
func TestReportsWithAndWithoutMemory(t *testing.T) {
	var older struct {
		Load *struct{} `json:"load"`
	}
	sent, err := (&frame{Memory: map[string]cluster.MemoryUse{"web": {Version: 1, MiB: 5, Readings: 9}}}).encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(sent[4:], &older); err != nil || older.Load != nil {
		t.Errorf("the release before reads %+v: %v", older, err)
	}
	f, err := readFrame(bytes.NewReader(sent))
	if err != nil || f.Memory["web"].MiB != 5 || f.Load != nil {
		t.Errorf("read as %+v: %v", f, err)
	}
	body := `{"load":{"components":{},"instances":{"p":1}}}`
	f, err = readFrame(strings.NewReader(string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + body))
	if err != nil || f.Memory != nil || f.Load.Instances["p"] != 1 {
		t.Errorf("a report of the release before is %+v: %v", f, err)
	}
}
