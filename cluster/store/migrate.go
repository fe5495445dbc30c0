package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/schemas"
)

// The pace of the lease migrate, as of every lease: a holder whose row has
// not changed for leaseTime on our own clock is gone.
const (
	leaseTime   = 3 * time.Second
	leaseLook   = 250 * time.Millisecond
	leaseRenew  = 500 * time.Millisecond
	leaseFiles  = 1 // the first migrations make what a lease needs
	migrateStep = 5 // attempts of a statement that met its own twin
)

// migration is one file of schemas/sql.
type migration struct {
	version    int64
	name       string
	minReader  int64 // daemons that know no version as high as this can't use the result
	checksum   string
	statements []string
}

// Migrate brings the schema up to what this program knows, under the lease
// migrate. A schema of a newer release is left alone; one that this program
// can't use is an error, as is one whose history differs from ours.
func (s *Store) Migrate(ctx context.Context, holder string) error {
	migrations, err := loadMigrations(schemas.SQL, s.dialect.name)
	if err == nil {
		err = s.migrate(ctx, holder, migrations)
	}
	if err != nil {
		return fmt.Errorf("migrate store: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context, holder string, migrations []migration) error {
	pending, err := s.pending(ctx, migrations)
	if err != nil || len(pending) == 0 {
		return err
	}
	// Without the lease's own table nobody can hold it. Its statements are
	// harmless beside their twins in another daemon.
	for _, m := range migrations[:leaseFiles] {
		if err := s.runStatements(ctx, m); err != nil {
			return err
		}
	}
	return s.underLease(ctx, holder, func(ctx context.Context, hold cluster.Hold) error {
		pending, err := s.pending(ctx, migrations) // somebody may have been quicker
		if err != nil {
			return err
		}
		for _, m := range pending {
			if err := s.runStatements(ctx, m); err != nil {
				return err
			}
			if err := s.recordMigration(ctx, hold, m); err != nil {
				return fmt.Errorf("record %s: %w", m.name, err)
			}
			s.log.Info("schema migrated", "version", m.version, "migration", m.name)
		}
		return nil
	})
}

// pending returns the migrations that the database lacks.
func (s *Store) pending(ctx context.Context, known []migration) ([]migration, error) {
	newest := known[len(known)-1].version
	version, minReader, err := s.schemaVersion(ctx)
	if err != nil {
		return nil, err
	}
	if minReader > newest {
		return nil, fmt.Errorf("schema %d needs a program that knows version %d; this one knows %d: install the newer release", version, minReader, newest)
	}
	applied, err := s.appliedMigrations(ctx, version)
	if err != nil {
		return nil, err
	}
	var pending []migration
	for _, m := range known {
		switch sum, ok := applied[m.version]; {
		case !ok && m.version <= version:
			return nil, fmt.Errorf("schema %d lacks migration %s", version, m.name)
		case !ok:
			pending = append(pending, m)
		case sum != m.checksum:
			return nil, fmt.Errorf("migration %s was applied with another content", m.name)
		}
	}
	return pending, nil
}

// schemaVersion returns zeros for a database without a schema.
func (s *Store) schemaVersion(ctx context.Context) (version, minReader int64, err error) {
	err = s.reader.QueryRowContext(ctx, `select version, min_reader from mael_schema where id = 1`).Scan(&version, &minReader)
	if errors.Is(err, sql.ErrNoRows) || s.dialect.classify(err) == classNoTable {
		err = nil
	}
	return version, minReader, err
}

func (s *Store) appliedMigrations(ctx context.Context, version int64) (map[int64]string, error) {
	applied := map[int64]string{}
	if version == 0 {
		return applied, nil
	}
	return applied, s.read(ctx, func(t *tx) error {
		return t.each(ctx, func(rows *sql.Rows) error {
			var v int64
			var sum string
			err := rows.Scan(&v, &sum)
			applied[v] = sum
			return err
		}, `select version, checksum from mael_migration`)
	})
}

// runStatements runs one statement at a time, each of which is harmless when
// it runs again: not every database can take back what it did to a schema, or
// add a column only where there is none.
func (s *Store) runStatements(ctx context.Context, m migration) error {
	for _, statement := range m.statements {
		for n := 1; ; n++ {
			_, err := s.writer.ExecContext(ctx, statement)
			if err == nil || s.dialect.classify(err) == classThere {
				break
			}
			// Two that create the same table at the same time may both find
			// it missing.
			class := s.dialect.classify(err)
			if class == classUnique && n < migrateStep {
				class = classConflict
			}
			if !s.again(ctx, class, n) {
				return fmt.Errorf("run %s: %w", m.name, err)
			}
		}
	}
	return nil
}

func (s *Store) recordMigration(ctx context.Context, hold cluster.Hold, m migration) error {
	_, err := s.write(ctx, writeOptions{hold: &hold, durable: true}, func(t *tx) error {
		now, err := t.now(ctx)
		if err != nil {
			return err
		}
		if _, err := t.put(ctx, "mael_migration", `delete from mael_migration where version = ?`, m.version); err != nil {
			return err
		}
		err = t.insert(ctx, "mael_migration", []string{"version", "name", "checksum", "applied_at"},
			[][]any{{m.version, m.name, m.checksum, micros(now)}})
		if err != nil {
			return err
		}
		n, err := t.put(ctx, "mael_schema", `update mael_schema set version = ?, min_reader = ? where id = 1`, m.version, m.minReader)
		if err != nil || n > 0 {
			return err
		}
		return t.insert(ctx, "mael_schema", []string{"id", "version", "min_reader"}, [][]any{{1, m.version, m.minReader}})
	})
	return err
}

// loadMigrations reads the migrations of a dialect, in order.
func loadMigrations(files fs.FS, dialect string) ([]migration, error) {
	names, err := fs.Glob(files, "sql/"+dialect+"/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out []migration
	for i, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		m, err := parseMigration(path.Base(name), string(data))
		if err != nil {
			return nil, err
		}
		if m.version != int64(i+1) {
			return nil, fmt.Errorf("migration %s is not number %d", name, i+1)
		}
		out = append(out, m)
	}
	return out, nil
}

// parseMigration splits a file into statements, which end with a semicolon at
// the end of a line. Its head says from which version on programs can use it.
func parseMigration(name, text string) (migration, error) {
	m := migration{name: strings.TrimSuffix(name, ".sql"), checksum: digest(text)}
	number, _, _ := strings.Cut(name, "_")
	var err error
	if m.version, err = strconv.ParseInt(number, 10, 64); err != nil {
		return m, fmt.Errorf("migration %s has no number", name)
	}
	var statement strings.Builder
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(line, "-- min_reader: "); ok {
			if m.minReader, err = strconv.ParseInt(strings.TrimSpace(v), 10, 64); err != nil {
				return m, fmt.Errorf("migration %s has no min_reader", name)
			}
		}
		if strings.HasPrefix(line, "--") {
			continue
		}
		statement.WriteString(line)
		if strings.HasSuffix(strings.TrimRight(line, " \n"), ";") {
			m.statements = append(m.statements, strings.TrimSuffix(strings.TrimSpace(statement.String()), ";"))
			statement.Reset()
		}
	}
	if m.minReader == 0 || strings.TrimSpace(statement.String()) != "" {
		return m, fmt.Errorf("migration %s has no min_reader or ends within a statement", name)
	}
	return m, nil
}
