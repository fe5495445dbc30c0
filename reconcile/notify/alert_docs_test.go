package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"maelstrom/cluster"
)

func alertDocs(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The messages of the documentation are those that are sent.
func TestAlertMessagesAreAsDocumented(t *testing.T) {
	since := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	a := cluster.Alert{
		Kind: cluster.AlertComponentFailing, Subject: "shop_web", Severity: cluster.EventError, Source: "fleet", Project: "shop", Component: "shop_web",
		Title: "component shop_web is failing", Cause: "exited: exit code 3", Since: since,
	}
	healed := a
	healed.How, healed.Healed = "component shop_web is ready", since.Add(9*time.Minute+30*time.Second)
	opened, closed := a.Opened(), healed.Closed()
	opened.ID, opened.Time = 1200003, since.Add(time.Minute+123456*time.Microsecond)
	closed.ID, closed.Time = 1300001, since.Add(10*time.Minute+123456*time.Microsecond)
	w := &worker{Sender: newWorld().sender(nil)}
	for name, e := range map[string]cluster.Event{"opened": opened, "closed": closed} {
		want, err := json.MarshalIndent(w.message(e), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		shown := regexp.MustCompile("(?s)<!-- message: " + name + " -->\n```json\n(.*?)\n```").FindSubmatch(alertDocs(t))
		if shown == nil {
			t.Fatalf("there is no message %s", name)
		}
		if diff := cmp.Diff(string(want), string(shown[1])); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// The table has each kind, and its times.
func TestTableOfAlertsIsInSync(t *testing.T) {
	for _, kind := range cluster.AlertKinds {
		row := regexp.MustCompile("(?m)^\\| `" + string(kind) + "` \\|.*$").Find(alertDocs(t))
		p := paces[kind]
		if want := fmt.Sprintf("| %s | %s |", p.settle, p.heal); !bytes.Contains(row, []byte(want)) {
			t.Errorf("the row of %s, %q, lacks %q", kind, row, want)
		}
	}
}
