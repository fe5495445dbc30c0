package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/peer"
	"maelstrom/cluster/rpc"
)

// peerChecks look at the port of peers as other nodes see it.
func (d *doctor) peerChecks(ctx context.Context) []rpc.Check {
	if d.opt.PeerAddr == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	checks := []rpc.Check{d.peerPort(ctx), d.peerKey(ctx)}
	if d.hub != nil {
		checks = append(checks, d.heard())
	}
	return checks
}

// peerPort dials what other nodes are told to dial, and proves itself there.
func (d *doctor) peerPort(ctx context.Context) rpc.Check {
	const name = "port.peer"
	address := d.peerAddress()
	if d.authority.Load() == nil {
		return skipped(name, "the authority of the cluster is not known yet")
	}
	conn, err := d.dialPeer(ctx, cluster.Node{ID: d.node, Address: address}, "h2")
	if err == nil {
		conn.Close()
		return passed(name, "%s answers with this node's certificate", address)
	}
	advice := "let other nodes reach this port, or set MAEL_PEER_ADVERTISE to the address at which they do"
	if !errors.As(err, new(net.Error)) {
		advice = "another program, or another node, answers there: set MAEL_PEER_ADVERTISE to an address of this node"
	}
	return failed(name, fmt.Sprintf("%s, which other nodes are told: %v", address, err), advice)
}

// peerKey tells whether the key still opens what the database has, and until
// when this node's certificate is good.
func (d *doctor) peerKey(ctx context.Context) rpc.Check {
	const name = "peer.key"
	authority := d.authority.Load()
	if authority == nil {
		return skipped(name, "the authority of the cluster is not known yet")
	}
	const advice = "see the daemon's log for certificate of this node not renewed"
	_, err := d.store.Authority(ctx)
	if errors.Is(err, cluster.ErrNotFound) {
		return failed(name, "the database has no authority any more", "was the database put back to an earlier state, or another one set? restart all daemons: the first makes a new authority")
	}
	if err == nil {
		err = peer.CheckKey(ctx, d.store, d.opt.ClusterKey)
	}
	if errors.Is(err, peer.ErrSealed) {
		return failed(name, err.Error(), "set the cluster's key, as the other nodes have it, and restart this daemon")
	}
	certificate := authority.ClientConfig(d.node).Certificates[0]
	if left := time.Until(certificate.Leaf.NotAfter); left < time.Hour {
		return failed(name, fmt.Sprintf("this node's certificate ends in %s", left.Round(time.Minute)), advice)
	}
	until := certificate.Leaf.NotAfter.UTC().Format(time.RFC3339)
	if err != nil {
		return skipped(name, "the database does not tell the authority; this node's certificate is good until %s", until)
	}
	return passed(name, "MAEL_CLUSTER_KEY opens the authority; this node's certificate is good until %s", until)
}

// heard names the nodes that are up and not heard from here.
func (d *doctor) heard() rpc.Check {
	const name = "peer.nodes"
	var silent []string
	others := 0
	for id, n := range d.feed.Snapshot().Nodes.Sorted() {
		if id == d.node || !n.Peers || n.State == cluster.NodeDown {
			continue
		}
		if others++; !d.hub.Live(id) {
			silent = append(silent, fmt.Sprintf("%s (%s)", n.DisplayName(), n.Address))
		}
	}
	if len(silent) > 0 {
		slices.Sort(silent)
		return warning(name, fmt.Sprintf("not heard: %v", silent), "let nodes reach each other's peer ports, both ways: the one with the smaller id calls")
	}
	return passed(name, "all of %d other nodes are heard", others)
}
