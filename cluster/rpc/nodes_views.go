package rpc

import (
	"context"
	"sync"
	"time"

	"maelstrom/cluster"
)

// refusalsFor is how long refusals that another node told serve again.
const refusalsFor = 300 * time.Millisecond

// heldRefusals are those of a holder of the role placement on another node.
type heldRefusals struct {
	turn  chan struct{} // of who may ask, or look; has room for one
	at    time.Time
	list  map[string]*cluster.Failure
	known bool // it has answered
}

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
	s.told.turn <- struct{}{}
	defer func() { <-s.told.turn }()
	if time.Since(s.told.at) < refusalsFor {
		return s.told.list, s.told.known
	}
	ctx, cancel := context.WithTimeout(context.Background(), nodeWait) // whoever asks next has use for it too
	defer cancel()
	var answer peerRefusals
	err := s.node(holder).call(ctx, "PeerService.Refusals", peerRequest{}, &answer)
	if err != nil {
		s.deps.Logger.Debug("refusals not read from the holder of placement", "node", holder, "error", err)
	}
	s.told.at, s.told.list, s.told.known = time.Now(), answer.Refusals, err == nil
	return s.told.list, s.told.known
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
