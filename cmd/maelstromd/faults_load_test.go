package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// traffic asks each node for a component, all the time, one request after
// another.
type traffic struct {
	c     *trio
	loads []*load

	mu     sync.Mutex
	faults []fault
}

// fault is a time in which a node may fail requests.
type fault struct {
	node        int
	began, over time.Time
}

func (c *trio) traffic(t testing.TB, clients int, host, path string) *traffic {
	a := &traffic{c: c}
	for _, n := range c.nodes {
		a.loads = append(a.loads, n.steady(t, clients, host, path))
	}
	return a
}

// excuse lets a node fail requests that are under way at some time from then on,
// until it is told to be over.
func (a *traffic) excuse(node int) (over func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := len(a.faults)
	a.faults = append(a.faults, fault{node: node, began: time.Now()})
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.faults[at].over = time.Now()
	}
}

func (a *traffic) excused(node int, x exchange) bool {
	return slices.ContainsFunc(a.faults, func(f fault) bool {
		return f.node == node && x.ended.After(f.began) && (f.over.IsZero() || x.began.Before(f.over))
	})
}

// awaitMore waits until each of some nodes has answered so many more.
func (a *traffic) awaitMore(more int, nodes ...*node) {
	a.c.t.Helper()
	var from []int
	for _, n := range nodes {
		from = append(from, a.loads[a.c.number(n.id)].count())
	}
	for i, n := range nodes {
		n.await("more answers", patience, func() bool { return a.loads[a.c.number(n.id)].count() >= from[i]+more })
	}
}

// check ends the traffic; what failed and is not excused fails the test.
func (a *traffic) check(t testing.TB) {
	t.Helper()
	served, failed, excused := 0, 0, 0
	slowest := exchange{}
	took := func(x exchange) time.Duration { return x.ended.Sub(x.began).Round(time.Millisecond) }
	for i, l := range a.loads {
		l.end()
		served += len(l.served)
		for _, x := range l.served {
			if took(x) > took(slowest) {
				slowest = x
			}
		}
		for _, x := range l.failed {
			if a.excused(i, x) {
				excused++
				continue
			}
			if failed++; failed <= shownFailures {
				t.Errorf("asked at node %d at %s, failed %s later: %s", i, x.began.Format("15:04:05.000"), took(x), x.answer)
			}
		}
	}
	t.Logf("%d requests were answered, %d failed at nodes that were ill, %d failed; the slowest, asked at %s, took %s", served, excused, failed, slowest.began.Format("15:04:05"), took(slowest))
	if failed > 0 {
		t.Errorf("%d of %d requests failed", failed, served+failed+excused)
	}
}

// beats is a server of the test that a container calls for each firing of a
// cron, and that counts.
type beats struct {
	*httptest.Server
	count atomic.Int64
}

func newBeats(t testing.TB) *beats {
	t.Helper()
	b := new(beats)
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { b.count.Add(1) }))
	b.Listener.Close()
	b.Listener = listener
	b.Start()
	t.Cleanup(b.Close)
	return b
}

// path makes the program of the tests call the server, from inside a container
// on the engine's default network.
func (b *beats) path(t testing.TB, e *engine) string {
	t.Helper()
	_, port, err := net.SplitHostPort(b.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "/call?method=GET&base=http://" + net.JoinHostPort(e.gateway(t, "bridge").String(), port)
}

// firings gathers what an event source has fired, of which the database keeps
// the latest only.
type firings struct {
	c      *trio
	source string
	byDue  map[time.Time]cluster.Firing
	twice  []cluster.Firing

	outages []outage // of what firings need
}

// outage is a time in which something was away.
type outage struct{ began, over time.Time }

// excuse tells whether a due time may be missed, or fired in vain: nobody could
// claim it within the minute that it is given, or whoever did lost its way.
func (f *firings) excuse(due time.Time) bool {
	return slices.ContainsFunc(f.outages, func(o outage) bool {
		return due.After(o.began.Add(-patience/4)) && due.Before(o.over.Add(allowance))
	})
}

// stoppedBefore is what is told of a firing whose holder ended before its
// request did.
const stoppedBefore = "the daemon stopped before it had an answer"

func (f *firings) gather() {
	f.c.t.Helper()
	const newest = 100
	rows, err := f.c.store.LastFirings(f.c.t.Context(), f.source, newest)
	if err != nil {
		f.c.t.Fatal(err)
	}
	seen := map[time.Time]bool{}
	for _, row := range rows {
		if seen[row.Due] {
			f.twice = append(f.twice, row)
		}
		seen[row.Due] = true
		f.byDue[row.Due] = row
	}
}

// check compares what was claimed with what was due and with what the container
// got. A claim is fired at most once: what a holder has claimed is lost with it,
// and nothing else is, twice least of all.
func (f *firings) check(t testing.TB, every time.Duration, got int64, kills []time.Time) {
	t.Helper()
	f.gather()
	due := slices.SortedFunc(maps.Keys(f.byDue), time.Time.Compare)
	ended, open, away := int64(0), 0, 0
	for i, d := range due {
		row := f.byDue[d]
		switch {
		case row.Status == http.StatusOK:
			ended++
		case f.excuse(d):
		case wentAway(row, kills):
			away++
		case row.FinishedAt.IsZero() || row.FinishedAt.Unix() == 0 || row.Error == stoppedBefore:
			if open++; !slices.ContainsFunc(kills, func(at time.Time) bool { return !row.StartedAt.After(at.Add(time.Second)) }) {
				t.Errorf("a firing that no fault has met has no end: %+v", row)
			}
		default:
			t.Errorf("fired in vain: %+v", row)
		}
		if i > 0 && d.Sub(due[i-1]) != every && !(f.excuse(d) && d.Sub(due[i-1]) < *faultOutage) {
			t.Errorf("nothing was fired between %s and %s", due[i-1], d)
		}
	}
	if len(f.twice) > 0 {
		t.Errorf("fired twice: %+v", f.twice)
	}
	if got < ended || got > int64(len(due)) {
		t.Errorf("the container got %d requests of %d firings, %d of them with an answer", got, len(due), ended)
	}
	t.Logf("%d due times, each claimed once; %d requests came, %d firings were lost with a holder that had claimed them, %d on their way to a node that was lost",
		len(due), got, open, away)
}

// wentAway tells whether a firing was sent to a node that was lost with it: it
// is a POST, which is not sent twice. Nothing is sent there once it is known.
func wentAway(row cluster.Firing, lost []time.Time) bool {
	const known = 3 * time.Second // and the second that times are cut to
	return row.Reason == cluster.ReasonNodeLost && slices.ContainsFunc(lost, func(at time.Time) bool {
		return row.StartedAt.Before(at.Add(known)) && row.FinishedAt.After(at)
	})
}

// checkPlaced looks at all placements and containers: nothing is placed more
// often than it may be, or there twice.
func (c *trio) checkPlaced(most map[string]int) {
	c.t.Helper()
	changes, err := c.store.Changes(context.Background(), 0)
	if err != nil {
		c.t.Fatal(err)
	}
	rows, slots := map[string]int{}, map[string]string{}
	for id, p := range changes.Placements {
		rows[p.Component]++
		slot := p.Component + " " + strconv.Itoa(p.Slot)
		if slots[slot] != "" {
			c.t.Errorf("slot %s is taken by %s and %s", slot, slots[slot], id)
		}
		slots[slot] = id
	}
	for component, limit := range most {
		if rows[component] > limit {
			c.t.Errorf("%s has %d placements, at most %d are allowed", component, rows[component], limit)
		}
	}
	for id, n := range c.containersOfPlacements() {
		if n > 1 {
			c.t.Errorf("placement %s has %d containers", id, n)
		}
	}
}

// doze wakes a component at one node after another, and puts it to sleep again,
// until the test ends it.
func (c *trio) doze(t testing.TB, a *traffic, component, host string) (end func() int) {
	stop, wakes := make(chan struct{}), 0
	var work sync.WaitGroup
	work.Go(func() {
		for i := 0; ; i = (i + 1) % len(c.nodes) {
			began := time.Now()
			got := c.nodes[i].get(host, "/")
			x := exchange{began, time.Now(), got}
			a.mu.Lock()
			excused := a.excused(i, x)
			a.mu.Unlock()
			switch {
			case got.err == nil && got.status == http.StatusOK:
				wakes++
			case !excused:
				t.Errorf("a sleeper asked at node %d at %s, failed %s later: %s\n%s", i, began.Format("15:04:05.000"), x.ended.Sub(began).Round(time.Millisecond), got, c.told(component))
			}
			c.sleep(component, i)
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	return sync.OnceValue(func() int {
		close(stop)
		work.Wait()
		return wakes
	})
}

// told is what the nodes have said of a component lately.
func (c *trio) told(component string) string {
	const newest = 20
	var lines []string
	for i, n := range c.nodes {
		for line := range strings.Lines(n.log.String()) {
			if strings.Contains(line, component) {
				lines = append(lines, strings.TrimSpace(line)+" at="+strconv.Itoa(i))
			}
		}
	}
	slices.Sort(lines) // each begins with its time
	return strings.Join(lines[max(0, len(lines)-newest):], "\n")
}

// sleep puts a component to sleep by a node, which may be dead.
func (c *trio) sleep(component string, node int) {
	file, err := rpc.ReadClientFile(c.nodes[node].dir)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, _ = rpc.NewClient(file.URL, file.Token, nil).Sleep(ctx, rpc.SleepRequest{Name: component}) // or else the next time
}

// quantiles describes durations.
func quantiles(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	sorted := slices.SortedFunc(slices.Values(all), cmp.Compare)
	at := func(q float64) time.Duration {
		return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))].Round(time.Millisecond)
	}
	return fmt.Sprintf("p50 %s, p99 %s, at most %s, of %d", at(0.5), at(0.99), sorted[len(sorted)-1].Round(time.Millisecond), len(sorted))
}
