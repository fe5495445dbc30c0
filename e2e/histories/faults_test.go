package histories

import (
	"bytes"
	"context"
	"math/rand/v2"
	"sync"
)

// faults are what disturbs the clients of one history.
type faults struct {
	name    string
	giveUp  float64 // share of operations whose client gives up early
	cut     float64 // share of messages at which the connection is cut
	doubt   float64 // the same, of commits
	freezes bool    // the client that is a process of its own is stopped now and then
	restart bool    // the server goes away and comes back
}

var (
	calm      = faults{name: "calm"}
	impatient = faults{name: "impatient", giveUp: 0.2}
	restarted = faults{name: "restarted", restart: true}
	cuts      = faults{name: "cuts", cut: 0.02, doubt: 0.02}
	doubts    = faults{name: "doubts", doubt: 0.25}
	frozen    = faults{name: "frozen", freezes: true}
	all       = faults{name: "all", giveUp: 0.05, cut: 0.01, doubt: 0.1, freezes: true}
)

// Of these each seed has one, in turn. A restart takes the longest.
var (
	embeddedFaults = []faults{calm, impatient, impatient, restarted}
	serverFaults   = []faults{calm, impatient, cuts, doubts, frozen, all, cuts, doubts, frozen, restarted}
)

// cutter decides for each message what a proxy does with it.
func (f faults) cutter(random *rand.Rand) func(message []byte) action {
	var mu sync.Mutex
	return func(message []byte) action {
		mu.Lock()
		defer mu.Unlock()
		share := f.cut
		if isCommit(message) {
			share = f.doubt
		}
		if random.Float64() >= share {
			return action{}
		}
		return action{cut: cut(1 + random.IntN(3))}
	}
}

// isCommit tells whether a client asks to commit. The drivers send it as a
// message of its own; the end tells it from "begin ... read committed". The
// statements of a lease, but for the check of a fence, commit by themselves.
func isCommit(message []byte) bool {
	if bytes.Contains(message, []byte("mael_lease")) {
		return !bytes.Contains(message, []byte("select ")) && !bytes.Contains(message, []byte("set beat = beat + 1 where role"))
	}
	return bytes.HasSuffix(bytes.ToUpper(bytes.TrimRight(message, "\x00")), []byte("COMMIT"))
}

// gate is closed while the server is away on purpose, so that clients lose one
// operation each to it and not all they have.
type gate struct {
	mu   sync.Mutex
	open chan struct{}
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
}

func (g *gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.open)
}

func (g *gate) wait(ctx context.Context) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	select {
	case <-open:
	case <-ctx.Done():
	}
}
