package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

var (
	autoscaleCrowd = flag.Int("autoscale.crowd", 40, "clients at a time to which the load of a component grows")
	autoscaleLong  = flag.Duration("autoscale.long", 0, "how long long requests take; 0: until all that wait have an instance")
	autoscaleWaves = flag.Int("autoscale.waves", 2, "square waves of load")
	autoscaleHalf  = flag.Duration("autoscale.half", time.Second, "half of a square wave")
	autoscaleDown  = flag.Bool("autoscale.down", false, "also wait until a smaller load has let instances go, which takes minutes")
)

// overshoot is how many more instances there may be than a load takes.
const overshoot = 0.2

// One daemon has components whose loads grow at the same time. As many
// instances as each load takes are started while it lasts, hardly more, no
// request fails, and then everything goes to sleep.
func TestCapacityFollowsLoad(t *testing.T) {
	t.Parallel()
	n := newNode(t, "MAEL_TOTAL_MEMORY=65536")
	image := drivertest.BuildImage(t)
	most := *autoscaleCrowd
	shares := func(clients int) int { return max(1, clients/6) } // so that a crowd takes eight instances
	cases := []grown{
		{name: "step", concurrency: shares(most), highest: most, path: "/?ms=200", load: (*crowdTest).step},
		{name: "ramp", concurrency: shares(most), highest: most, path: "/?ms=200", load: (*crowdTest).ramp},
		{name: "square", concurrency: shares(most), highest: most, path: "/?ms=100", load: (*crowdTest).square},
		{name: "long", concurrency: 1, highest: max(8, most/4), load: (*crowdTest).long},
		{name: "cpu", concurrency: 2, highest: 8, path: "/?cpu=100", load: (*crowdTest).step},
	}
	var all []web
	for _, c := range cases {
		all = append(all, c.web(image))
	}
	n.apply(projectOf("grow", all...))
	seen := n.engine.watch(t, n.id)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			load := &crowd{load: newLoad(t), node: n, host: c.web(image).host(), path: c.path}
			(&crowdTest{grown: c, t: t, node: n, seen: seen, crowd: load}).run()
		})
	}
}

// grown is a component and the highest load that it gets.
type grown struct {
	name        string
	concurrency int
	highest     int // requests at a time
	path        string
	load        func(*crowdTest)
}

func (g grown) web(image string) web {
	return web{name: g.name, image: image, lines: []string{
		"reservememory: 16", "idletimeoutseconds: 2", "maxconcurrency: " + strconv.Itoa(g.concurrency),
	}}
}

// enough is how many instances have a slot for each request.
func (g grown) enough() int { return (g.highest + g.concurrency - 1) / g.concurrency }

// takes is how many instances the load takes with room to grow. One request
// never takes more than one.
func (g grown) takes() int {
	const up = 0.75 // scaleupconcurrencypct
	return int(math.Ceil(float64(g.highest) / max(1, up*float64(g.concurrency))))
}

// crowdTest is a component whose load a test makes.
type crowdTest struct {
	grown
	t      *testing.T
	node   *node
	seen   *history
	crowd  *crowd
	signal time.Time // when the load grew
	downs  bool      // it was seen to go down
}

func (c *crowdTest) component() string { return "grow_" + c.name }

func (c *crowdTest) run() {
	c.node.mustGet(c.crowd.host, "/")
	c.load(c)
	c.report()
	c.crowd.set(0)
	c.crowd.all.Wait()
	c.check()
	c.await("no container", func() bool { return c.running() == 0 })
}

// step lets a load grow at once and waits until all of it has a slot.
func (c *crowdTest) step() {
	c.crowd.set(1)
	c.crowd.awaitMore(3)
	c.grow()
	c.crowd.set(c.highest)
	c.awaitEnough()
	if *autoscaleDown {
		c.goesDown()
	}
}

// ramp lets a load grow by one client after another.
func (c *crowdTest) ramp() {
	c.grow()
	for k := range c.highest {
		c.crowd.set(k + 1)
		c.crowd.awaitMore(2)
	}
	c.awaitEnough()
}

// square lets a load come and go.
func (c *crowdTest) square() {
	c.grow()
	for range *autoscaleWaves {
		c.crowd.set(c.highest)
		wait(*autoscaleHalf)
		c.crowd.set(1)
		wait(*autoscaleHalf)
	}
	c.crowd.set(c.highest)
	c.awaitEnough()
}

// long has requests that nobody answers before each has an instance, or that
// take long.
func (c *crowdTest) long() {
	c.grow()
	var all sync.WaitGroup
	end := make(chan struct{})
	for range c.highest {
		all.Go(func() {
			began := time.Now()
			c.crowd.note(began, do(c.node.request(c.t.Context(), http.MethodPost, c.crowd.host, "/upload", heldBody(end))))
		})
	}
	c.awaitEnough()
	c.await("each in an instance", func() bool {
		busy := 0
		for _, i := range c.node.ps(c.component()) {
			busy += i.InFlight
		}
		return busy == c.highest
	})
	if answered := c.crowd.count(); answered > 0 {
		c.t.Errorf("%d requests were answered before", answered)
	}
	wait(*autoscaleLong)
	close(end)
	all.Wait()
}

// heldBody is a body that goes on until it is closed, so slowly that it takes
// nothing, but not so that it is taken for a client that is gone.
type heldBody chan struct{}

func (b heldBody) Read(p []byte) (int, error) {
	select {
	case <-b:
		return 0, io.EOF
	case <-time.After(time.Second):
		return copy(p, "."), nil
	}
}

// goesDown leaves one client and waits until one instance is left.
func (c *crowdTest) goesDown() {
	c.crowd.set(1)
	c.downs = true
	began := time.Now()
	c.node.await("one instance for one client", 10*time.Minute, func() bool { return c.running() == 1 })
	var gone []string
	for _, m := range c.seen.of(events.ActionDie, c.component()) {
		gone = append(gone, at(m).Sub(began).Round(time.Second).String())
	}
	c.t.Logf("%s: went down within %s: %s", c.name, time.Since(began).Round(time.Second), strings.Join(gone, " "))
}

// grow notes that the load grows now.
func (c *crowdTest) grow() { c.signal = time.Now() }

func (c *crowdTest) await(what string, done func() bool) {
	c.t.Helper()
	if !holdsWithin(2*patience, done) {
		c.t.Fatalf("%s: not seen: %s\n%s", c.component(), what, c.node.describe())
	}
}

func (c *crowdTest) awaitEnough() {
	c.t.Helper()
	c.await(fmt.Sprintf("%d instances for %d requests", c.enough(), c.highest), func() bool {
		ready := 0
		for _, i := range c.node.ps(c.component()) {
			if i.State == "ready" {
				ready++
			}
		}
		return ready >= c.enough()
	})
}

func (c *crowdTest) running() int {
	return c.seen.starts(c.component()) - len(c.seen.of(events.ActionDie, c.component()))
}

// report tells when more instances were decided on, asked of the engine, which
// takes some at a time, and ran.
func (c *crowdTest) report() {
	since := func(action events.Action) (text []string) {
		for _, m := range c.seen.of(action, c.component()) {
			if after := at(m).Sub(c.signal); after > 0 {
				text = append(text, fmt.Sprint(after.Milliseconds()))
			}
		}
		return text
	}
	c.t.Logf("%s: %d at a time, %d for each instance: decided on %v, asked the engine after %v ms, started after %v ms", c.name, c.highest, c.concurrency,
		c.decided(), since(events.ActionCreate), since(events.ActionStart))
}

// decided tells how many there were to be after how long.
func (c *crowdTest) decided() (text []string) {
	list, err := c.node.client().ListEvents(c.t.Context(), rpc.ListEventsRequest{Kinds: []cluster.EventKind{cluster.EventScaled}, Component: c.component()})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range list.Events {
		var change cluster.ScaleChange
		if err := json.Unmarshal(e.Details, &change); err != nil {
			c.t.Fatal(err)
		}
		if after := change.At.Sub(c.signal); change.To > change.From && after > 0 {
			text = append(text, fmt.Sprintf("%d after %d ms", change.To, after.Milliseconds()))
		}
	}
	return text
}

func (c *crowdTest) check() {
	for i, x := range c.crowd.failures() {
		if i < shownFailures {
			c.t.Errorf("%s: asked at %s, failed %s later: %s", c.name, x.began.Format("15:04:05.000"), x.ended.Sub(x.began).Round(time.Millisecond), x.answer)
		}
	}
	if c.crowd.refused > 0 || c.crowd.count() == 0 {
		c.t.Errorf("%s: %d answers, %d connections refused", c.name, c.crowd.count(), c.crowd.refused)
	}
	starts, most := c.seen.starts(c.component()), c.seen.most(c.component())
	c.t.Logf("%s: %d answers, %d starts, %d instances at a time; the load takes %d", c.name, c.crowd.count(), starts, most, c.takes())
	if bound := int(float64(c.takes()) * (1 + overshoot)); most > bound {
		c.t.Errorf("%s: %d instances at a time, %d would do", c.name, most, c.takes())
	}
	if starts > most && !c.downs {
		c.t.Errorf("%s: %d starts for %d instances: some were stopped too soon", c.name, starts, most)
	}
}

// crowd is so many clients at a time, each with one request after another.
type crowd struct {
	*load
	node       *node
	host, path string
	leave      []chan struct{}
}

// set makes it so many clients. One that leaves waits for its answer.
func (c *crowd) set(clients int) {
	for len(c.leave) > clients {
		last := len(c.leave) - 1
		close(c.leave[last])
		c.leave = slices.Delete(c.leave, last, last+1)
	}
	for len(c.leave) < clients {
		leave := make(chan struct{})
		c.leave = append(c.leave, leave)
		c.all.Go(func() {
			for {
				select {
				case <-leave:
					return
				case <-c.stop:
					return
				default:
				}
				began := time.Now()
				c.note(began, c.node.get(c.host, c.path))
			}
		})
	}
}

// awaitMore waits until so many more were answered.
func (c *crowd) awaitMore(more int) {
	from := c.count()
	c.node.await("more answers", patience, func() bool { return c.count() >= from+more })
}

// wait lets a load be as it is for a while.
func wait(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}
