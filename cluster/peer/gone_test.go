package peer

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
)

// nodesFeed is a Feed that knows of nodes.
type nodesFeed struct {
	Feed
	snapshot *cluster.Snapshot
}

func (f nodesFeed) Snapshot() *cluster.Snapshot { return f.snapshot }

func TestWhoIsGone(t *testing.T) {
	refused := fmt.Errorf("dial node: %w", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	known := cluster.NewSnapshot().With(cluster.ChangeSet{Number: 1, Full: true, Nodes: map[string]*cluster.Node{"b": {ID: "b", Peers: true}}})
	for name, c := range map[string]struct {
		remote *remote
		leaves bool
		answer error
		want   bool
	}{
		"its stream has ended, and nothing listens there": {remote: &remote{heard: time.Now()}, answer: refused, want: true},
		"its machine does not answer":                     {remote: &remote{heard: time.Now()}, answer: context.DeadlineExceeded},
		"it is there again":                               {remote: &remote{heard: time.Now()}},
		"it has a stream":                                 {remote: &remote{heard: time.Now(), stream: &stream{}}, answer: refused},
		"it was never heard":                              {remote: &remote{}, answer: refused},
		"it is not known":                                 {answer: refused},
		"this node leaves":                                {remote: &remote{heard: time.Now()}, leaves: true, answer: refused},
	} {
		t.Run(name, func(t *testing.T) {
			h := New(Options{Node: "a"}, Deps{
				Feed: nodesFeed{snapshot: known},
				Dial: func(context.Context, cluster.Node, string) (net.Conn, error) {
					client, server := net.Pipe()
					server.Close()
					return client, c.answer
				},
			})
			h.open = !c.leaves
			if c.remote != nil {
				h.remotes["b"] = c.remote
			}
			if got := h.Gone(t.Context(), "b"); got != c.want {
				t.Errorf("gone: %v", got)
			}
		})
	}
}
