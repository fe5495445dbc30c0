package daemon

import (
	"context"
	"path/filepath"

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
	if client, err := rpc.ReadClientFile(d.dir.path); err == nil && client.Token != "" {
		d.keys.Pin(rpc.LocalTokenName(d.node), client.Token)
	}
}
