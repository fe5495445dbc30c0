package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store"
	"maelstrom/cluster/store/storetest"
	"maelstrom/cmd/maelstromd/daemon"
)

// lookingVerbs are those that only look, each as it is tried.
var lookingVerbs = map[string][]string{
	"admin claims export": nil,
	"admin doctor":        nil,
	"admin token ls":      nil,
	"alerts":              nil,
	"cluster ca":          nil,
	"cluster nodes":       nil,
	"cluster ps":          nil,
	"cluster removable":   nil,
	"cluster roles":       nil,
	"comp explain":        {"shop_web"},
	"comp ls":             nil,
	"comp status":         {"shop_web"},
	"cron ls":             {"--last"},
	"es ls":               nil,
	"events":              nil,
	"logs":                {"shop_web"},
	"notifier get":        {"hook"},
	"notifier ls":         nil,
	"project diff":        {"-f", "shop.yml"},
	"project export":      {"shop"},
	"project get":         {"shop"},
	"project history":     {"shop"},
	"project ls":          nil,
	"project status":      {"shop"},
	"project wait":        {"shop", "--timeout", "2s"},
	"route":               {"http://shop.localhost/"},
	"source deliveries":   {"files"},
	"source events":       {"files"},
	"source get":          {"files"},
	"source ls":           nil,
	"source test":         {"files"},
}

// answers are what is in those of verbs that go by copies of their own, without
// the database and when started without it.
var answers = map[string][2]string{
	"admin claims export": {`shop\.localhost`, `shop\.localhost`},
	"events":              {`applied +.*shop`, `applied +.*shop`},
	"project diff":        {`^shop: nothing to change\.\n[^N]*$`, `^shop: nothing to change\.\nNote: this compares with a copy that has no secrets`},
	"project export":      {`COLOUR=hush`, `(?s)# Written without the database.*# Left out: data of shop_tidy\n.*COLOUR=\$\{COLOUR\}`},
	"project get":         {`(?s)REVISION.*\n1 .*applied`, `(?s)REVISION.*\n1 .*applied`},
	"project history":     {`\n1 .*apply`, `\n1 .*apply`},
	"source deliveries":   {`202`, `202`},
	"source events":       {`source_changed`, `source_changed`},
	"source get":          {`source_changed`, `source_changed`},
	"source test":         {`^Fetched`, `^Fetched`},
}

// otherVerbs change something, or need no daemon.
var otherVerbs = strings.Fields(`admin/backup admin/claims/restore admin/migrate admin/rekey admin/restore admin/token/new admin/token/rm
	cluster/drain cluster/rm cluster/undrain comp/exec comp/restart comp/run comp/sleep comp/wake cron/next es/disable es/enable
	notifier/add notifier/rm notifier/set notifier/test project/apply project/approve-prune project/init project/put project/render
	project/resume project/rm project/rollback project/set project/suspend project/sync project/validate
	schema simulate version source/add source/apply source/rm source/set`)

const verbsFile = "../../docs/cluster.md"

// verdicts are the two answers of the table in docs for each verb.
func verdicts(t *testing.T) map[string][2]string {
	t.Helper()
	text, err := os.ReadFile(verbsFile)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| verb | without the database |")
	table, _, _ = strings.Cut(table, "\n\n")
	found := map[string][2]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z ]+)` \\| ([^|]+) \\| ([^|]+) \\|$").FindAllStringSubmatch(table, -1) {
		later := m[3]
		if later == "the same" {
			later = m[2]
		}
		found[m[1]] = [2]string{m[2], later}
	}
	return found
}

// The table of verbs in docs names each that looks, and no other.
func TestTheTableOfVerbsIsWhole(t *testing.T) {
	table := verdicts(t)
	for verb := range lookingVerbs {
		if _, ok := table[verb]; !ok {
			t.Errorf("%s is not in the table of %s", verb, verbsFile)
		}
	}
	for verb := range table {
		if _, ok := lookingVerbs[verb]; !ok {
			t.Errorf("%s is in the table of %s, and not tried", verb, verbsFile)
		}
	}
	walk(newRoot(&app{lookupEnv: os.LookupEnv}), func(cmd *cobra.Command) {
		verb := strings.TrimPrefix(cmd.CommandPath(), "maelctl ")
		if cmd.HasSubCommands() || strings.HasPrefix(verb, "completion") || verb == "help" {
			return
		}
		_, looks := lookingVerbs[verb]
		if other := slices.Contains(otherVerbs, strings.ReplaceAll(verb, " ", "/")); looks == other {
			t.Errorf("%s: is it one that looks (%t), or another (%t)?", verb, looks, other)
		}
	})
}

const awayProject = `name: shop
components:
  web:
    image: web
    mininstances: 1
    environment: [COLOUR=hush]
    eventsources:
      http: {http: {hostname: shop.localhost}}
      tidy: {cron: {schedule: "0 3 * * *", http: {method: POST, path: /tidy, data: hush}}}
`

// awayWorld is a daemon on PostgreSQL that can be cut off from it.
type awayWorld struct {
	t      *testing.T
	daemon *testDaemon
	opt    daemon.Options
	dir    string // of the daemon's data
	work   string
	proxy  *storetest.Proxy
}

func newAwayWorld(t *testing.T) *awayWorld {
	t.Helper()
	server, name := emptyDatabase(t)
	proxy, err := storetest.NewProxy(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	go proxy.Run()
	t.Cleanup(func() { _ = proxy.Close() }) // the test may have closed it
	w := &awayWorld{t: t, dir: t.TempDir(), work: t.TempDir(), proxy: proxy, opt: daemon.DefaultOptions()}
	w.opt.SQLDriver, w.opt.SQLDSN = "postgres", server.DSNAt(proxy.Address, name)
	w.opt.ClusterKey = "the text that the nodes of a cluster share"
	w.start()
	t.Cleanup(func() { w.stop() })
	for file, text := range map[string]string{
		"shop.yml":         awayProject,
		"src/keep.txt":     "",
		"sources.yml":      "sources:\n  - {name: files, dir: " + w.work + "/src}\nnotifiers:\n  - {name: hook, webhook: 'http://127.0.0.1:1/'}\n",
		"src/empty/.empty": "",
	} {
		path := filepath.Join(w.work, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.must("project", "apply", "-f", filepath.Join(w.work, "shop.yml"), "--wait")
	w.must("source", "apply", "-f", filepath.Join(w.work, "sources.yml"))
	s, err := store.Open(t.Context(), store.Options{Driver: "postgres", DSN: server.DSNAt(server.Address, name)})
	if err == nil {
		_, err = s.AddDelivery(t.Context(), cluster.Delivery{Source: "files", ID: "1", Status: 202, Message: "looks at once"})
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.awaitCopy()
	return w
}

func (w *awayWorld) start() {
	w.t.Helper()
	ports, opt := portPool{}, w.opt
	port, err := ports.add()
	if err != nil {
		w.t.Fatal(err)
	}
	opt.PeerAddr = "127.0.0.1:" + strconv.Itoa(port)
	if w.daemon, err = startOn(w.dir, ports, opt); err != nil {
		w.t.Fatal(err)
	}
	if err := w.daemon.await(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *awayWorld) stop() {
	if w.daemon != nil {
		_ = w.daemon.stop() // the database may be away
		w.daemon = nil
	}
}

// maelctl runs a verb as a user of the daemon's machine does.
func (w *awayWorld) maelctl(args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	var out, told bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &told, lookupEnv: func(name string) (string, bool) {
		if name == "MAEL_DATA_DIR" {
			return w.dir, true
		}
		return "", false
	}}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	code = a.run(ctx, args)
	return code, out.String(), told.String()
}

func (w *awayWorld) must(args ...string) string {
	w.t.Helper()
	code, out, told := w.maelctl(args...)
	if code != exitOK {
		w.t.Fatalf("%v: exit code %d\n%s%s", args, code, out, told)
	}
	return out
}

// awaitCopy waits until the node has the latest, which it reads a moment after
// it was stored.
func (w *awayWorld) awaitCopy() {
	w.t.Helper()
	w.await("a copy of what is recent", func() (string, bool) {
		text, err := os.ReadFile(filepath.Join(w.dir, "recent.json"))
		return fmt.Sprint(err), strings.Contains(string(text), "looks at once")
	})
}

// checkCopies looks for secrets on disk.
func (w *awayWorld) checkCopies() {
	w.t.Helper()
	for _, name := range []string{"snapshot.json", "recent.json"} {
		path := filepath.Join(w.dir, name)
		text, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(text), "hush") || !strings.Contains(string(text), "shop_web") {
			w.t.Errorf("%s: %s, %v", name, text, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			w.t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// awaitAway waits until the daemon has noticed.
func (w *awayWorld) awaitAway() {
	w.t.Helper()
	w.await("word that the database is away", func() (string, bool) {
		code, _, told := w.maelctl("comp", "ls")
		return fmt.Sprintf("%d: %s", code, told), code == exitOK && strings.Contains(told, "the database has been away since")
	})
}

func (w *awayWorld) await(what string, look func() (found string, done bool)) {
	w.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		found, done := look()
		if done {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			w.t.Fatalf("no %s, but %s", what, found)
		}
	}
}

// check tries each verb, and compares with a column of the table.
func (w *awayWorld) check(column int) {
	w.t.Helper()
	table := verdicts(w.t)
	for verb, args := range lookingVerbs {
		line := strings.Fields(verb)
		for _, arg := range args {
			if arg == "shop.yml" {
				arg = filepath.Join(w.work, arg)
			}
			line = append(line, arg)
		}
		code, out, told := w.maelctl(line...)
		switch want := table[verb][column]; {
		case !strings.Contains(told, "the database has been away since"):
			w.t.Errorf("%s does not say that the database is away:\n%s%s", verb, out, told)
		case strings.Count(told, "the database has been away since") > 2:
			w.t.Errorf("%s says it more than once: %s", verb, told)
		case strings.HasPrefix(want, "refuses"):
			if code != exitInternal || !strings.Contains(told, "database") || out != "" {
				w.t.Errorf("%s refuses with %d:\n%s%s", verb, code, out, told)
			}
		case strings.HasPrefix(want, "waits"):
			if code != exitTimeout {
				w.t.Errorf("%s: exit code %d\n%s%s", verb, code, out, told)
			}
		case verb == "admin doctor":
			if code != exitInternal || !strings.Contains(out, "database ") {
				w.t.Errorf("%s: exit code %d\n%s%s", verb, code, out, told)
			}
		case code != exitOK:
			w.t.Errorf("%s does not answer: %d\n%s%s", verb, code, out, told)
		case !regexp.MustCompile(answers[verb][column]).MatchString(out + told):
			w.t.Errorf("%s does not tell %q:\n%s%s", verb, answers[verb][column], out, told)
		}
	}
}

// checkDocument looks at what programs are told.
func (w *awayWorld) checkDocument(fromDisk bool) {
	w.t.Helper()
	var doc struct {
		Components []rpc.Component `json:"components"`
		Database   *rpc.Away       `json:"database"`
	}
	_, out, _ := w.maelctl("comp", "ls", "--output", "json")
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		w.t.Fatal(err)
	}
	if d := doc.Database; d == nil || d.Since.IsZero() || d.AsOf.IsZero() || d.AsOf.After(time.Now()) || d.FromDisk != fromDisk || len(doc.Components) != 1 {
		w.t.Errorf("from disk %t: %s", fromDisk, out)
	}
}

// Whatever looks answers without the database, or says that it can't: while the
// server does not answer and while there is none, and after a restart of the
// daemon, with every token that it knew.
func TestEveryVerbWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	w := newAwayWorld(t)
	if code, out, told := w.maelctl("comp", "ls", "--output", "json"); code != exitOK || told != "" || strings.Contains(out, "away_since") {
		t.Fatalf("while it is there: %d\n%s%s", code, out, told)
	}
	token := strings.TrimSpace(w.must("admin", "token", "new", "ops", "--jq", ".token"))
	w.proxy.Freeze()
	w.awaitAway()
	w.check(0)
	w.checkDocument(false)

	if err := w.proxy.Close(); err != nil {
		t.Fatal(err)
	}
	w.proxy.Sever()
	w.check(0)

	w.stop()
	w.start()
	w.awaitAway()
	w.check(1)
	w.checkDocument(true)
	w.checkCopies()
	file, err := rpc.ReadClientFile(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for secret, counts := range map[string]bool{token: true, "mael_none": false} {
		_, err := rpc.NewClient(file.URL, secret, nil).Version(t.Context())
		if counts != (err == nil) {
			t.Errorf("a token that counts (%t): %v", counts, err)
		}
	}
}
