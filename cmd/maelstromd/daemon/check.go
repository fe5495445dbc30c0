package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"maelstrom/cluster/peer"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
)

// The verbs of maelstromd. Without one it serves.
const (
	VersionVerb = "version"
	CheckVerb   = "check"
)

// Check tells whether this program could serve with these options: the database
// is there, and of a schema that it can use. It changes nothing.
func Check(ctx context.Context, opt Options, warnings []string) error {
	for _, warning := range warnings {
		fmt.Fprintln(os.Stderr, "maelstromd:", warning)
	}
	dsn := opt.SQLDSN
	if dsn == "" {
		dsn = filepath.Join(opt.DataDir, rpc.DatabaseFileName)
	}
	if opt.SQLDriver == "sqlite" {
		if _, err := os.Stat(dsn); errors.Is(err, fs.ErrNotExist) {
			return nil // the first start makes it
		}
	}
	s, err := store.Open(ctx, store.Options{Driver: opt.SQLDriver, DSN: dsn})
	if err != nil {
		return err
	}
	return errors.Join(checkStore(ctx, s), checkKey(ctx, s, opt), s.Close())
}

func checkKey(ctx context.Context, s *store.Store, opt Options) error {
	if opt.PeerAddr == "" {
		return nil
	}
	return peer.CheckKey(ctx, s, opt.ClusterKey)
}

func checkStore(ctx context.Context, s *store.Store) error {
	if err := s.CheckSchema(ctx); err != nil {
		return err
	}
	move, err := s.Move(ctx)
	if err != nil {
		return err
	}
	if move != nil && move.State == store.MoveLeft {
		return fmt.Errorf("this database was moved to %s: restart with MAEL_SQL_DRIVER=%s and its MAEL_SQL_DSN", move.Driver, move.Driver)
	}
	return nil
}
