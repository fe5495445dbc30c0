package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"maelstrom/cluster"
)

func foreign(t *testing.T, err error) []cluster.Claim {
	t.Helper()
	var c *conflicts
	if !errors.As(err, &c) {
		t.Fatalf("error %v, want conflicts", err)
	}
	return c.claims
}

func TestNamesAndRoutesHaveOneOwner(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("a", component("a", "web", "image"), route("a", "a_r", "web", "host")))
		_, err := s.ApplyProject(t.Context(), request(projectOf("b", component("b", "web", "image"),
			route("b", "b_r", "web", "host"), route("b", "a_r", "web", "other"))))
		claims := foreign(t, err)
		want := []cluster.Claim{
			{Kind: cluster.ClaimComponent, Key: "web", Owner: "a", Object: "web", Project: "b"},
			{Kind: cluster.ClaimEventSource, Key: "a_r", Owner: "a", Object: "a_r", Project: "b"},
			{Kind: cluster.ClaimRoute, Key: "host ", Owner: "a", Object: "a_r", Project: "b"},
		}
		if len(claims) != len(want) {
			t.Fatalf("claims %+v", claims)
		}
		for i, c := range claims {
			if c.Since.IsZero() {
				t.Errorf("claim %+v has no time", c)
			}
			want[i].Since = c.Since
			if c != want[i] {
				t.Errorf("claim %+v, want %+v", c, want[i])
			}
		}
	})
}

func TestDisabledRouteKeepsItsClaim(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("a", component("a", "a_c", "image"), route("a", "a_r", "a_c", "host")))
		_, err := s.SetEventSourcesEnabled(t.Context(), []string{"a_r"}, false)
		must(t, err)
		_, err = s.ApplyProject(t.Context(), request(projectOf("b", component("b", "b_c", "image"), route("b", "b_r", "b_c", "host"))))
		foreign(t, err)
	})
}

func TestClaimsFollowTheirRoutes(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		web := component("a", "a_c", "image")
		since := func(host string) cluster.Claim {
			_, err := s.ApplyProject(t.Context(), request(projectOf("b", component("b", "b_c", "image"), route("b", "b_r", "b_c", host))))
			return foreign(t, err)[0]
		}
		apply1(t, s, projectOf("a", web, route("a", "one", "a_c", "host1"), route("a", "two", "a_c", "host2")))
		first := since("host1")
		// Two routes change places: both keep the time of their claim.
		apply1(t, s, projectOf("a", web, route("a", "one", "a_c", "host2"), route("a", "two", "a_c", "host1")))
		if moved := since("host1"); moved.Object != "two" || moved.Since != first.Since {
			t.Fatalf("first %+v, moved %+v", first, moved)
		}
		// So does one that another event source takes over.
		apply1(t, s, projectOf("a", web, route("a", "three", "a_c", "host1")))
		if moved := since("host1"); moved.Object != "three" || moved.Since != first.Since {
			t.Fatalf("first %+v, moved %+v", first, moved)
		}
		// What was given up is free, also when the event source stays.
		apply1(t, s, projectOf("a", web, route("a", "three", "a_c", "host3")))
		apply1(t, s, projectOf("b", component("b", "b_c", "image"), route("b", "b_r", "b_c", "host1")))
		apply1(t, s, projectOf("a", web, cron("a", "three", "a_c", "@daily")))
		apply1(t, s, projectOf("b", component("b", "b_c", "image"), route("b", "b_r", "b_c", "host3")))
	})
}

func TestLongRoutesAreTold(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		long := route("a", "a_r", "a_c", "host")
		long.HTTP.PathPrefix = "/" + strings.Repeat("x", 3000)
		longer := route("b", "b_r", "b_c", "host")
		longer.HTTP.PathPrefix = long.HTTP.PathPrefix + "y"
		apply1(t, s, projectOf("a", component("a", "a_c", "image"), long))
		apply1(t, s, projectOf("b", component("b", "b_c", "image"), longer))
		same := route("c", "c_r", "c_c", "host")
		same.HTTP.PathPrefix = long.HTTP.PathPrefix
		_, err := s.ApplyProject(t.Context(), request(projectOf("c", component("c", "c_c", "image"), same)))
		if claims := foreign(t, err); claims[0].Key != "host "+long.HTTP.PathPrefix || claims[0].Owner != "a" {
			t.Fatalf("claims %+v", claims)
		}
	})
}

func TestOneOfManyWinsARoute(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 6 {
			store := d.open(t)
			wg.Go(func() {
				owner := fmt.Sprintf("p%d", i)
				p := projectOf(owner, component(owner, owner+"_c", "image"), component(owner, "shared", "image"),
					route(owner, owner+"_r", owner+"_c", "host"))
				_, err := store.ApplyProject(t.Context(), request(p))
				var lost *conflicts
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case !errors.As(err, &lost):
					t.Errorf("%s: %v", owner, err)
				case len(lost.claims) != 2:
					t.Errorf("%s: told of %+v", owner, lost.claims)
				}
			})
		}
		wg.Wait()
		if cs := all(t, s); won != 1 || len(cs.Projects) != 1 || len(cs.Components) != 2 {
			t.Fatalf("%d won, %d projects, %d components", won, len(cs.Projects), len(cs.Components))
		}
	})
}
