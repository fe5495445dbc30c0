package daemon

import (
	"cmp"
	"database/sql"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster/store/storetest"
	"maelstrom/runtime/fake"
)

var sleepers = flag.Int("sleepers", 200, "sleeping components that are asked within one second")

// Many components that are asked for within a second, in real time and on the
// fake engine, are each placed once; those that wait for a transaction share the
// next.
func TestManySleepersInASecond(t *testing.T) {
	for name, start := range map[string]func(...string) (*storetest.Server, error){
		"postgres": storetest.StartPostgres, "mariadb": storetest.StartMariaDB,
	} {
		t.Run(name, func(t *testing.T) {
			server, err := start()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Stop()
			database, err := server.NewDatabase(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, 1, map[string]fake.Image{"web": {Handler: okHandler}}) // that starts at once
			defer w.close()
			m := w.members[0]
			m.opt.SQLDriver, m.opt.SQLDSN, m.opt.TotalMemoryMiB = server.Driver, server.DSN(database), 1<<20
			m.join()
			m.apply(sleepersYAML())
			took := m.askAll(t)
			perCommit := decisionsPerCommit(t, server, database)
			decided := 0
			for _, n := range perCommit {
				decided += n
			}
			t.Logf("%d sleepers asked in a second: %d placements in %d transactions, %.1f each, at most %d; answered after p50 %s, p99 %s, at most %s",
				*sleepers, decided, len(perCommit), float64(decided)/float64(len(perCommit)), slices.Max(perCommit),
				took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
			if decided != *sleepers {
				t.Errorf("%d placements of %d components", decided, *sleepers)
			}
		})
	}
}

func sleepersYAML() string {
	var text strings.Builder
	text.WriteString("name: shop\ncomponents:\n")
	for i := range *sleepers {
		fmt.Fprintf(&text, "  c%[1]d:\n    image: web\n    reservememory: 4\n    eventsources:\n      c%[1]d-http: {http: {hostname: c%[1]d.test}}\n", i)
	}
	return text.String()
}

// askAll asks for each component, one after the other over a second, and
// returns how long the answers took, sorted.
func (m *member) askAll(t *testing.T) []time.Duration {
	t.Helper()
	took := make([]time.Duration, *sleepers)
	var all sync.WaitGroup
	began := time.Now()
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for i := range took {
		for time.Since(began) < time.Duration(i)*time.Second/time.Duration(*sleepers) {
			<-pace.C
		}
		all.Go(func() {
			asked := time.Now()
			got, err := m.request(fmt.Sprintf("c%d.test", i))
			if err != nil || got.status != http.StatusOK {
				t.Errorf("c%d: %d %s, %v", i, got.status, got.body, err)
			}
			took[i] = time.Since(asked).Round(100 * time.Microsecond)
		})
	}
	all.Wait()
	slices.SortFunc(took, cmp.Compare)
	return took
}

// decisionsPerCommit is how many placements each transaction has made that made
// any.
func decisionsPerCommit(t *testing.T, server *storetest.Server, database string) (counts []int) {
	t.Helper()
	db, err := sql.Open(server.Driver, server.DSN(database))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), `select count(*) from mael_change where kind = 'placement' group by n`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, n)
	}
	if err := rows.Err(); err != nil || len(counts) == 0 {
		t.Fatalf("no placement was made: %v", err)
	}
	return counts
}
