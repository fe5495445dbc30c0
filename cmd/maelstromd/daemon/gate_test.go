package daemon

import (
	"errors"
	goruntime "runtime"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

func TestGateWaitsForWhatHasBegun(t *testing.T) {
	g := new(gate)
	done, err := g.enter()
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() {
		_, err := g.close("postgres")
		closed <- err
	}()
	for g.mu.TryRLock() { // until somebody waits to close it
		g.mu.RUnlock()
		goruntime.Gosched()
	}
	select {
	case <-closed:
		t.Error("closed while a declaration is written")
	default:
	}
	done()
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
}

func TestGateRefusesOnceItIsClosed(t *testing.T) {
	g := new(gate)
	if earlier, err := g.close("postgres"); err != nil || earlier != (passage{}) {
		t.Fatalf("%v, %v", earlier, err)
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
	done, err := g.enter()
	if err != nil {
		t.Fatalf("called off: %v", err)
	}
	done()
}
