package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// The dialects agree on tables, columns, what can be null, and keys, as the
// databases themselves tell after every migration.
func TestDialectsAgree(t *testing.T) {
	shapes := map[string][]string{}
	var mu sync.Mutex
	t.Run("each", func(t *testing.T) {
		for _, k := range databases {
			t.Run(k.name, func(t *testing.T) {
				t.Parallel()
				d := k.empty(t)
				s := d.open(t)
				must(t, s.Migrate(t.Context(), "test"))
				got := shape(t, s)
				mu.Lock()
				defer mu.Unlock()
				shapes[k.name] = got
			})
		}
	})
	want := shapes["sqlite"]
	if len(want) < 100 {
		t.Fatalf("only %d facts about the schema", len(want))
	}
	for name, got := range shapes {
		for _, fact := range want {
			if !slices.Contains(got, fact) {
				t.Errorf("%s lacks %s", name, fact)
			}
		}
		for _, fact := range got {
			if !slices.Contains(want, fact) {
				t.Errorf("%s has %s, sqlite doesn't", name, fact)
			}
		}
	}
}

// Queries for tables and columns with type, and nullability; and for the
// columns of keys and indexes, in order, by an index name of no meaning.
var (
	columnQueries = map[string]string{
		"sqlite": `select m.name, c.name, c.type, case when c."notnull" = 1 then 'NO' else 'YES' end
			from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' and m.name like 'mael%'`,
		"postgres": `select table_name, column_name, data_type || coalesce('(' || character_maximum_length || ')', ''), is_nullable
			from information_schema.columns where table_schema = 'public'`,
		"mysql": `select table_name, column_name, column_type, is_nullable from information_schema.columns where table_schema = database()`,
	}
	keyQueries = map[string]string{
		"sqlite": `select m.name, l.name, l."unique", i.name from sqlite_master m join pragma_index_list(m.name) l
			join pragma_index_info(l.name) i where m.type = 'table' and m.name like 'mael%'
			union all select m.name, 'rowid', 1, c.name from sqlite_master m join pragma_table_info(m.name) c
			where m.type = 'table' and m.name like 'mael%' and c.pk = 1 and c.type = 'INTEGER' and
				(select count(*) from pragma_index_list(m.name) where origin = 'pk') = 0`,
		"postgres": `select t.relname, i.relname, case when x.indisunique then 1 else 0 end, a.attname
			from pg_index x join pg_class t on t.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
			join pg_namespace n on n.oid = t.relnamespace and n.nspname = 'public'
			cross join lateral unnest(x.indkey) with ordinality k(attnum, position)
			join pg_attribute a on a.attrelid = t.oid and a.attnum = k.attnum order by i.relname, k.position`,
		"mysql": `select table_name, index_name, 1 - non_unique, column_name from information_schema.statistics
			where table_schema = database() order by table_name, index_name, seq_in_index`,
	}
	kinds = strings.NewReplacer("character varying(191)", "key", "varbinary(191)", "key", "mediumtext", "text", "TEXT", "text",
		"bigint(20)", "integer", "bigint", "integer", "INTEGER", "integer")
)

// shape is the schema as facts in the same words for every dialect.
func shape(t *testing.T, s *Store) (facts []string) {
	t.Helper()
	rows, err := s.reader.QueryContext(t.Context(), columnQueries[s.Dialect()])
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var table, column, kind, nullable string
		must(t, rows.Scan(&table, &column, &kind, &nullable))
		if kind = kinds.Replace(kind); kind == "key" {
			kind = "text" // SQLite knows no other
		}
		facts = append(facts, fmt.Sprintf("column %s.%s %s, null %s", table, column, kind, nullable))
	}
	must(t, rows.Err())
	type index struct {
		table, name string
		unique      int
	}
	columns := map[index][]string{}
	keys, err := s.reader.QueryContext(t.Context(), keyQueries[s.Dialect()])
	must(t, err)
	defer keys.Close()
	for keys.Next() {
		var i index
		var column string
		must(t, keys.Scan(&i.table, &i.name, &i.unique, &column))
		columns[i] = append(columns[i], column)
	}
	must(t, keys.Err())
	for i, c := range columns {
		facts = append(facts, fmt.Sprintf("key of %s (%s), unique %d", i.table, strings.Join(c, ", "), i.unique))
	}
	return facts
}
