package store

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// Two writers that lock the same rows in the opposite order: the server ends
// one of them, which is run again.
func TestDeadlock(t *testing.T) {
	onServer(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_a", "image"), component("p", "p_b", "image")))
		both := make(chan struct{}) // closed when each has its first lock
		var first, writers sync.WaitGroup
		first.Add(2)
		go func() { first.Wait(); close(both) }()
		for _, order := range [][]string{{"p_a", "p_b"}, {"p_b", "p_a"}} {
			writers.Go(func() {
				runs := 0
				_, err := s.write(t.Context(), writeOptions{}, func(tx *tx) error {
					runs++
					for i, name := range order {
						if _, err := tx.put(t.Context(), "mael_component", `update mael_component set modified_at = modified_at + 1 where name = ?`, name); err != nil {
							return err
						}
						if i == 0 && runs == 1 {
							first.Done()
							<-both
						}
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		writers.Wait()
		if s.Stats().Retries == 0 {
			t.Fatal("nobody was run again")
		}
	})
}

// Who waits too long for a lock, is told so, and is run again.
func TestLockTimeout(t *testing.T) {
	shorten := map[string]string{"postgres": `set local lock_timeout = 50`, "mysql": `set session innodb_lock_wait_timeout = 1`}
	onServer(t, func(t *testing.T, d database, s *Store) {
		apply1(t, s, projectOf("p", component("p", "p_a", "image")))
		const lock = `update mael_component set modified_at = 1 where name = 'p_a'`
		holder, err := s.begin(t.Context(), s.writer)
		must(t, err)
		_, err = holder.exec(t.Context(), lock)
		must(t, err)
		_, err = s.write(t.Context(), writeOptions{}, func(tx *tx) error {
			if _, err := tx.exec(t.Context(), shorten[d.driver]); err != nil {
				return err
			}
			_, err := tx.exec(t.Context(), lock)
			if holder != nil {
				if s.dialect.classify(err) != classConflict {
					t.Errorf("a lock that is not to be had: %v", err)
				}
				must(t, holder.Rollback())
				holder = nil
			}
			return err
		})
		must(t, err)
	})
}

// An administrator ends the session in the middle of a transaction.
func TestKilledSession(t *testing.T) {
	identify := map[string]string{"postgres": `select pg_backend_pid()`, "mysql": `select connection_id()`}
	kill := map[string]string{"postgres": `select pg_terminate_backend(%d)`, "mysql": `kill %d`}
	onServer(t, func(t *testing.T, d database, s *Store) {
		killed := 0
		number, err := s.write(t.Context(), writeOptions{}, func(tx *tx) error {
			tx.changed(cluster.ChangeNode, "x")
			if killed++; killed > 1 {
				return nil
			}
			var id int64
			if err := tx.row(t.Context(), identify[d.driver]).Scan(&id); err != nil {
				return err
			}
			_, err := s.writer.ExecContext(t.Context(), fmt.Sprintf(kill[d.driver], id))
			return err
		})
		if err != nil || killed != 2 || number != 1 {
			t.Fatalf("change %d after %d runs, %v", number, killed, err)
		}
	})
}

// The pool closes connections before the server finds them idle too long:
// lease statements are not run again, so a closed one would cost an error.
func TestIdleConnections(t *testing.T) {
	onServer(t, func(t *testing.T, d database, s *Store) {
		hold := take(t, s, cluster.RolePlacement, "a")
		var conns []*sql.Conn
		for range maxIdle {
			c, err := s.writer.Conn(t.Context())
			must(t, err)
			conns = append(conns, c)
		}
		for _, c := range conns {
			must(t, c.Close())
		}
		<-time.After(idleTimeout + time.Second)
		for range maxIdle {
			if held, err := s.RenewLeases(t.Context(), "a", []cluster.Hold{hold}); err != nil || len(held) != 1 {
				t.Fatalf("renewed %v, %v", held, err)
			}
		}
	})
}

// What an account needs, and no more: the rights on one database.
func TestPrivileges(t *testing.T) {
	grants := map[string][]string{
		"postgres": {`create role NAME login`, `grant usage, create on schema public to NAME`},
		"mysql":    {`create user NAME@'127.0.0.1'`, "grant select, insert, update, delete, create, alter, index on NAME.* to NAME@'127.0.0.1'"},
	}
	t.Parallel()
	for _, k := range []kind{{"postgres", &postgres}, {"mariadb", &mariadb}} { // a pooler has an account of its own
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			server := k.server.get(t)
			name, err := server.NewDatabase(t.Context())
			must(t, err)
			admin, err := sql.Open(server.Driver, server.DSN(name))
			must(t, err)
			defer admin.Close()
			for _, grant := range grants[server.Driver] {
				_, err := admin.ExecContext(t.Context(), strings.ReplaceAll(grant, "NAME", name))
				must(t, err)
			}
			dsn := strings.NewReplacer("postgres@", name+"@", "root@", name+"@").Replace(server.DSN(name))
			s := database{server.Driver, dsn}.open(t)
			must(t, s.migrate(t.Context(), "a", append(known(t, s), nextRelease(t, s)...)))
			apply1(t, s, projectOf("p", component("p", "p_c", "image")))
			write(t, s, take(t, s, cluster.RolePlacement, "a"), insert(place("x", "web", 0)))
		})
	}
}

// Specs that together are longer than any statement may be.
func TestLargeSpecs(t *testing.T) {
	onEachDirectly(t, func(t *testing.T, d database, s *Store) {
		p := &project.Project{Name: "large"}
		for i := range 24 {
			c := component("large", fmt.Sprintf("large_%02d", i), "image")
			c.Environment = []project.EnvVar{{Name: "TEXT", Value: strings.Repeat("🌊", 1<<18)}} // 1 MiB
			p.Components = append(p.Components, *c)
		}
		apply1(t, s, p)
		for name, row := range all(t, s).Components {
			if len(row.Spec.Environment[0].Value) != 1<<20 {
				t.Fatalf("%s: %d bytes", name, len(row.Spec.Environment[0].Value))
			}
		}
	})
}

// Texts that some database can't keep as they are.
func TestTextsOfAnyOrigin(t *testing.T) {
	onEach(t, func(t *testing.T, d database, s *Store) {
		const raw, kept = "é\x00\xff\xfe 🌊", "é\uFFFD\uFFFD 🌊"
		f := firing(0, time.Unix(1000, 0).UTC())
		ok, err := s.ClaimFiring(t.Context(), take(t, s, cluster.RoleCron, "a"), f)
		if err != nil || !ok {
			t.Fatalf("claim %v, %v", ok, err)
		}
		f.Error = raw
		must(t, s.FinishFiring(t.Context(), f))
		if last, err := s.LastFirings(t.Context(), f.EventSource, 1); err != nil || last[0].Error != kept {
			t.Fatalf("%q, %v", last[0].Error, err)
		}
		req := request(projectOf("p", component("p", "p_c", "image")))
		req.Actor, req.SourceRevision = raw, "main"
		_, err = s.ApplyProject(t.Context(), req)
		must(t, err)
		if r, err := s.Revisions(t.Context(), "p", 1); err != nil || r[0].Actor != kept {
			t.Fatalf("%q, %v", r[0].Actor, err)
		}
	})
}
