package reconcile_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/reconcile"
	"maelstrom/reconcile/gitsource"
	"maelstrom/reconcile/gitsource/gittest"
)

// The secrets of one source and its projects, each where it comes from.
const (
	secretToken    = "s3cret-token-value"
	secretVariable = "s3cret-variable-value"
	secretInline   = "s3cret-inline-value"
	secretEnvfile  = "s3cret-envfile-value"
	secretHook     = "s3cret-webhook-value"
)

// whereSecretsAre is what holds secrets because that is what it is for.
var whereSecretsAre = []string{
	"mael_source_secret.body", "mael_component.spec", "mael_event_source.spec", "mael_content.body", "mael_notifier.secret", "mael_token.hash",
}

// Whatever becomes of a project, well or badly, its secrets are in its spec and
// nowhere else: not in events, statuses, histories, logs or copies.
func TestRowSecretsStayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.git = gittest.NewHTTP(t, gittest.Options{Token: secretToken})
	shop := func(image, more string) string {
		return "name: shop\nenvfile: shop.env\ncomponents:\n  web:\n    image: " + image + "\n    environment:\n" +
			"      - API_TOKEN=${API_TOKEN}\n      - DB_PASSWORD=" + secretInline + "\n" + more
	}
	repo := s.git.Repo("main")
	repo.Push(map[string]string{"maelstrom.yml": shop("web:1", ""), "shop.env": "SESSION_SECRET=" + secretEnvfile + "\n", "z.maelstrom.yml": yml("zoo", "zoo:1", "web")})
	s.declareWith(cluster.Source{Name: "main"}, &cluster.SourceSecrets{
		Token: secretToken, WebhookSecret: secretHook, Variables: map[string]string{"API_TOKEN": secretVariable},
	})
	s.seen("main", repo.Head())
	row, _ := s.now().Components.Get("shop_web")
	if env := fmt.Sprint(row.Spec.Environment); !strings.Contains(env, secretVariable) || !strings.Contains(env, secretInline) || !strings.Contains(env, secretEnvfile) {
		t.Fatalf("the container would not get its secrets: %s", env)
	}
	for _, text := range []string{
		shop("web:2", ""),
		shop("web:2", "      - broken: ${API_TOKEN}\n"),
		shop("web:2", "\t- x: "+secretInline+"\n"),
		shop("web:2", "    memory: ${API_TOKEN}\n"),
		strings.Replace(shop("web:2", ""), "name: shop", "name: ${API_TOKEN}!", 1),
		shop("web:2", "    eventsources:\n      http:\n        http: {hostname: '${API_TOKEN}..', pathprefix: x}\n"),
		shop("web:2", "    crontab: |\n      ${API_TOKEN} /x\n"),
		shop("${API_TOKEN} ${API_TOKEN}", ""),
		at(yml("shop", "web:2", "web"), "shop", "web", host("zoo", "web")),
		shop("web:3", ""),
	} {
		s.push("main", map[string]string{"maelstrom.yml": text})
	}
	s.push("main", map[string]string{"shop.env": "SESSION_SECRET=" + secretEnvfile + "2\n'" + secretEnvfile + "\n"})
	s.push("main", map[string]string{"shop.env": "SESSION_SECRET=" + secretEnvfile + "3\n"})
	s.git.SetFault(&gittest.Fault{Status: 401})
	s.ready("main", cluster.StatusFalse, cluster.ReasonAuthFailed)
	s.git.SetFault(&gittest.Fault{Status: 302, Location: "http://u:" + secretToken + "@127.0.0.1:1/elsewhere"})
	must(t, s.Poke(t.Context(), "main"))
	s.until("the redirect is told", func(snap *cluster.Snapshot) bool {
		status, _ := snap.SourceStatuses.Get("main")
		return strings.Contains(condition(status.Conditions, cluster.ConditionReady).Message, "127.0.0.1:1:")
	})
	s.git.SetFault(nil)
	s.push("main", map[string]string{"maelstrom.yml": ""})
	s.ready("main", cluster.StatusTrue, cluster.ReasonFetched)
	s.stop()

	findSecrets(t, s.file)
	for what, text := range map[string]string{"the log": s.log.String(), "the copy on disk": readFile(t, s.copy)} {
		for _, line := range strings.Split(text, "\n") {
			if strings.Contains(line, "s3cret") {
				t.Errorf("%s holds a secret: %.300s", what, line)
			}
		}
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

// findSecrets looks at every text of a database.
func findSecrets(t *testing.T, file string) {
	t.Helper()
	looked := 0
	eachValue(t, file, func(table, column, value string) {
		looked++
		if strings.Contains(value, "s3cret") && !slices.Contains(whereSecretsAre, table+"."+column) {
			t.Errorf("%s.%s holds a secret: %.300s", table, column, value)
		}
	})
	if looked < 100 {
		t.Errorf("%d values are too few to be all", looked)
	}
}

// eachValue visits all that a SQLite file holds.
func eachValue(t testing.TB, file string, visit func(table, column, value string)) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(5000)")
	must(t, err)
	defer db.Close()
	tables := column(t, db, `select name from sqlite_schema where type = 'table' order by name`)
	for _, table := range tables {
		rows, err := db.Query("select * from " + table)
		must(t, err)
		names, err := rows.Columns()
		must(t, err)
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		for rows.Next() {
			must(t, rows.Scan(into...))
			for i, name := range names {
				visit(table, name, values[i].String)
			}
		}
		must(t, rows.Err())
		must(t, rows.Close())
	}
}

func column(t testing.TB, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.Query(query)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		out = append(out, text)
	}
	must(t, rows.Err())
	return out
}

// What a diff shows of a commit: when its jobs run next, in which zone; and of
// secrets that they change, not what they are.
func TestRowDiffShowsFireTimesWithTheirZone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	shop := func(jobs, token string) string {
		return "name: shop\ncomponents:\n  web:\n    image: web:1\n    environment:\n      - API_TOKEN=" + token + "\n    crontab: |\n" + jobs
	}
	s.begin(cluster.Source{Name: "main"}, map[string]string{"maelstrom.yml": shop("      0 3 * * *  /nightly\n", secretInline)})
	repo := s.git.Repo("main")
	repo.Push(map[string]string{"maelstrom.yml": shop("      30 2 * * *  /nightly\n      CRON_TZ=America/New_York 0 9 * * *  /early\n", secretInline+"2")})
	local, err := gitsource.OpenLocal(repo.Bare())
	must(t, err)
	tree, _, err := local.Tree("HEAD")
	must(t, err)
	file := reconcile.NewReader(tree, reconcile.ReadOptions{}).Load("maelstrom.yml")
	if file.Loaded.Project == nil {
		t.Fatal(file.Loaded.Problems)
	}
	zone, err := time.LoadLocation("Europe/Berlin")
	must(t, err)
	applier := &reconcile.Applier{Store: s.db, Zone: zone}
	plan, err := applier.Diff(t.Context(), reconcile.Request{Project: file.Loaded.Project, Where: file.Loaded.Positions, Prune: true, Source: "main"})
	must(t, err)
	text := diffText(t, plan.Changes)
	for pattern, zone := range map[string]string{` 02:30:00 \+0[12]:00`: "Europe/Berlin", ` 09:00:00 -0[45]:00`: "America/New_York"} {
		times := `fires next: (\w+ \d{4}-\d\d-\d\d` + pattern + `(, )?){3} \(` + zone + `\)`
		if !regexp.MustCompile(times).MatchString(text) {
			t.Errorf("no three times in %s:\n%s", zone, text)
		}
	}
	if strings.Contains(text, "s3cret") || !strings.Contains(text, "sensitive") {
		t.Errorf("the secret:\n%s", text)
	}
}

func diffText(t testing.TB, changes project.Changes) string {
	t.Helper()
	var b strings.Builder
	must(t, changes.Text(&b, false))
	return b.String()
}
