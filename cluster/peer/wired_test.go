package peer

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"maelstrom/cluster"
)

// secured is a member's way by TLS, with certificates of one authority, as daemons
// have it.
func (m *member) secured() way {
	authority := opened(m.t, m.authority, m.id)
	return way{
		listener: tls.NewListener(m.network.listen(m.id), authority.ServerConfig()),
		dial: func(ctx context.Context, node cluster.Node, protocol string) (net.Conn, error) {
			conn, err := m.network.dial(ctx, m.id, node.Address)
			if err != nil {
				return nil, err
			}
			config := authority.ClientConfig(node.ID)
			config.NextProtos = []string{protocol}
			secured := tls.Client(conn, config)
			if err := secured.HandshakeContext(ctx); err != nil {
				conn.Close()
				return nil, err
			}
			return secured, nil
		},
		nodeOf: func(r *http.Request) (string, bool) { return authority.NodeOf(r.TLS) },
	}
}

// More than 32 nodes that know each other by certificates alone hear of each other
// by who decides, and of one that is gone.
func TestManyNodesOverTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := emptyWorld(t)
		w.authority = sealed(t, testKey)
		w.setHolder(nodeID(5))
		defer w.close()
		for n := range maxPairs + 2 {
			w.join(nodeID(n))
		}
		pass(4 * time.Second)
		w.wantStreams(true)
		w.wantHeard()
		w.wantKnown(w.up()...)
		speaker := w.members[nodeID(17)]
		speaker.push()
		w.members[nodeID(9)].crash()
		pass(silence + 2*beat)
		w.wantHeard()
		w.wantKnown(speaker)
	})
}
