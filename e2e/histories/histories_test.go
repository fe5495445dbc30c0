package histories

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/store/storetest"
)

var (
	seeds = flag.Int("histories.seeds", 20, "how many histories are made on each database")
	first = flag.Uint64("histories.first", 1, "the first seed")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if driver := os.Getenv(processEnv); driver != "" {
		if err := serveProcess(driver, os.Getenv(processEnv+"_DSN")); err != nil {
			fmt.Fprintln(os.Stderr, "client:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	for _, s := range servers {
		if s.running == nil {
			continue
		}
		if err := s.running.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop server:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// servers are those of this test run, started when they are first needed.
var servers = []*lateServer{
	{name: "postgres", start: storetest.StartPostgres},
	{name: "mariadb", start: storetest.StartMariaDB},
}

type lateServer struct {
	name    string
	start   func(args ...string) (*storetest.Server, error)
	once    sync.Once
	running *storetest.Server
	err     error
}

func (s *lateServer) open(t *testing.T) *server {
	t.Helper()
	s.once.Do(func() { s.running, s.err = s.start() })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return openServer(t, s.running)
}

// Random histories of clients that are cut off, frozen and restarted under.
// What each of them was told agrees with one order of all that was done.
func TestHistories(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { eachSeed(t, openEmbedded(t), embeddedFaults) })
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) { eachSeed(t, s.open(t), serverFaults) })
	}
}

func eachSeed(t *testing.T, s site, f []faults) {
	run := cluster.NewID()[:6]
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		w := newWorld(run, seed, f[seed%uint64(len(f))])
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			repeat := fmt.Sprintf("cd e2e && go test -race -count=20 -run '%s' ./histories -histories.first %d -histories.seeds 1", parent(t), seed)
			w.run(t, s)
			w.roles.check(t, "role", repeat, roleModel)
			w.projects.check(t, "project", repeat, projectModel)
			t.Logf("%s: %d operations on the role, %d of unknown outcome; %d and %d on the project",
				w.faults.name, len(w.roles.ops), w.roles.lostOnes(), len(w.projects.ops), w.projects.lostOnes())
		})
	}
}

// parent names the test that a subtest belongs to, as -run takes it.
func parent(t *testing.T) string {
	name := t.Name()
	for i := len(name) - 1; i > 0; i-- {
		if name[i] == '/' {
			return name[:i]
		}
	}
	return name
}

// The clients of a history, and what each does in one of its phases.
const (
	phases         = 3
	roleClients    = 4
	roleOps        = 10
	projectClients = 3
	projectOps     = 6
)

// Streams of random numbers that don't belong to a client.
const (
	faultStream = 1000
	auditStream = 2000
)

// run makes a history and ends it with an audit.
func (w *world) run(t *testing.T, s site) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	disturbed := make(chan struct{})
	go func() {
		defer close(disturbed)
		s.disturb(ctx, t, w)
	}()
	roles, projects := w.clients(s)
	for range phases {
		w.phase(ctx, s, roles, projects)
		s.between(t, w)
	}
	cancel()
	<-disturbed
	w.audit(t, s)
}

func (w *world) clients(s site) (roles []*roleClient, projects []*projectClient) {
	for n := range roleClients {
		roles = append(roles, &roleClient{client: w.client(n), name: fmt.Sprintf("node-%d", n)})
	}
	for n := range projectClients {
		projects = append(projects, &projectClient{client: w.client(roleClients + n)})
	}
	return roles, projects
}

func (w *world) client(n int) client {
	return client{world: w, random: w.rand(uint64(n)), reader: &follower{}, roleNumber: w.roles.client(), projectNumber: w.projects.client()}
}

// phase lets all clients work at the same time, until each is done.
func (w *world) phase(ctx context.Context, s site, roles []*roleClient, projects []*projectClient) {
	var working sync.WaitGroup
	for n, c := range roles {
		c.ledger = s.ledger(n)
		c.own = c.ledger
		if p := s.process(); p != nil && n == 0 {
			c.own = p
		}
		working.Go(func() { c.run(ctx, roleOps) })
	}
	for n, c := range projects {
		c.ledger = s.ledger(n)
		working.Go(func() { c.run(ctx, projectOps) })
	}
	working.Wait()
}

// audit ends a history: when all is well again everything is read, and every
// firing claimed, so that what went before has to add up.
func (w *world) audit(t *testing.T, s site) {
	auditor := &roleClient{client: w.client(auditStream), name: "auditor"}
	auditor.patient, auditor.ledger, auditor.own = true, s.ledger(0), s.ledger(0)
	auditor.seen.Role = w.role
	ctx, cancel := context.WithTimeout(t.Context(), auditTimeout)
	defer cancel()
	for !auditor.held && ctx.Err() == nil {
		auditor.look(ctx)
		auditor.take(ctx)
	}
	for key := range firingCount {
		auditor.claim(ctx, key)
	}
	if err := auditor.follow(ctx); err != nil || !auditor.held {
		t.Errorf("the database is not well after the faults have ended: role held: %v, read: %v", auditor.held, err)
	}
}
