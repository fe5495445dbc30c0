package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store/storetest"
	"maelstrom/runtime/drivertest"
)

func postgres() (*storetest.Server, error) { return storetest.StartPostgres() }
func mariadb() (*storetest.Server, error)  { return storetest.StartMariaDB() }

// emptyDatabase starts a server and makes a database on it.
func emptyDatabase(t *testing.T, start func() (*storetest.Server, error)) (server *storetest.Server, dsn string) {
	t.Helper()
	server, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	name, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server, server.DSN(name)
}

// A node moves to a server while it serves: its containers run on, and nothing
// that was declared is lost, however the daemon ends.
func TestMovingToAServerLosesNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start func() (*storetest.Server, error)
		end   syscall.Signal
	}{
		"postgres":             {postgres, syscall.SIGTERM},
		"mariadb":              {mariadb, syscall.SIGTERM},
		"postgres, was killed": {postgres, syscall.SIGKILL},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, dsn := emptyDatabase(t, c.start)
			testMove(t, rpc.MigrateRequest{Driver: server.Driver, DSN: dsn}, c.end)
		})
	}
}

func testMove(t *testing.T, to rpc.MigrateRequest, end syscall.Signal) {
	n := newNode(t)
	awake := web{name: "awake", image: drivertest.BuildImage(t)}
	later := web{name: "later", image: awake.image}
	n.apply(projectOf("move", awake))
	n.apply(projectOf("move", awake, later))
	n.mustGet(awake.host(), "/")
	if _, err := n.client().NewToken(t.Context(), "ci"); err != nil {
		t.Fatal(err)
	}
	before := n.declared()
	first := n.engine.only(t, n.id)

	moved, err := n.client().Migrate(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if moved.MovedAt == nil || moved.Rows == 0 {
		t.Errorf("%+v", moved)
	}
	n.wantRefusals()
	n.mustGet(later.host(), "/") // woken after the copy: the file alone knows of it
	running := idsOf(n.engine.containers(t, n.id))
	n.signal(end)
	n.awaitExit()

	n.run() // with the settings of before
	if code := n.awaitExit(); code != 1 || !n.log.has("maelstromd:", "moved to "+to.Driver, "MAEL_SQL_DSN", "--cancel") {
		t.Errorf("a start on the file that was left: exit code %d\n%s", code, n.log.tail(5))
	}
	n.env = append(n.env, "MAEL_SQL_DRIVER="+to.Driver, "MAEL_SQL_DSN="+to.DSN)
	n.start()
	n.mustGet(awake.host(), "/")
	n.mustGet(later.host(), "/")
	if after := idsOf(n.engine.containers(t, n.id)); !slices.Equal(after, running) || !slices.Contains(after, first.ID) {
		t.Errorf("containers %v became %v", running, after)
	}
	if !n.log.has("move completed") {
		t.Error("the move was not completed")
	}
	if diff := cmp.Diff(before, n.declared()); diff != "" {
		t.Errorf("what was declared has changed: %s", diff)
	}
	n.apply(projectOf("move", awake))
}

func idsOf(containers []container.Summary) (ids []string) {
	for _, c := range containers {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	return ids
}

// declared is what people have told a node.
type declared struct {
	Cluster    string
	Revisions  []cluster.Revision
	Components map[string]int64
	Tokens     []string
}

func (n *node) declared() declared {
	n.t.Helper()
	ctx, client := n.t.Context(), n.client()
	version, err := client.Version(ctx)
	detail, err2 := client.GetProject(ctx, rpc.GetProjectRequest{Name: "move"})
	tokens, err3 := client.Tokens(ctx)
	if err := errors.Join(err, err2, err3); err != nil {
		n.t.Fatal(err)
	}
	all := declared{Cluster: version.ClusterID, Revisions: detail.Revisions, Components: map[string]int64{}}
	for _, c := range detail.Components {
		all.Components[c.Name] = c.Version
	}
	for _, token := range tokens.Tokens {
		all.Tokens = append(all.Tokens, token.Name)
	}
	return all
}

// wantRefusals checks that nothing can be declared that would be lost.
func (n *node) wantRefusals() {
	n.t.Helper()
	ctx, client := n.t.Context(), n.client()
	for what, declare := range map[string]func() error{
		"apply": func() error {
			_, err := client.ApplyProject(ctx, rpc.ApplyRequest{ProjectFiles: rpc.ProjectFiles{
				Base: rpc.SourceFile{Path: "maelstrom.yml", Data: []byte("name: new\ncomponents:\n  web: {image: web}\n")}}})
			return err
		},
		"remove": func() error { _, err := client.RemoveProject(ctx, rpc.RemoveProjectRequest{Name: "move"}); return err },
		"restart": func() error {
			_, err := client.Restart(ctx, rpc.RestartRequest{Names: []string{"move_awake"}})
			return err
		},
		"disable": func() error {
			_, err := client.DisableEventSources(ctx, rpc.SwitchRequest{Names: []string{"move_awake-http"}})
			return err
		},
		"new token":    func() error { _, err := client.NewToken(ctx, "late"); return err },
		"remove token": func() error { _, err := client.RemoveToken(ctx, "ci"); return err },
	} {
		if err := declare(); !errors.Is(err, cluster.ErrConflict) || !strings.Contains(err.Error(), "this node has moved to") {
			n.t.Errorf("%s: %v", what, err)
		}
	}
	if got := n.getPrivate("", "/readyz"); got.status != http.StatusOK || !strings.Contains(got.body, "this node has moved to") {
		n.t.Errorf("readyz: %s", got)
	}
}

// Between the copy and the restart the server's database is for this node
// alone, and for the last copy alone.
func TestAServerThatIsMovedToWaitsForItsNode(t *testing.T) {
	t.Parallel()
	server, dsn := emptyDatabase(t, postgres)
	n := newNode(t)
	if _, err := n.client().Migrate(t.Context(), rpc.MigrateRequest{Driver: server.Driver, DSN: dsn}); err != nil {
		t.Fatal(err)
	}
	onServer := []string{"MAEL_SQL_DRIVER=" + server.Driver, "MAEL_SQL_DSN=" + dsn}
	other := prepareNode(t, onServer...)
	other.run()
	if code := other.awaitExit(); code != 1 || !other.log.has("maelstromd:", n.id, "start its maelstromd on it first") {
		t.Errorf("another node: exit code %d\n%s", code, other.log.tail(5))
	}
	if _, err := n.client().CancelMigrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	n.apply(projectOf("move", web{name: "new", image: "new"}))
	n.signal(syscall.SIGTERM)
	n.awaitExit()
	n.env = append(n.env, onServer...)
	n.run()
	if code := n.awaitExit(); code != 1 || !n.log.has("maelstromd:", "is not the last word") {
		t.Errorf("on a copy that was called off: exit code %d\n%s", code, n.log.tail(5))
	}
	// Without the file there is no other word.
	if err := os.Rename(filepath.Join(n.dir, "maelstrom.db"), filepath.Join(n.dir, "away.db")); err != nil {
		t.Fatal(err)
	}
	n.start()
	if !n.log.has("the file that was moved from is gone") {
		t.Error("nothing is said about the file")
	}
	other = prepareNode(t, onServer...)
	other.start()
}
