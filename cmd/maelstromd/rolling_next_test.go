package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"
)

// nextVersion is that of the release after this one.
const nextVersion = "next"

// nextMigration is what the next release does to the database: it expands what
// nodes write each minute, and what is written with each project.
const nextMigration = `-- min_reader: 1
alter table mael_node add column next_release bigint not null default 0;
alter table mael_project add column next_release bigint not null default 0;
create table if not exists mael_next_release (id bigint not null primary key);
`

// buildNext builds the next release: this one, with another version and one
// more migration. The program behaves as a daemon as this one does.
func buildNext(t testing.TB) (program string) {
	t.Helper()
	dir := t.TempDir()
	tables, err := filepath.Abs("../../schemas/sql/postgres")
	if err != nil {
		t.Fatal(err)
	}
	known, err := filepath.Glob(filepath.Join(tables, "*.sql"))
	if err != nil || len(known) == 0 {
		t.Fatal("no migrations", err)
	}
	migration := filepath.Join(dir, "next.sql")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(tables, fmt.Sprintf("%04d_next.sql", len(known)+1)): migration,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{migration: []byte(nextMigration), filepath.Join(dir, "overlay.json"): overlay} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program = filepath.Join(dir, "next")
	build := exec.Command("go", "test", "-c", "-race="+raced(), "-overlay", filepath.Join(dir, "overlay.json"),
		"-ldflags", "-X maelstrom/cmd/maelstromd.version="+nextVersion, "-o", program, ".")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the next release: %v\n%s", err, output)
	}
	return program
}

// raced tells whether this program has the race detector.
func raced() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, setting := range info.Settings {
			if setting.Key == "-race" {
				return setting.Value
			}
		}
	}
	return "false"
}
