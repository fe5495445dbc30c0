package daemon

import (
	"errors"
	"testing"
	"testing/synctest"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func TestGateWaitsForWhatHasBegunAndRefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := new(gate)
		done, err := g.enter()
		if err != nil {
			t.Fatal(err)
		}
		var earlier passage
		closed := false
		go func() {
			earlier, err = g.close("postgres")
			closed = true
		}()
		synctest.Wait()
		if closed {
			t.Error("closed while a declaration is written")
		}
		done()
		synctest.Wait()
		if !closed || err != nil || earlier != (passage{}) {
			t.Fatalf("%v, %v, %v", closed, err, earlier)
		}
		if _, err := g.enter(); !errors.Is(err, cluster.ErrConflict) {
			t.Errorf("while copying: %v", err)
		}
		if _, err := g.close("mysql"); !errors.Is(err, errCopying) {
			t.Errorf("two copies at once: %v", err)
		}
		g.set(passage{rpc.MigrateMoved, "postgres"})
		if _, err := g.enter(); !errors.Is(err, cluster.ErrConflict) {
			t.Errorf("moved: %v", err)
		}
		if earlier, err := g.close("mysql"); err != nil || earlier.driver != "postgres" {
			t.Errorf("again: %v, %v", earlier, err)
		}
		g.set(passage{})
		if done, err := g.enter(); err != nil {
			t.Errorf("called off: %v", err)
		} else {
			done()
		}
	})
}
