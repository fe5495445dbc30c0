package main

import (
	"strings"
	"testing"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

func TestAnUpdateUnderLoadFailsNoRequest(t *testing.T) {
	t.Parallel()
	for _, order := range []struct {
		name  string
		lines []string
		most  int // containers at once
	}{
		{"startstop", []string{"restartorder: startstop", "maxconcurrency: 10"}, 2},
		{"stopstart", []string{"restartorder: stopstart", "maxconcurrency: 10", "maxinstances: 1"}, 1},
	} {
		t.Run(order.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			seen := n.engine.watch(t, n.id)
			component := "update_" + order.name
			version := func(number string) web {
				return web{name: order.name, image: drivertest.BuildImage(t), lines: append([]string{environment("NUMBER=" + number)}, order.lines...)}
			}
			w := version("one")
			n.apply(projectOf("update", w))
			n.mustGet(w.host(), "/")
			first := n.engine.only(t, n.id)
			traffic := n.steady(t, 3, w.host(), "/env?ms=10")
			n.await("steady requests", patience, func() bool { return traffic.count() > 20 })

			n.apply(projectOf("update", version("two")))
			n.awaitOther(first.ID)
			second := n.engine.only(t, n.id)
			if _, err := n.client().Restart(t.Context(), rpc.RestartRequest{Names: []string{component}}); err != nil {
				t.Fatal(err)
			}
			n.awaitOther(second.ID)
			settled := time.Now()
			n.await("requests after the restart", patience, func() bool { _, ok := traffic.firstSince(settled); return ok })
			traffic.end()

			for _, a := range traffic.failures() {
				t.Errorf("failed: %s", a)
			}
			if traffic.refused > 0 {
				t.Errorf("%d connections were refused", traffic.refused)
			}
			versions := traffic.versions()
			t.Logf("%d requests, versions in order of answers: %v", traffic.count(), versions)
			// Both may serve while the new container takes over.
			if versions[0] != "one" || versions[len(versions)-1] != "two" {
				t.Errorf("answered by %v in turn, want one first, two in the end", versions)
			}
			if seen.starts("") != 3 || seen.most("") > order.most {
				t.Errorf("%d starts, %d containers at once; want 3 and at most %d", seen.starts(""), seen.most(""), order.most)
			}
			if c := n.component(component); c.Version != 3 {
				t.Errorf("version %d, want 3: put, changed, restarted", c.Version)
			}
		})
	}
}

// awaitOther waits until exactly one container is left, and it is another one.
func (n *node) awaitOther(than string) {
	n.t.Helper()
	n.await("another container alone", patience, func() bool {
		list := n.engine.containers(n.t, n.id)
		return len(list) == 1 && list[0].ID != than && list[0].State == "running"
	})
	n.await("its instance ready", patience, func() bool {
		list := n.ps("")
		return len(list) == 1 && list[0].State == "ready"
	})
}

// versions are the values of NUMBER that the answers of /env tell, in their
// order, without repetitions.
func (l *load) versions() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []string
	for _, s := range l.served {
		_, rest, _ := strings.Cut(s.body, "NUMBER=")
		version, _, _ := strings.Cut(rest, `"`)
		if len(list) == 0 || list[len(list)-1] != version {
			list = append(list, version)
		}
	}
	return list
}
