package main

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/events"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

var (
	steadyRate     = flag.Int("steady.rate", 100, "requests a second")
	steadyDeploys  = flag.Int("steady.deploys", 3, "deploys with each restartorder under steady requests")
	steadySleeps   = flag.Int("steady.sleeps", 3, "how often a component is put to sleep under steady requests")
	steadyRestarts = flag.Int("steady.restarts", 2, "how often a daemon is restarted, and upgraded, under steady requests")
	steadyKills    = flag.Int("steady.kills", 2, "how often a container is killed under steady requests")
)

// steadyPatience is patience for what a busy machine does several times in a row.
const steadyPatience = 3 * time.Minute

// slotsOf is the maxconcurrency of the component that gets the requests.
const slotsOf = 50

// release is a version of the component that gets the requests; its answers
// say which.
func release(t testing.TB, name string, lines ...string) web {
	lines = append([]string{environment("RELEASE=" + name), "maxconcurrency: " + strconv.Itoa(slotsOf), "reservememory: 16"}, lines...)
	return web{name: "web", image: drivertest.BuildImage(t), lines: lines}
}

// deploy applies a version and waits until it has taken over, all the same how
// long that takes.
func (n *node) deploy(w web) {
	n.t.Helper()
	n.apply(projectOf("steady", w))
	n.await("the roll-out of "+w.lines[0], steadyPatience, func() bool { return n.component("steady_web").Rollout.State == rpc.RolloutDone })
}

// underArrivals starts a component and its load.
func underArrivals(t *testing.T, n *node, lines ...string) *arrivals {
	w := release(t, "first", lines...)
	n.apply(projectOf("steady", w))
	n.mustGet(w.host(), "/")
	load := n.arrive(t, *steadyRate, w.host())
	load.awaitMore(n, *steadyRate)
	return load
}

// Whatever the order and however the instances start, no deploy fails a request.
func TestSteadyRequestsAcrossDeploys(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"startstop", "stopstart"} {
		t.Run(order, func(t *testing.T) {
			n := newNode(t)
			load := underArrivals(t, n, "restartorder: "+order, "mininstances: 2")
			for i := range *steadyDeploys {
				name := fmt.Sprint(order, "-", i)
				parallelism := []string{"parallel", "series", "seriesfirst"}[i%3]
				most := 1 + i%3 // one: the old instance leaves before the new one starts
				n.deploy(release(t, name, "restartorder: "+order, "startparallelism: "+parallelism,
					"mininstances: "+strconv.Itoa(most), "maxinstances: "+strconv.Itoa(most*most)))
				n.await("answers of "+name, steadyPatience, func() bool { return load.of(name) >= *steadyRate/2 })
			}
			load.checkAll(t)
		})
	}
}

// A component that is put to sleep while it is asked goes on, or wakes up
// again, and nobody notices. That it does sleep takes a moment without requests:
// they begin again when its container is told to stop, is dead, or is gone.
func TestSteadyRequestsAcrossSleeps(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	load := underArrivals(t, n, "maxinstances: 4")
	sleep := func() {
		if _, err := n.client().Sleep(t.Context(), rpc.SleepRequest{Name: "steady_web"}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range *steadySleeps {
		sleep()
		load.awaitMore(n, 10)
		begin := []events.Action{events.ActionKill, events.ActionDie, events.ActionDestroy}[i%3]
		starts, before := seen.starts(""), len(seen.of(begin, ""))
		load.hush(n)
		sleep()
		n.await("the event "+string(begin), steadyPatience, func() bool { return len(seen.of(begin, "")) > before })
		load.silent.Store(false)
		load.awaitMore(n, *steadyRate/2)
		if seen.starts("") == starts {
			t.Error("no container was started: it did not sleep")
		}
	}
	load.checkAll(t)
}

// A daemon that ends tells clients by HTTP/2 which requests it has not taken:
// those, and no others, go to the next.
func TestSteadyRequestsAcrossRestarts(t *testing.T) {
	t.Parallel()
	n := prepareNode(t)
	n.supervise("maelstromd.socket:maelstromd.socket:maelstromd.socket",
		n.publicAddress(), n.privateAddress(), "[::1]:"+strconv.Itoa(n.private))
	n.start()
	load := underArrivals(t, n, "maxinstances: 1")
	container := n.engine.only(t, n.id).ID
	for range *steadyRestarts {
		n.signal(syscall.SIGTERM)
		if code := n.awaitExit(); code != 0 {
			t.Fatalf("exit code %d\n%s", code, n.log.tail(20))
		}
		n.start()
		load.awaitMore(n, *steadyRate/2)
	}
	for range *steadyRestarts {
		served := n.log.count("msg=serving ")
		n.signal(syscall.SIGUSR2)
		n.await("another daemon in the same process", steadyPatience, func() bool { return n.log.count("msg=serving ") == served+1 })
		load.awaitMore(n, *steadyRate/2)
	}
	load.check(t, nil)
	if now := n.engine.only(t, n.id); now.ID != container {
		t.Errorf("container %s became %s", container, now.ID)
	}
}

// Of a container that is killed the requests in flight are lost, and no other,
// be it the only one or one of two. It is killed once a version: what crashes
// again and again is waited for, and refused meanwhile.
func TestSteadyRequestsAcrossKills(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	load := underArrivals(t, n, "maxinstances: 4")
	kills := map[string]kill{} // by container
	for round := range *steadyKills {
		name, instances := fmt.Sprint("kill-", round), strconv.Itoa(1+round%2)
		n.deploy(release(t, name, "mininstances: "+instances, "maxinstances: "+instances))
		load.awaitMore(n, *steadyRate) // those that had to wait
		running, starts := n.running(), seen.starts("")
		asked := time.Now()
		if err := n.engine.ContainerKill(context.Background(), running, "KILL"); err != nil {
			t.Fatal(err)
		}
		kills[running] = kill{asked, time.Now()}
		n.await("a container in its place", steadyPatience, func() bool { return seen.starts("") > starts })
		load.awaitMore(n, *steadyRate/2)
	}
	load.check(t, func(f failedRequest) bool { return lostIn(f, kills, seen.of(events.ActionDie, "")) })
	if lost := len(load.failed); lost > slotsOf*(*steadyKills) {
		t.Errorf("%d requests were lost with %d containers that have %d at a time", lost, *steadyKills, slotsOf)
	}
}

// running is the container of the first ready instance.
func (n *node) running() string {
	for _, i := range n.ps("steady_web") {
		if i.State == "ready" {
			return i.ContainerID
		}
	}
	return ""
}

// kill is when a container was killed: the engine was asked to, and it was dead.
type kill struct{ asked, done time.Time }

// lostIn tells whether a request was broken off because its container was
// killed: it arrived before the end, and failed after the kill. The engine tells
// of the end by an event, which it drops where nobody reads in time: then it was
// before the kill's answer.
func lostIn(f failedRequest, kills map[string]kill, deaths []events.Message) bool {
	for container, k := range kills {
		end := k.done
		for _, death := range deaths {
			if death.Actor.ID == container {
				end = at(death)
			}
		}
		if f.status == 502 && f.reason == "exited" && f.began.Before(end) && f.ended.After(k.asked) {
			return true
		}
	}
	return false
}
