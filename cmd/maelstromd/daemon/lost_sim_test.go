package daemon

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/fake"
)

// While no node hears another, and all reach the database, the role placement
// goes from one to the next. Whoever takes it marks nobody lost, neither who had
// it nor who heard that one: each goes on serving what it has.
func TestNobodyIsLostAsTheRoleMoves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 3, 0, func(string) map[string]fake.Image {
			return map[string]fake.Image{"web": {Handler: okHandler}}
		})
		defer f.close()
		holder := f.begun(cluster.RolePlacement)
		holder.apply("name: shop\ncomponents:\n  web:\n    image: web\n    mininstances: 3\n    maxinstancespernode: 1\n    reservememory: 64\n" +
			"    eventsources: {web-http: {http: {hostname: web.test}}}\n")
		for phase := range 5 { // of when nodes look, and when the role moves
			wait(20*time.Second + time.Duration(phase)*230*time.Millisecond)
			f.cutAll()
			moved := false
			for range 20 {
				wait(time.Second)
				f.serveAlone(t, "web.test")
				_, holds := holder.live().keeper.Hold(cluster.RolePlacement)
				moved = moved || !holds
			}
			if !moved {
				t.Error("the role has not moved")
			}
			f.fabric.heal()
			wait(10 * time.Second)
			for _, n := range f.nodes {
				if _, holds := n.live().keeper.Hold(cluster.RolePlacement); holds {
					holder = n
				}
			}
		}
	})
}

// cutAll has no node hear another.
func (f *fleet) cutAll() {
	f.fabric.change(func() {
		for _, a := range f.nodes {
			for _, b := range f.nodes {
				f.fabric.cut[way{a.host, b.host}] = a != b
			}
		}
	})
}

// serveAlone fails unless no node is lost and each answers soon.
func (f *fleet) serveAlone(t *testing.T, host string) {
	t.Helper()
	for id, n := range f.look().Nodes.All() {
		if n.Lost {
			t.Fatalf("%s is marked lost", id)
		}
	}
	for _, n := range f.nodes {
		began := time.Now()
		answer, err := n.request(host)
		if took := time.Since(began); err != nil || answer.status != http.StatusOK || took > 5*time.Second {
			t.Fatalf("%s answers %d, %v after %v", n.id, answer.status, err, took)
		}
	}
}
