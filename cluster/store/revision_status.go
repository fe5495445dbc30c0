package store

import (
	"context"
	"database/sql"
	"fmt"

	"maelstrom/cluster"
)

// DeclaredBy returns what the loop of a source knows of the file that declares
// a project; nil if it knows of none. Of two files the one counts that was
// applied.
func (s *Store) DeclaredBy(ctx context.Context, source, project string) (found *cluster.ProjectStatus, err error) {
	err = s.read(ctx, func(t *tx) error {
		found = nil
		return t.each(ctx, func(rows *sql.Rows) error {
			var body string
			if err := rows.Scan(&body); err != nil {
				return err
			}
			status := &cluster.ProjectStatus{}
			if err := decode(body, status); err != nil {
				return err
			}
			if status.Project == project && (found == nil || found.LastGood == "") {
				found = status
			}
			return nil
		}, `select body from mael_project_status where source = ? order by status_key`, source)
	})
	if err != nil {
		return nil, fmt.Errorf("read what %s declares of %s: %w", source, project, err)
	}
	return found, nil
}
