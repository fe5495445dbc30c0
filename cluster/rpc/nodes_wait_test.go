package rpc

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// silentPeers is a node that decides, and takes connections from nobody until
// it is gone.
type silentPeers struct{ gone chan struct{} }

func (silentPeers) Live(string) bool { return true }
func (silentPeers) Holder() string   { return otherNode }

func (p silentPeers) Dial(context.Context, string, string) (net.Conn, error) {
	<-p.gone
	return nil, net.ErrClosed
}

// Those who ask at once wait for one answer, in virtual time too: none keeps a
// lock while another node is asked.
func TestRefusalsAreAskedForOnceByAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, peers := newWorld(t), silentPeers{make(chan struct{})}
		defer close(peers.gone)
		w.server.deps.Peers = peers
		w.server.toNodes = nodeTransport(peers, "h2")
		w.addNode(cluster.Node{ID: otherNode, State: cluster.NodeUp, Peers: true})
		began := time.Now()
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if list, known := w.server.Refusals(); known {
					t.Errorf("of a node that does not answer is known %v", list)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took != nodeWait {
			t.Errorf("three who asked at once waited for %v, not %v", took, nodeWait)
		}
	})
}

// While one waits for a node that is slow to answer, others are told what it
// told last.
func TestASlowHolderHoldsUpOneWhoAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, peers := newWorld(t), silentPeers{make(chan struct{})}
		defer close(peers.gone)
		w.server.deps.Peers = peers
		w.server.toNodes = nodeTransport(peers, "h2")
		w.addNode(cluster.Node{ID: otherNode, State: cluster.NodeUp, Peers: true})
		w.server.told.last.Store(&toldRefusals{at: time.Now(), list: map[string]*cluster.Failure{"shop_web": {}}, known: true})
		<-time.After(time.Second)
		var asks sync.WaitGroup
		defer asks.Wait()
		asks.Go(func() { w.server.Refusals() })
		synctest.Wait()
		began := time.Now()
		if list, known := w.server.Refusals(); !known || len(list) != 1 || time.Since(began) > 0 {
			t.Errorf("told %v, %v after %s", list, known, time.Since(began))
		}
	})
}
