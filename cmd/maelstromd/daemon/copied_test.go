package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/fake"
)

// Of two daemons that are the same node, as a data directory was copied, the
// one that started first ends within seconds, says why, and the other serves.
func TestACopiedDataDirectoryEndsTheFirstDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 2, 0, func(string) map[string]fake.Image { return map[string]fake.Image{"web": {Handler: okHandler}} })
		defer f.close()
		first, second := f.nodes[0], f.nodes[1]
		if err := os.WriteFile(filepath.Join(second.opt.DataDir, "node-id"), []byte(first.id+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		first.begin()
		for first.live() == nil {
			wait(100 * time.Millisecond)
		}
		first.apply(shop(""))
		second.begin()
		for second.live() == nil {
			wait(100 * time.Millisecond)
		}
		wait(5 * time.Second)
		select {
		case err := <-first.done:
			if !errors.Is(err, cluster.ErrSuperseded) || !strings.Contains(err.Error(), "was copied") {
				t.Errorf("the first has ended: %v", err)
			}
			first.stop = nil
		default:
			t.Error("the first goes on")
		}
		if r, err := second.request("shop.test"); err != nil || r.status != 200 {
			t.Errorf("the second answers %+v, %v", r, err)
		}
	})
}
