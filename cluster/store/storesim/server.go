// Package storesim is a database server of simulations: many daemons of one
// process share it, over ways that fail.
package storesim

import (
	"context"
	"database/sql/driver"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"maelstrom/cluster/store"
)

// Server is a database server of a simulation: an SQLite file that several
// daemons of one process share, each over a way of its own that can fail. It
// works in a bubble of virtual time.
type Server struct {
	path  string
	began time.Time // by no node's clock
	ahead time.Duration
	turn  chan struct{} // of the one who writes; has room for one

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at each change
	ways    map[string]Way
	broken  map[string]int // how often the connections of a node were broken
	doubts  map[string][]bool
}

// Way is the way of a node to the server.
type Way struct {
	Refused bool          // nothing listens there, and connections are broken
	Stalled bool          // nothing gets through, and nobody is told
	Delay   time.Duration // of each statement
}

// New returns a server over a file that need not exist, whose clock
// is ahead of every node's.
func New(path string, ahead time.Duration) *Server {
	return &Server{
		path: path, began: time.Now(), ahead: ahead, turn: make(chan struct{}, 1), changed: make(chan struct{}),
		ways: map[string]Way{}, broken: map[string]int{}, doubts: map[string][]bool{},
	}
}

// Open opens the server's database from a node.
func (s *Server) Open(node string, log *slog.Logger) (*store.Store, error) {
	return store.OpenSimulated(store.Simulated{
		Path: s.path, Logger: log, Clock: s.Now,
		Connect: func(ctx context.Context, open func() (driver.Conn, error)) (driver.Conn, error) {
			return s.connect(ctx, node, open)
		},
	})
}

// Now is the server's time.
func (s *Server) Now() time.Time { return s.began.Add(time.Since(s.began) + s.ahead) }

// Set changes the way of a node.
func (s *Server) Set(node string, way Way) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if way.Refused {
		s.broken[node]++
	}
	s.ways[node] = way
	s.stir()
}

// Break breaks the connections of a node; new ones can be made.
func (s *Server) Break(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[node]++
	s.stir()
}

// Doubt loses the answer to a node's next commit, and, unless it arrived, the
// commit.
func (s *Server) Doubt(node string, arrived bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts[node] = append(s.doubts[node], arrived)
}

// stir tells those who wait that something has changed. The lock is held.
func (s *Server) stir() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) way(node string) (way Way, broken int, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ways[node], s.broken[node], s.changed
}

func (s *Server) doubt(node string) (arrived, doubtful bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if doubtful = len(s.doubts[node]) > 0; doubtful {
		arrived, s.doubts[node] = s.doubts[node][0], s.doubts[node][1:]
	}
	return arrived, doubtful
}

// patience is how long nothing may come from a server.
const patience = 7 * time.Second

// pass waits until something sent by a node has got through. A statement that
// is given up takes its connection along.
func (s *Server) pass(ctx context.Context, node string, broken int) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		way, now, changed := s.way(node)
		if now != broken || way.Refused {
			return syscall.ECONNRESET
		}
		var late error = syscall.ETIMEDOUT
		if !way.Stalled {
			if way.Delay <= 0 {
				return ctx.Err()
			}
			timer.Reset(way.Delay)
			changed, late = nil, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return late
		}
	}
}

func (s *Server) connect(ctx context.Context, node string, open func() (driver.Conn, error)) (driver.Conn, error) {
	way, broken, _ := s.way(node)
	if way.Refused {
		return nil, syscall.ECONNREFUSED
	}
	if err := s.pass(ctx, node, broken); err != nil {
		return nil, err
	}
	inner, err := open()
	if err != nil {
		return nil, err
	}
	return &conn{server: s, node: node, broken: broken, inner: inner.(sqliteConn), known: map[string]*statement{}}, nil
}
