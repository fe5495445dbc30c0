package daemon

import (
	"errors"
	"fmt"
	"sync"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// gate lets declarations through until this node moves to a server.
type gate struct {
	mu sync.RWMutex // held for reading while a declaration is written
	at passage
}

// passage is where a node is on its way; the zero value has not set out.
type passage struct {
	state  rpc.MigrateState
	driver string // of the server
}

// movingError is why a declaration is refused. It is a cluster.ErrConflict.
type movingError struct{ passage }

func (e *movingError) Error() string {
	if e.state == rpc.MigrateCopying {
		return fmt.Sprintf("nothing can be declared while the database is copied to %s: try again in a moment", e.driver)
	}
	return fmt.Sprintf("this node has moved to %s, and nothing can be declared here any more: restart maelstromd with MAEL_SQL_DRIVER=%s and its MAEL_SQL_DSN, or call the move off with maelctl admin migrate --cancel", e.driver, e.driver)
}

func (e *movingError) Unwrap() error { return cluster.ErrConflict }

var errCopying = errors.New("the database is being copied already")

// enter begins a declaration, which done ends.
func (g *gate) enter() (done func(), err error) {
	g.mu.RLock()
	if g.at != (passage{}) {
		defer g.mu.RUnlock()
		return nil, &movingError{g.at}
	}
	return g.mu.RUnlock, nil
}

func (g *gate) passage() passage {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.at
}

// close refuses declarations from now on, and returns when those that had
// begun are written. It returns where the node was, for open.
func (g *gate) close(driver string) (earlier passage, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.at.state == rpc.MigrateCopying {
		return g.at, errCopying
	}
	earlier, g.at = g.at, passage{rpc.MigrateCopying, driver}
	return earlier, nil
}

// set tells where the node is after a copy.
func (g *gate) set(at passage) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at = at
}
