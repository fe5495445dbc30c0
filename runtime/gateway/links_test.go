package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
	"maelstrom/runtime/proxy"
)

// clingingPeer is a node whose connections take their time to close.
type clingingPeer struct {
	proxy.Peer
	severing, free chan struct{}
}

func (p *clingingPeer) Heard() time.Time { return time.Time{} }

func (p *clingingPeer) Sever() {
	close(p.severing)
	<-p.free
}

// While the connections to a node are broken, which may take a while, others
// are asked.
func TestSeverKeepsNobodyFromOtherNodes(t *testing.T) {
	for name, breaks := range map[string]func(l *links){
		"removed": func(l *links) { l.follow(&cluster.Snapshot{}) },
		"silent": func(l *links) {
			l.byNode["node-2"].missed = time.Now()
			<-time.After(severAfter)
			l.watch()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &clingingPeer{severing: make(chan struct{}), free: make(chan struct{})}
				g := &Gateway{peers: &others{}}
				l := &links{g: g, byNode: map[string]*link{"node-2": {node: "node-2", peer: p}}}
				go breaks(l)
				<-p.severing
				if l.mu.TryLock() {
					l.mu.Unlock()
				} else {
					t.Error("nobody can be asked")
				}
				close(p.free)
				g.ended.Store(true)
			})
		})
	}
}
