package main

import (
	"flag"
	"net/http"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// brokenVersion is a version of a component that can't take the place of the
// one before.
type brokenVersion struct {
	name   string
	web    web
	reason cluster.Reason
	words  string // in the message of the roll-out
}

// brokenVersions are versions that can't serve. Each would answer as release
// "broken", if it were asked.
func brokenVersions(t testing.TB, lines ...string) []brokenVersion {
	of := func(image string, vars ...string) web {
		w := web{name: "web", image: image, lines: []string{
			environment(append([]string{"RELEASE=broken"}, vars...)...), "reservememory: 16", "httpstarthealthcheckseconds: 2", "maxconcurrency: 20",
		}}
		w.lines = append(w.lines, lines...)
		return w
	}
	image := drivertest.BuildImage(t)
	return []brokenVersion{
		{"exits", of(image, "EXIT_CODE=3"), cluster.ReasonExited, "exited with code 3"},
		{"listens late", of(image, "BOOT_MS=60000"), cluster.ReasonNeverListened, "after 2s"},
		{"answers 500", of(image, "STATUS=500"), cluster.ReasonUnhealthy, "answered 500"},
		{"is for another processor", of(drivertest.BuildForeignImage(t)), cluster.ReasonExited, "not one for this node"},
	}
}

const brokenRate = 50

var rolloutAll = flag.Bool("rollout.all", false, "try every broken version beside the one before, three times each")

// good is a version of the same component that works.
func good(t testing.TB, name string, lines ...string) web {
	return release(t, name, append([]string{"httpstarthealthcheckseconds: 10"}, lines...)...)
}

// refuseVersion applies a version that is broken and waits until it is given
// up, and why it was.
func (n *node) refuseVersion(b brokenVersion) rpc.Rollout {
	n.t.Helper()
	n.apply(projectOf("steady", b.web))
	n.await("the end of a version that "+b.name, steadyPatience, func() bool {
		return n.component("steady_web").Rollout.State == rpc.RolloutFailed
	})
	got := n.component("steady_web").Rollout
	if got.Reason != b.reason || !strings.Contains(got.Message, b.words) || got.RetryAt != nil || got.Runs >= got.Version {
		n.t.Errorf("%s: %+v", b.name, got)
	}
	return got
}

// A version that is broken takes no request, whether it is tried beside the
// version before or in its place. Requests wait where they have to, and none
// fails.
func TestABrokenVersionTakesNoRequest(t *testing.T) {
	t.Parallel()
	for _, way := range []struct {
		name  string
		lines []string
	}{
		{"beside", []string{"restartorder: startstop", "maxinstances: 2"}},
		{"in its place", []string{"maxinstances: 1"}},
	} {
		t.Run(way.name, func(t *testing.T) {
			n := newNode(t)
			w := good(t, "good", way.lines...)
			n.apply(projectOf("steady", w))
			n.mustGet(w.host(), "/")
			load := n.arrive(t, brokenRate, w.host())
			load.awaitMore(n, brokenRate)
			versions := brokenVersions(t, way.lines...)
			if way.name == "beside" && !*rolloutAll {
				versions = versions[2:3] // each is started three times
			}
			for _, b := range versions {
				n.refuseVersion(b)
				load.awaitMore(n, brokenRate)
			}
			last := good(t, "last", way.lines...)
			n.deploy(last)
			n.await("answers of the version that works", steadyPatience, func() bool { return load.of("last") >= brokenRate })
			load.checkAll(t)
			if load.of("broken") > 0 || load.of("good")+load.of("last") != load.count() {
				t.Errorf("answers by release: %v", load.releases)
			}
		})
	}
}

// Where a component sleeps, a broken version is found out by one start, and the
// version before serves who asks next. A restart tries it once more.
func TestABrokenVersionOfWhatSleeps(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	w := good(t, "good", "maxinstances: 1")
	n.deployAsleep(w)
	for _, b := range brokenVersions(t, "maxinstances: 1") {
		starts, created := seen.starts(""), len(seen.of("create", ""))
		failed := n.refuseVersion(b)
		if more, made := seen.starts("")-starts, len(seen.of("create", ""))-created; more > 1 || made != 1 {
			t.Errorf("%s: %d containers were made and %d started to prove it, want one", b.name, made, more)
		}
		n.awaitState("steady_web", rpc.ComponentAsleep)
		if got := n.mustGet(w.host(), "/"); got.header.Get("Release") != "good" {
			t.Errorf("%s: answered by %q", b.name, got.header.Get("Release"))
		}
		if _, err := n.client().Restart(t.Context(), rpc.RestartRequest{Names: []string{"steady_web"}}); err != nil {
			t.Fatal(err)
		}
		n.await("another failure, of the same", steadyPatience, func() bool {
			again := n.component("steady_web").Rollout
			return again.State == rpc.RolloutFailed && again.Version > failed.Version
		})
		if got := n.mustGet(w.host(), "/"); got.header.Get("Release") != "good" {
			t.Errorf("%s, restarted: answered by %q", b.name, got.header.Get("Release"))
		}
		n.sendToSleep()
	}
}

// deployAsleep applies a first version, proves it by a request and sends it to sleep.
func (n *node) deployAsleep(w web) {
	n.t.Helper()
	n.apply(projectOf("steady", w))
	n.mustGet(w.host(), "/")
	n.sendToSleep()
}

func (n *node) sendToSleep() {
	n.t.Helper()
	if _, err := n.client().Sleep(n.t.Context(), rpc.SleepRequest{Name: "steady_web"}); err != nil {
		n.t.Fatal(err)
	}
	n.awaitState("steady_web", rpc.ComponentAsleep)
	n.await("no container", patience, func() bool { return len(n.engine.containers(n.t, n.id)) == 0 })
}

// There is nothing that could serve in place of a first version: who asks is
// told why, until another is applied.
func TestABrokenFirstVersion(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	b := brokenVersions(t, "maxinstances: 1")[0]
	n.apply(projectOf("steady", b.web))
	checkRefusal(t, b.name, n.get(b.web.host(), "/"), b.reason)
	if r := n.component("steady_web").Rollout; r.Kept != 0 || r.Proven != 0 {
		t.Errorf("%+v", r)
	}
	n.deployFirst(good(t, "good", "maxinstances: 1"))
}

func (n *node) deployFirst(w web) {
	n.t.Helper()
	n.apply(projectOf("steady", w))
	n.await("the version that works", patience, func() bool {
		got := n.get(w.host(), "/")
		return got.status == http.StatusOK && got.header.Get("Release") == "good"
	})
}
