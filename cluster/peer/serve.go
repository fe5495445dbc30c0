package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"maelstrom/cluster"
)

// PathStream is where a node asks another for a stream, at its peer port.
const PathStream = "/_mael/peer/stream"

// upgradeTo is what a connection is changed to, in the words of HTTP.
const upgradeTo = "maelstrom-peer"

const (
	dialLimit  = 2 * time.Second
	firstPause = 50 * time.Millisecond // between two tries to connect
	lastPause  = time.Second
)

var (
	errBye      = errors.New("it has left")
	errLeaves   = errors.New("this node leaves")
	errReplaced = errors.New("replaced by a later stream")
)

// Handler serves the peer port's own requests: the streams that others open.
func (h *Hub) Handler() http.Handler { return http.HandlerFunc(h.serveStream) }

func (h *Hub) serveStream(w http.ResponseWriter, r *http.Request) {
	node, ok := h.deps.NodeOf(r)
	switch {
	case !ok:
		http.Error(w, "the certificate of a node is needed", http.StatusForbidden)
	case r.URL.Path != PathStream || r.Header.Get("Upgrade") != upgradeTo:
		http.NotFound(w, r)
	case h.refuses(r.Context(), node):
		RefuseRemoved(w)
	case !h.enter():
		http.Error(w, "not now", http.StatusServiceUnavailable)
	default:
		defer h.ending.Done()
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			h.log.Error("stream of a node not taken", "node", node, "error", err)
			return
		}
		h.log.Debug("stream ended", "node", node, "error", h.accept(r.Context(), conn, buffered.Reader, node))
	}
}

// enter counts one who serves a stream, for Run to wait for.
func (h *Hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open {
		h.ending.Add(1)
	}
	return h.open
}

func (h *Hub) accept(ctx context.Context, conn net.Conn, in *bufio.Reader, node string) error {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(stall)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", upgradeTo); err != nil {
		return err
	}
	return h.talk(ctx, newStream(conn, in, node))
}

// keepCalling keeps a stream to a node until ctx ends.
func (h *Hub) keepCalling(ctx context.Context, node string) {
	pause := firstPause
	for ctx.Err() == nil {
		if h.leaves() || h.connected(node) { // it called, where both do
			idle(ctx, firstPause)
			continue
		}
		began := time.Now()
		err := h.callOnce(ctx, node)
		if errors.Is(err, errRemoved) {
			h.expelled(node)
		}
		if time.Since(began) > dialLimit+lastPause {
			pause = firstPause // it was there for a while
		}
		h.log.Debug("stream ended", "node", node, "error", err)
		idle(ctx, pause/2+rand.N(pause))
		pause = min(2*pause, lastPause)
	}
}

func (h *Hub) callOnce(ctx context.Context, node string) error {
	connecting, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	conn, err := h.Dial(connecting, node, "http/1.1")
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in, err := upgrade(conn, node)
	if err != nil {
		return err
	}
	return h.talk(ctx, newStream(conn, in, node))
}

// upgrade makes a stream of a new connection.
func upgrade(conn net.Conn, node string) (*bufio.Reader, error) {
	if err := conn.SetDeadline(time.Now().Add(dialLimit)); err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodGet, "http://"+nameOf(node)+PathStream, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", upgradeTo)
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, request)
	if err != nil {
		return nil, err
	}
	response.Body.Close()
	if response.StatusCode == http.StatusGone {
		return nil, errRemoved
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("it answers %s", response.Status)
	}
	return in, conn.SetDeadline(time.Time{})
}

// talk is the life of a stream, the same on both sides.
func (h *Hub) talk(ctx context.Context, s *stream) error {
	if h.leaves() {
		return errLeaves // before a word that would show signs of life
	}
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer func() {
		cancel()
		s.end()
		h.dismiss(s)
		tasks.Wait()
	}()
	err := s.send(&frame{Hello: &hello{
		Node: h.opt.Node, Epoch: h.opt.Epoch(), Version: h.opt.Version, Protocol: protocol, Clock: time.Now(),
	}})
	if err != nil {
		return err
	}
	written := make(chan error, 1)
	tasks.Go(func() { written <- s.write(ctx, func() ([]byte, error) { return h.alive(s.node) }) })
	if err := h.greet(s); err != nil {
		return err
	}
	h.log.Info("node is heard", "node", s.node, "version", s.hello.Version, "epoch", s.hello.Epoch)
	err = h.listen(ctx, s, &tasks)
	h.log.Info("node is no longer heard by this stream", "node", s.node, "reason", err)
	select {
	case failed := <-written:
		return errors.Join(err, failed)
	default:
		return err
	}
}

// greet waits for the other side's hello and lets the stream be the node's.
func (h *Hub) greet(s *stream) error {
	first, err := s.next()
	if err != nil {
		return err
	}
	if first.Hello == nil || first.Hello.Node != s.node {
		return errors.New("it does not introduce itself as who it is")
	}
	s.hello = *first.Hello
	if err := h.admit(s); err != nil {
		return err
	}
	if _, known := h.deps.Feed.Snapshot().Nodes.Get(s.node); !known {
		h.deps.Feed.Hint()
	}
	signal(h.news)
	return nil
}

// admit makes s the stream of its node, unless a later start of that node has
// one, and says all that there is to say.
func (h *Hub) admit(s *stream) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.open {
		return errLeaves
	}
	r := h.remote(s.node)
	if old := r.stream; old != nil {
		if old.hello.Epoch > s.hello.Epoch && r.lives(time.Now()) {
			return fmt.Errorf("epoch %d has a stream: %w", old.hello.Epoch, cluster.ErrSuperseded)
		}
		old.conn.Close()
	}
	r.stream, r.heard, r.reach, r.spare = s, time.Now(), nil, false
	r.parting, r.expels = time.Time{}, false
	if h.list != nil {
		s.put(partInstances, h.list)
	}
	if encoded, err := (&frame{Hint: h.told}).encode(); err == nil && h.told > 0 {
		s.put(partHint, encoded)
	}
	return nil
}

func (h *Hub) dismiss(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.remotes[s.node]; r != nil && r.stream == s {
		r.stream = nil
	}
}

// listen takes in what the other side says until the stream ends.
func (h *Hub) listen(ctx context.Context, s *stream, tasks *sync.WaitGroup) error {
	skew := clockSkew(time.Now(), s.hello.Clock)
	for {
		f, err := s.next()
		if err != nil {
			return err
		}
		if f.Bye {
			h.silence(s)
			return errBye
		}
		counts, err := h.heard(s, f)
		if err != nil {
			return err
		}
		if !counts {
			continue
		}
		if f.Removed {
			h.expelled(s.node)
			return errRemoved
		}
		if f.Instances != nil {
			if f.Instances.Node != s.node {
				return errors.New("it tells of instances that are not its own")
			}
			shift(f.Instances, skew)
			h.keepList(s.node, f.Instances)
			h.deps.Feed.PushInstances(*f.Instances)
		}
		if f.Relayed != nil && f.Relayed.Node != h.opt.Node {
			shift(f.Relayed, skew)
			h.deps.Feed.PushInstances(*f.Relayed)
		}
		if f.Digest != nil {
			h.takeDigest(s, f.Digest)
		}
		if f.Load != nil {
			h.takeLoad(s.node, f.Load)
		}
		if f.Memory != nil {
			h.takeMemory(s.node, f.Memory)
		}
		if f.Hint > 0 {
			h.takeHint(f.Hint)
		}
		if f.Call != nil {
			h.decide(ctx, s, *f.Call, tasks)
		}
		if f.Cancel > 0 {
			s.finish(f.Cancel)
		}
		if f.Answer != nil {
			s.answered(f.Answer)
		}
	}
}

// heard notes a sign of life, and tells whether what it says counts.
func (h *Hub) heard(s *stream, f *frame) (counts bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.remotes[s.node]
	if r == nil || r.stream != s {
		return false, errReplaced
	}
	if !r.parting.IsZero() {
		return false, nil // it was removed, and is about to read that
	}
	now := time.Now()
	if !h.hears(s.node, r, now) {
		signal(h.news)
	}
	r.heard = now
	if f.Reach != nil {
		r.reach, r.told, r.spare = f.Reach, now, f.Spare
	}
	return true, nil
}

// silence forgets at once that a node was heard.
func (h *Hub) silence(s *stream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.remotes[s.node]; r != nil && r.stream == s {
		r.heard, r.since = time.Time{}, time.Now()
		h.doubt(s.node)
		signal(h.news)
	}
}

func (h *Hub) takeHint(number int64) {
	h.mu.Lock()
	if number > h.learned && h.relay.on {
		h.hintAll(number)
	}
	h.learned = max(h.learned, number)
	h.mu.Unlock()
	if number > h.deps.Feed.Snapshot().Number {
		h.deps.Feed.Hint()
	}
}

// idle waits for d or the end of ctx.
func idle(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
