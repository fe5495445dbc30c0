package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/fake"
)

// What is stopped as soon as it has made its volume, and asked for elsewhere as
// soon as it is gone, is started where that volume is.
func TestAVolumeIsKnownBeforeWhatMadeItIsGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, 0, func(string) map[string]fake.Image {
			return map[string]fake.Image{"web": {Handler: okHandler}}
		})
		defer f.close()
		f.begun(cluster.RolePlacement)
		const components = 12
		var text strings.Builder
		text.WriteString("name: shop\ncomponents:\n")
		for i := range components {
			fmt.Fprintf(&text, "  c%[1]d:\n    image: web\n    reservememory: 16\n    volumes: [{type: volume, source: v%[1]d, target: /data}]\n"+
				"    eventsources: {c%[1]d-http: {http: {hostname: c%[1]d.test}}}\n", i)
		}
		f.nodes[0].apply(text.String())
		wait(5 * time.Second)
		for i := range components {
			wait(time.Duration(i) * 23 * time.Millisecond) // after nodes have looked what they have
			name, host := fmt.Sprintf("shop_c%d", i), fmt.Sprintf("c%d.test", i)
			here, there := f.nodes[i%2], f.nodes[1-i%2]
			ask(t, here, host)
			home := f.placedOn(name)
			if _, err := here.client().Sleep(t.Context(), rpc.SleepRequest{Name: name}); err != nil {
				t.Fatal(err)
			}
			for range 1000 {
				if f.placedOn(name) == "" {
					break
				}
				wait(time.Millisecond)
			}
			ask(t, there, host)
			if now := f.placedOn(name); now != home {
				t.Errorf("%s has its volume on %s, and is started on %q", name, home, now)
			}
		}
	})
}

func ask(t *testing.T, n *fleetNode, host string) {
	t.Helper()
	if answer, err := n.request(host); err != nil || answer.status != http.StatusOK {
		t.Fatalf("%s answers %d, %v", n.id, answer.status, err)
	}
}

// placedOn is where a component has a row; empty: nowhere.
func (f *fleet) placedOn(component string) string {
	rows, _ := f.look().ByComponent.Get(component)
	for _, pl := range rows {
		return pl.Node
	}
	return ""
}
