package daemon

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

func (d *dataDir) tokens() string { return filepath.Join(d.path, "tokens.json") }

// away tells how old what this node knows is while the database does not
// answer; nil: it does.
func (d *Daemon) away() *rpc.Away {
	err, since := d.feed.Health()
	if err == nil {
		return nil
	}
	return &rpc.Away{Since: since.UTC(), AsOf: d.feed.ReadAt().UTC(), FromDisk: d.feed.Snapshot().Restored}
}

// snapshotStore is declaredStore for plans that nobody makes: it goes by the
// snapshot.
type snapshotStore struct {
	declaredStore
	feed *cluster.Feed
}

// LoadProject implements reconcile.Store.
func (s snapshotStore) LoadProject(_ context.Context, desired *project.Project) (cluster.ProjectState, error) {
	return s.feed.Snapshot().ProjectState(desired), nil
}

// pinTokens lets the tokens count that this node knows by itself, while the
// database, which has to know them too, is away.
func (d *Daemon) pinTokens() {
	if d.opt.APIToken != "" {
		d.keys.Pin(rpc.FirstTokenName, d.opt.APIToken)
	}
	client, err := rpc.ReadClientFile(d.dir.path)
	if err != nil || client.Token == "" {
		return
	}
	d.keys.Pin(rpc.LocalTokenName(d.node), client.Token)
	if client.URL = d.localURL(); d.dir.writeClientFile(client) != nil {
		d.log.Debug("client file not written") // the one of the last start mostly does
	}
}

// askedNodes are the other nodes as the API asks them; nil: there are none.
func (d *Daemon) askedNodes() rpc.Peers {
	if d.hub == nil {
		return nil
	}
	return askedNodes{others{d}}
}

type askedNodes struct{ others }

// Holder implements rpc.Peers.
func (a askedNodes) Holder() string {
	node, _ := decisions{a.Daemon}.holder()
	return node
}

// forNodes answers other nodes: what they ask the API for, or else by next.
func (d *Daemon) forNodes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, rpc.NodePrefix+"/") {
			next.ServeHTTP(w, r)
			return
		}
		d.servePrivately(d.private.Nodes(func(r *http.Request) (string, bool) { return d.authority.Load().NodeOf(r.TLS) }), w, r)
	})
}
