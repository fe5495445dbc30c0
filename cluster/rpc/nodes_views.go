package rpc

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"maelstrom/cluster"
)

// refusalsFor is how long refusals that another node told serve again, and
// refusalsMeanwhile while it is asked anew.
const (
	refusalsFor       = 300 * time.Millisecond
	refusalsMeanwhile = 5 * time.Second
)

// heldRefusals are those of a holder of the role placement on another node.
type heldRefusals struct {
	turn chan struct{} // of who may ask; has room for one
	last atomic.Pointer[toldRefusals]
}

// toldRefusals are those that it has told, or not.
type toldRefusals struct {
	at    time.Time
	list  map[string]*cluster.Failure
	known bool // it has answered
}

// within tells whether it was asked lately.
func (t *toldRefusals) within(limit time.Duration) bool { return t != nil && time.Since(t.at) < limit }

// Refusals tells why components lack an instance, as the holder of the role
// placement knows; false: nobody holds it, or who does can't be asked in time.
func (s *Server) Refusals() (list map[string]*cluster.Failure, known bool) {
	holder, known := s.holder()
	if holder == "" {
		return s.deps.Placer.Refusals(), known
	}
	if !s.deps.Peers.Live(holder) {
		return s.deps.Placer.Refusals(), false
	}
	last := s.told.last.Load()
	if last.within(refusalsFor) {
		return last.list, last.known
	}
	select {
	case s.told.turn <- struct{}{}:
	default:
		if last.within(refusalsMeanwhile) {
			return last.list, last.known
		}
		s.told.turn <- struct{}{}
	}
	defer func() { <-s.told.turn }()
	if last = s.told.last.Load(); !last.within(refusalsFor) {
		last = s.askRefusals(holder)
		s.told.last.Store(last)
	}
	return last.list, last.known
}

func (s *Server) askRefusals(holder string) *toldRefusals {
	ctx, cancel := context.WithTimeout(context.Background(), nodeWait) // whoever asks next has use for it too
	defer cancel()
	var answer peerRefusals
	err := s.node(holder).call(ctx, "PeerService.Refusals", peerRequest{}, &answer)
	if err != nil {
		s.deps.Logger.Debug("refusals not read from the holder of placement", "node", holder, "error", err)
	}
	return &toldRefusals{at: time.Now(), list: answer.Refusals, known: err == nil}
}

// refusals are those that are known here.
func (s *Server) refusals() map[string]*cluster.Failure {
	list, _ := s.Refusals()
	return list
}

// wholeLoads are the loads of instances, as all gateways that answer in time
// see them together.
func (s *Server) wholeLoads(ctx context.Context) map[string]cluster.InstanceLoad {
	own := s.deps.Loads.InstanceLoads()
	nodes := s.live()
	if len(nodes) == 0 {
		return own
	}
	ctx, cancel := context.WithTimeout(ctx, nodeWait)
	defer cancel()
	answers := make([]peerLoads, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() {
			if err := s.node(n.ID).call(ctx, "PeerService.Loads", peerRequest{}, &answers[i]); err != nil {
				s.deps.Logger.Debug("loads not read from node", "node", n.ID, "error", err)
			}
		})
	}
	all.Wait()
	sum := map[string]cluster.InstanceLoad{}
	addLoads(sum, own)
	for _, a := range answers {
		addLoads(sum, a.Loads)
	}
	return sum
}

func addLoads(sum, more map[string]cluster.InstanceLoad) {
	for id, l := range more {
		one := sum[id]
		one.InFlight += l.InFlight
		one.Queued += l.Queued
		one.Total += l.Total
		one.MemoryMiB = max(one.MemoryMiB, l.MemoryMiB)
		if l.LastRequest.After(one.LastRequest) {
			one.LastRequest = l.LastRequest
		}
		sum[id] = one
	}
}
