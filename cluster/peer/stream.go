package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// The pace of streams.
const (
	beat = 500 * time.Millisecond // a sign of life

	// silence is how long a node may say nothing until nothing is routed to
	// it any more, and its stream is given up; stall, how long a write may take.
	silence = 2 * time.Second
	stall   = 2 * time.Second

	chunk    = 64 << 10 // bytes that each have the time of a stall
	maxQueue = 4096     // calls and answers that wait to be written
)

// part is something of which only the latest counts: a slow reader misses
// what has been overtaken, and nothing piles up.
type part int

const (
	partInstances part = iota
	partLoad
	partMemory
	partHint
	partDigest
	parts
)

var errSlow = errors.New("the other side reads too slowly")

// stream is one connection between two nodes. Both sides say the same things.
type stream struct {
	conn  net.Conn
	in    *bufio.Reader
	node  string // at the other end
	hello hello  // of the other end
	out   chan struct{}

	mu      sync.Mutex
	latest  [parts][]byte
	offered int64 // number of the latest digest
	taken   int64 // number of the last one that is on its way
	queue   [][]byte
	ended   bool
	serial  uint64
	calls   map[uint64]chan *answer       // that wait for the other side
	work    map[uint64]context.CancelFunc // that the other side waits for
}

func newStream(conn net.Conn, in *bufio.Reader, node string) *stream {
	return &stream{
		conn: conn, in: in, node: node, out: make(chan struct{}, 1),
		calls: map[uint64]chan *answer{}, work: map[uint64]context.CancelFunc{},
	}
}

// next reads one frame, if the other side shows signs of life.
func (s *stream) next() (*frame, error) { return readFrame(lively{s}) }

// lively gives up after a silence.
type lively struct{ *stream }

func (l lively) Read(p []byte) (int, error) {
	if l.in.Buffered() == 0 {
		if err := l.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return 0, err
		}
	}
	return l.in.Read(p)
}

// put says something of which only the latest counts.
func (s *stream) put(what part, encoded []byte) {
	s.mu.Lock()
	s.latest[what] = encoded
	s.mu.Unlock()
	s.signal()
}

// send says something that must not be left out.
func (s *stream) send(f *frame) error {
	encoded, err := f.encode()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return ErrNoStream
	}
	if len(s.queue) >= maxQueue {
		s.conn.Close()
		return fmt.Errorf("%w: %w", ErrNoStream, errSlow)
	}
	s.queue = append(s.queue, encoded)
	s.signal()
	return nil
}

func (s *stream) signal() {
	select {
	case s.out <- struct{}{}:
	default:
	}
}

// write says what there is to say, and shows signs of life, until ctx ends or
// the other side takes nothing any more. Then the connection is closed.
func (s *stream) write(ctx context.Context, alive func() ([]byte, error)) error {
	defer s.conn.Close()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		var pending [][]byte
		select {
		case <-ctx.Done():
			return nil
		case <-s.out:
		case <-tick.C:
			sign, err := alive()
			if err != nil {
				return err
			}
			pending = append(pending, sign)
		}
		for _, encoded := range append(pending, s.take()...) {
			if err := s.writeOne(encoded); err != nil {
				return err
			}
		}
	}
}

// take returns what waits to be written: what answers somebody comes first.
func (s *stream) take() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	pending := s.queue
	s.queue = nil
	if s.latest[partDigest] != nil {
		s.taken = s.offered
	}
	for i, encoded := range s.latest {
		if encoded != nil {
			pending = append(pending, encoded)
			s.latest[i] = nil
		}
	}
	return pending
}

func (s *stream) writeOne(encoded []byte) error {
	for len(encoded) > 0 {
		n := min(len(encoded), chunk)
		if err := s.conn.SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return err
		}
		if _, err := s.conn.Write(encoded[:n]); err != nil {
			return err
		}
		encoded = encoded[n:]
	}
	return nil
}

// ask sends a call and waits for its answer.
func (s *stream) ask(ctx context.Context, c call) error {
	if until, ok := ctx.Deadline(); ok {
		c.WithinMic = max(1, time.Until(until).Microseconds())
	}
	told := make(chan *answer, 1)
	s.mu.Lock()
	s.serial++
	c.ID = s.serial
	if !s.ended {
		s.calls[c.ID] = told
	}
	s.mu.Unlock()
	if err := s.send(&frame{Call: &c}); err != nil {
		s.forget(c.ID)
		return err
	}
	select {
	case a := <-told:
		if a == nil {
			return fmt.Errorf("%w: it broke before the answer", ErrNoStream)
		}
		return a.err()
	case <-ctx.Done():
		s.forget(c.ID)
		_ = s.send(&frame{Cancel: c.ID}) // a stream that has ended cancels by that
		return ctx.Err()
	}
}

func (s *stream) forget(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, id)
}

// answered gives an answer to who waits for it.
func (s *stream) answered(a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if told := s.calls[a.ID]; told != nil {
		told <- a
		delete(s.calls, a.ID)
	}
}

// begin notes a call of the other side; false: it has too many under way.
func (s *stream) begin(id uint64, cancel context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(s.work) >= maxQueue/2 {
		return false
	}
	s.work[id] = cancel
	return true
}

func (s *stream) finish(id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.work[id]; cancel != nil {
		cancel()
		delete(s.work, id)
	}
}

// end ends the connection and all that waits for it.
func (s *stream) end() {
	s.conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for id, told := range s.calls {
		told <- nil
		delete(s.calls, id)
	}
	for id, cancel := range s.work {
		cancel()
		delete(s.work, id)
	}
}
