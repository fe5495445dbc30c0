package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"maelstrom/schemas"
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

// nextProgram is the path of the next release: this program, which is another
// one by that name.
func nextProgram(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), nextVersion)
	if err := os.Symlink(os.Args[0], path); err != nil {
		t.Fatal(err)
	}
	return path
}

// becomeNext makes a process that was started as the next release that one:
// with another version and one migration more.
func becomeNext() error {
	if to, err := os.Readlink(os.Args[0]); err != nil || filepath.Base(to) != nextVersion {
		return nil // it was started as something else
	}
	version = nextVersion
	files := fstest.MapFS{}
	err := fs.WalkDir(schemas.SQL, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(schemas.SQL, path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		return err
	}
	for _, dialect := range []string{"postgres", "mysql"} {
		known, err := fs.Glob(files, "sql/"+dialect+"/*.sql")
		if err != nil {
			return err
		}
		files[fmt.Sprintf("sql/%s/%04d_next.sql", dialect, len(known)+1)] = &fstest.MapFile{Data: []byte(nextMigration)}
	}
	schemas.SQL = files
	return nil
}
