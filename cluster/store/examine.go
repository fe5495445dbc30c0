package store

import (
	"context"
	"fmt"

	"maelstrom/schemas"
)

// SchemaVersion returns the version of the database's schema, and the newest
// that this program knows.
func (s *Store) SchemaVersion(ctx context.Context) (version, newest int64, err error) {
	migrations, err := loadMigrations(schemas.SQL, s.dialect.name)
	if err == nil {
		version, _, err = s.schemaVersion(ctx)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read schema version: %w", err)
	}
	return version, migrations[len(migrations)-1].version, nil
}

// CheckWritable writes what changes nothing, as durably as what people declare.
func (s *Store) CheckWritable(ctx context.Context) error {
	_, err := s.write(ctx, writeOptions{durable: true}, func(t *tx) error {
		_, err := t.put(ctx, "mael_change_counter", `update mael_change_counter set n = n where id = 1`)
		return err
	})
	if err != nil {
		return fmt.Errorf("write to store: %w", err)
	}
	return nil
}

// Path is the absolute path of an SQLite database's file.
func (s *Store) Path(ctx context.Context) (path string, err error) {
	if s.dialect != sqliteDialect {
		return "", fmt.Errorf("find file of store: %s has none", s.dialect.name)
	}
	err = s.reader.QueryRowContext(ctx, `select file from pragma_database_list where name = 'main'`).Scan(&path)
	if err != nil {
		return "", fmt.Errorf("find file of store: %w", err)
	}
	return path, nil
}

// CheckSchema tells whether this program can use the database's schema, as it
// is or once it is migrated. It changes nothing.
func (s *Store) CheckSchema(ctx context.Context) error {
	migrations, err := loadMigrations(schemas.SQL, s.dialect.name)
	if err == nil {
		_, err = s.pending(ctx, migrations)
	}
	if err != nil {
		return fmt.Errorf("check schema: %w", err)
	}
	return nil
}
