package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"maelstrom/cluster"
)

// ClusterID returns the id of the cluster, made once for each database. It
// keeps the containers of clusters that share an engine apart.
func (s *Store) ClusterID(ctx context.Context) (id string, err error) {
	const query = `select cluster_id from mael_cluster where id = 1`
	err = s.reader.QueryRowContext(ctx, query).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = s.write(ctx, writeOptions{durable: true, rereads: true}, func(t *tx) error {
			err := t.row(ctx, query).Scan(&id)
			if !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			now, err := t.now(ctx)
			if err != nil {
				return err
			}
			id = cluster.NewID()
			return t.insert(ctx, "mael_cluster", []string{"id", "cluster_id", "created_at"}, [][]any{{1, id, micros(now)}})
		})
	}
	if err != nil {
		return "", fmt.Errorf("read cluster id: %w", err)
	}
	return id, nil
}
