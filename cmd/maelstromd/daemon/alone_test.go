package daemon

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster/store/storesim"
	"maelstrom/runtime/fake"
)

// What a node starts without the database fits into its memory, also where all
// of it is asked for at one moment.
func TestWhatIsStartedAloneFitsTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, 0, func(string) map[string]fake.Image {
			return map[string]fake.Image{"web": {StartDelay: time.Second, Handler: okHandler}}
		})
		defer f.close()
		n := f.nodes[0]
		n.begin()
		for n.live() == nil {
			wait(100 * time.Millisecond)
		}
		const many, fit = 12, 4
		var text strings.Builder
		text.WriteString("name: shop\ncomponents:\n")
		for i := range many {
			fmt.Fprintf(&text, "  c%[1]d:\n    image: web\n    reservememory: %[2]d\n    eventsources: {c%[1]d-http: {http: {hostname: c%[1]d.test}}}\n", i, fleetMemory/fit)
		}
		n.apply(text.String())
		wait(2 * time.Second)
		f.server.Set(n.id, storesim.Way{Refused: true})
		wait(15 * time.Second)
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() { _, _ = n.request(fmt.Sprintf("c%d.test", i)) }) // most are refused
		}
		all.Wait()
		containers, err := n.live().driver.List(t.Context())
		if err != nil || len(containers) != fit {
			t.Errorf("%d containers run where %d fit: %v", len(containers), fit, err)
		}
		f.server.Set(n.id, storesim.Way{})
		wait(20 * time.Second)
	})
}
