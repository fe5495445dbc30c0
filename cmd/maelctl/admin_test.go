package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/storetest"
)

// result is what one run of maelctl came to.
type result struct {
	code           int
	stdout, stderr string
}

// maelctl runs a command line in this process, for a data directory.
func maelctl(t *testing.T, dir, stdin string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := map[string]string{"MAEL_DATA_DIR": dir, "MAELSTROM_ACTOR": "ann"}
	a := &app{stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr, lookupEnv: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}}
	code := a.run(t.Context(), args)
	return result{code, stdout.String(), stderr.String()}
}

func (r result) want(t *testing.T, code int, words ...string) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s%s", r.code, code, r.stdout, r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.stdout+r.stderr, word) {
			t.Errorf("%q is missing in\n%s%s", word, r.stdout, r.stderr)
		}
	}
	return r
}

// serve runs a daemon on a data directory until stop.
func serve(t *testing.T, dir string) (stop func()) {
	t.Helper()
	d, err := startDaemon(dir)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := d.stop(); err != nil {
			t.Errorf("daemon ended: %v", err)
		}
	}
	t.Cleanup(stop)
	if err := d.await(); err != nil {
		t.Fatal(err)
	}
	return stop
}

func apply(t *testing.T, dir, image string) result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "maelstrom.yml")
	text := "name: shop\ncomponents:\n  web: {image: " + image + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return maelctl(t, dir, "", "project", "apply", "-f", file)
}

func imageOf(t *testing.T, dir string) string {
	t.Helper()
	return strings.TrimSpace(maelctl(t, dir, "", "comp", "ls", "--jq", ".components[0].image").want(t, 0).stdout)
}

func TestRestorePutsABackupInPlace(t *testing.T) {
	dir, backup := t.TempDir(), filepath.Join(t.TempDir(), "monday.db")
	stop := serve(t, dir)
	apply(t, dir, "web:1").want(t, 0)
	maelctl(t, dir, "", "admin", "backup", backup).want(t, 0)
	apply(t, dir, "web:2").want(t, 0)
	maelctl(t, dir, "", "admin", "restore", backup).want(t, 5, "a maelstromd runs on "+dir, "stop it first")
	if got := imageOf(t, dir); got != "web:2" {
		t.Fatalf("a refused restore left %s", got)
	}
	stop()
	// As after a kill: the log holds commits that the file lacks.
	live := filepath.Join(dir, "maelstrom.db")
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.WriteFile(live+suffix, []byte("stale"), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	var done restored
	out := maelctl(t, dir, "", "admin", "restore", backup, "-o", "json").want(t, 0)
	if err := json.Unmarshal([]byte(out.stdout), &done); err != nil || done.Kept == nil || done.Path != live || done.ClusterID == "" || done.MovedTo != nil {
		t.Fatalf("%s, %v", out.stdout, err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(live + suffix); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", suffix, err)
		}
	}
	if log, err := os.ReadFile(*done.Kept + "-wal"); err != nil || string(log) != "stale" {
		t.Errorf("the log was not kept with its database: %q, %v", log, err)
	}
	for _, path := range []string{live, *done.Kept} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	stop = serve(t, dir)
	if got := imageOf(t, dir); got != "web:1" {
		t.Errorf("restored %s", got)
	}
	stop()

	// What was there can be put back.
	if err := os.Remove(*done.Kept + "-wal"); err != nil {
		t.Fatal(err)
	}
	maelctl(t, dir, "", "admin", "restore", *done.Kept).want(t, 0, "Restored "+live, "The database that was there is", "Start the daemon")
	serve(t, dir)
	if got := imageOf(t, dir); got != "web:2" {
		t.Errorf("put back %s", got)
	}
}

func TestRestoreOnAFreshMachine(t *testing.T) {
	dir, backup := t.TempDir(), filepath.Join(t.TempDir(), "monday.db")
	stop := serve(t, dir)
	apply(t, dir, "web:1").want(t, 0)
	maelctl(t, dir, "", "admin", "backup", backup).want(t, 0)
	stop()
	fresh := filepath.Join(t.TempDir(), "new", "data")
	out := maelctl(t, "", "", "admin", "restore", backup, "--data-dir", fresh).want(t, 0)
	if strings.Contains(out.stdout, "was there") {
		t.Errorf("nothing was there:\n%s", out.stdout)
	}
	serve(t, fresh)
	if got := imageOf(t, fresh); got != "web:1" {
		t.Errorf("restored %s", got)
	}
}

func TestRestoreRefusesWhatIsNoBackup(t *testing.T) {
	dir := t.TempDir()
	stop := serve(t, dir)
	apply(t, dir, "web:1").want(t, 0)
	backup := filepath.Join(t.TempDir(), "good.db")
	maelctl(t, dir, "", "admin", "backup", backup).want(t, 0)
	stop()
	live := filepath.Join(dir, "maelstrom.db")
	before, err := os.ReadFile(live)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.db")
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("hello"), "cut off": good[:len(good)/2]} {
		if err := os.WriteFile(bad, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := maelctl(t, dir, "", "admin", "restore", bad).want(t, 3, "not a maelstrom database"); got.stdout != "" {
			t.Errorf("%s: %s", name, got.stdout)
		}
	}
	maelctl(t, dir, "", "admin", "restore", bad+".missing").want(t, 3, "no such file")
	maelctl(t, dir, "", "admin", "restore").want(t, 64)
	after, err := os.ReadFile(live)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the database has changed, %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".restore-*")); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

// emptyDatabase starts a PostgreSQL server that has a database.
func emptyDatabase(t *testing.T) (server *storetest.Server, name string) {
	t.Helper()
	server, err := storetest.StartPostgres()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	name, err = server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return server, name
}

func TestMigrateMovesARunningNode(t *testing.T) {
	server, name := emptyDatabase(t)
	dsn := strings.Replace(server.DSN(name), "postgres@", "postgres:hunter2@", 1)
	dir := t.TempDir()
	stop := serve(t, dir)
	apply(t, dir, "web:1").want(t, 0)
	quiet := func(r result) {
		t.Helper()
		if strings.Contains(r.stdout+r.stderr, "hunter2") {
			t.Errorf("the password is shown:\n%s%s", r.stdout, r.stderr)
		}
	}
	maelctl(t, dir, "", "admin", "migrate").want(t, 64, "name a server by --to, or --cancel")
	maelctl(t, dir, "", "admin", "migrate", "--cancel", "--dry-run").want(t, 64)
	maelctl(t, dir, "", "admin", "migrate", "--cancel").want(t, 6)
	quiet(maelctl(t, dir, "", "admin", "migrate", "--to", "mael:hunter2@nowhere").want(t, 64, "the DSN is neither"))
	quiet(maelctl(t, dir, "", "admin", "migrate", "--to", "postgres://mael:hunter2@127.0.0.1:1/x?sslmode=disable").want(t, 1, "127.0.0.1:1/x does not answer"))

	dry := maelctl(t, dir, "", "admin", "migrate", "--to", dsn, "--dry-run").want(t, 0, "mael_component", "Nothing was changed.")
	quiet(dry)
	apply(t, dir, "web:2").want(t, 0)

	moved := maelctl(t, dir, dsn+"\n", "admin", "migrate", "--to", "-").want(t, 0, "MAEL_SQL_DRIVER=postgres", server.Address+"/"+name)
	quiet(moved)
	apply(t, dir, "web:3").want(t, 5, "this node has moved to postgres")
	maelctl(t, dir, "", "admin", "token", "new", "late").want(t, 5, "this node has moved to postgres")
	maelctl(t, dir, "", "comp", "restart", "shop_web").want(t, 5)
	maelctl(t, dir, "", "comp", "ls").want(t, 0)

	maelctl(t, dir, "", "admin", "migrate", "--cancel").want(t, 0, "Called off the move to postgres")
	apply(t, dir, "web:3").want(t, 0)
	quiet(maelctl(t, dir, "", "admin", "migrate", "--to", dsn, "-o", "json").want(t, 0, `"driver": "postgres"`, `"moved_at": "2`))
	stop()
	refused(t, dir)

	// Called off while the daemon is stopped.
	maelctl(t, dir, "", "admin", "migrate", "--cancel").want(t, 0, "Called off")
	maelctl(t, dir, "", "admin", "migrate", "--cancel").want(t, 6)
	serve(t, dir)
	if got := imageOf(t, dir); got != "web:3" {
		t.Errorf("stayed with %s", got)
	}
}

// refused starts a daemon that must not serve from where it was.
func refused(t *testing.T, dir string) {
	t.Helper()
	d, err := startDaemon(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = d.await()
	if err == nil || !strings.Contains(err.Error(), "moved to postgres") || !strings.Contains(err.Error(), "MAEL_SQL_DSN") {
		t.Errorf("%v", err)
	}
	if err := d.stop(); err == nil {
		t.Error("it ended without an error")
	}
}

func TestRestoreSaysThatTheNodeHadMoved(t *testing.T) {
	dir := t.TempDir()
	stop := serve(t, dir)
	stop()
	path := filepath.Join(dir, "maelstrom.db")
	s, err := store.Open(context.Background(), store.Options{Driver: "sqlite", DSN: path})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.MarkLeft(t.Context(), store.Move{ID: "m", Driver: "postgres"}), s.Close()); err != nil {
		t.Fatal(err)
	}
	maelctl(t, dir, "", "admin", "restore", path).want(t, 0, "after the node had moved to postgres", "--cancel")
}

func TestDoctorAsksTheDaemon(t *testing.T) {
	dir := t.TempDir()
	stop := serve(t, dir)
	// The gateway of the fake engine's network is no address of this machine.
	out := maelctl(t, dir, "", "admin", "doctor", "-o", "json").want(t, 1)
	var found examined
	if err := json.Unmarshal([]byte(out.stdout), &found); err != nil || found.Healthy || !found.Daemon {
		t.Fatalf("%v\n%s", err, out.stdout)
	}
	status := map[string]rpc.CheckStatus{}
	for _, c := range found.Checks {
		status[c.Name] = c.Status
	}
	for name, want := range map[string]rpc.CheckStatus{
		"daemon": "ok", "database": "ok", "database.schema": "ok", "database.writable": "ok", "clock.offset": "ok",
		"engine": "ok", "port.public": "ok", "port.private": "ok", "port.bridge.bridge": "failed", "firewall": "skipped",
	} {
		if status[name] != want {
			t.Errorf("%s is %q, want %q", name, status[name], want)
		}
	}
	maelctl(t, dir, "", "admin", "doctor").want(t, 1, "CHECK", "database.writable", "port.bridge.bridge: see the daemon's log")

	// Without it: what can be seen from here.
	stop()
	gone := maelctl(t, dir, "", "admin", "doctor", "-o", "json").want(t, 1)
	for _, word := range []string{`"daemon": false`, `"data_dir"`, `"disk"`, "no maelstromd runs on this data directory", "the daemon was last at", "start maelstromd"} {
		if !strings.Contains(gone.stdout, word) {
			t.Errorf("%q is missing in\n%s", word, gone.stdout)
		}
	}
}

func TestDoctorSeesWhatIsWrongHere(t *testing.T) {
	dir := t.TempDir()
	lock, err := rpc.LockDataDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := os.WriteFile(filepath.Join(dir, rpc.ClientFileName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	ports := portPool{}
	taken, err := ports.add()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		check  rpc.Check
		status rpc.CheckStatus
	}{
		"held lock":         {checkLock(dir), rpc.CheckWarning},
		"no lock":           {checkLock(t.TempDir()), rpc.CheckOK},
		"damaged client":    {checkClientFile(dir), rpc.CheckFailed},
		"no client":         {checkClientFile(t.TempDir()), rpc.CheckWarning},
		"missing directory": {checkDirectory(filepath.Join(dir, "missing")), rpc.CheckFailed},
		"file":              {checkDirectory(filepath.Join(dir, rpc.ClientFileName)), rpc.CheckFailed},
		"taken port":        {(&app{lookupEnv: func(string) (string, bool) { return "", false }}).checkPort("p", "MAEL_X", taken), rpc.CheckWarning},
	} {
		if c.check.Status != c.status || c.check.Status != rpc.CheckOK && c.check.Advice == "" {
			t.Errorf("%s: %+v", name, c.check)
		}
	}
	far := maelctl(t, dir, "", "admin", "doctor", "--url", "http://192.0.2.1:1").want(t, 1)
	if strings.Contains(far.stdout, "data_dir") {
		t.Errorf("another machine's daemon is looked for here:\n%s", far.stdout)
	}
}
