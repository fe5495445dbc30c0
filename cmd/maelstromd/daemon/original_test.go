package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
	"maelstrom/runtime/fake"
)

const originalPage = "../../../docs/from-the-original.md"

var (
	namedTest = regexp.MustCompile("`([a-z0-9/_]+)/((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
)

// Each difference that docs/ tells is held by a test that is there.
func TestDifferencesNameTheirTests(t *testing.T) {
	page, err := os.ReadFile(originalPage)
	if err != nil {
		t.Fatal(err)
	}
	rows, known := 0, map[string]map[string]bool{}
	for number, line := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| original |") {
			continue
		}
		rows++
		cells := strings.Split(strings.ReplaceAll(line, `\|`, ""), "|")
		tests := namedTest.FindAllStringSubmatch(cells[len(cells)-2], -1)
		if len(cells) != 5 || len(tests) == 0 {
			t.Errorf("line %d is not | original | here | `package/TestName` |: %s", number+1, line)
		}
		for _, test := range tests {
			if known[test[1]] == nil {
				known[test[1]] = testsOf(t, test[1])
			}
			if !known[test[1]][test[2]] {
				t.Errorf("line %d: %s has no %s", number+1, test[1], test[2])
			}
		}
	}
	if rows < 50 {
		t.Errorf("only %d rows were found", rows)
	}
}

// testsOf names the tests of a package of ours.
func testsOf(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../../..", pkg, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no tests: %v", pkg, err)
	}
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range testFunc.FindAllSubmatch(text, -1) {
			names[string(match[1])] = true
		}
	}
	return names
}

// call sends a call as the original's command line does, and returns the
// result or the error's code.
func (m *member) call(method, params string) (result string, code int) {
	m.world.t.Helper()
	file, err := rpc.ReadClientFile(m.opt.DataDir)
	if err != nil {
		m.world.t.Fatal(err)
	}
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":"1","method":%q,"params":[%s]}`, method, params)
	request, err := http.NewRequest(http.MethodPost, file.URL+rpc.PathAPI, bytes.NewReader([]byte(body)))
	if err != nil {
		m.world.t.Fatal(err)
	}
	request.SetBasicAuth("maelctl", file.Token)
	answer, err := m.httpClient(m.opt.PrivatePort).Do(request)
	if err != nil {
		m.world.t.Fatal(err)
	}
	defer answer.Body.Close()
	var got struct {
		Result json.RawMessage
		Error  struct{ Code int }
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		m.world.t.Fatal(err)
	}
	return string(got.Result), got.Error.Code
}

// A component that says nothing of memory counts 128 MiB, not 0, for its node.
func TestDefaultMemoryCounts(t *testing.T) {
	inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
		m.apply(shop(""))
		m.mustAnswer(t, "shop.test")
		list, err := m.client().Nodes(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := list.Nodes[0].MemoryReservedMiB; got != 128 {
			t.Errorf("%d MiB are reserved", got)
		}
	})
}

// An event source can move to a component that is new in the same apply.
func TestEventSourceMovesToANewComponent(t *testing.T) {
	inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
		m.apply(shop(""))
		m.mustAnswer(t, "shop.test")
		m.apply("name: shop\ncomponents:\n  web: {image: web}\n  next:\n    image: web\n    eventsources:\n      http:\n        http: {hostname: shop.test}\n")
		m.mustAnswer(t, "shop.test")
		if peak := w.engine.Peak("shop_next"); peak != 1 {
			t.Errorf("%d containers of the new component", peak)
		}
	})
}

// A changed route counts for the next request: there is no cache to wait for.
func TestChangedRoutesCountAtOnce(t *testing.T) {
	inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
		m.apply(shop(""))
		m.mustAnswer(t, "shop.test")
		m.apply(strings.Replace(shop(""), "shop.test", "other.test", 1))
		m.mustAnswer(t, "other.test")
		if answer, err := m.request("shop.test"); err != nil || answer.status != http.StatusNotFound {
			t.Errorf("the old route: %d, %v", answer.status, err)
		}
	})
}

// A request may take longer than the 310 seconds of the server's time-outs,
// if its component allows that.
func TestRequestsMayTakeLong(t *testing.T) {
	slow := func(runtime.Spec) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Request-Id") != "" { // not the health check
				wait(20 * time.Minute)
			}
			fmt.Fprint(w, "ok")
		})
	}
	inWorld(t, map[string]fake.Image{"web": {Handler: slow}}, func(t *testing.T, w *world, m *member) {
		m.apply(shop("    maxdurationseconds: 1800\n    maxconcurrency: 2\n"))
		began := time.Now()
		m.mustAnswer(t, "shop.test")
		if took := time.Since(began); took < 20*time.Minute {
			t.Errorf("answered after %s", took)
		}
	})
}

// A prefix is a text, not a pattern in which each underscore is a wildcard.
func TestPrefixIsNoPattern(t *testing.T) {
	inWorld(t, quickImage(), func(t *testing.T, w *world, m *member) {
		m.apply("name: shop\ncomponents:\n  web: {image: web}\n")
		m.apply("name: shopx\ncomponents:\n  web: {image: web}\n")
		for prefix, want := range map[string]int{"shop_": 1, "shop": 2, "%": 0} {
			result, code := m.call("MaelstromService.ListComponents", fmt.Sprintf(`{"namePrefix":%q}`, prefix))
			if got := strings.Count(result, `"docker"`); code != 0 || got != want {
				t.Errorf("%q: %d components, want %d (code %d): %s", prefix, got, want, code, result)
			}
		}
	})
}

// What nodes of the original told each other is nobody's to call.
func TestInternalMethodsAreUnknown(t *testing.T) {
	inWorld(t, nil, func(t *testing.T, w *world, m *member) {
		for _, method := range []string{"StatusChanged", "PlaceComponent", "StartStopComponents", "TerminateNode"} {
			if result, code := m.call("NodeService."+method, `{}`); code != -32601 {
				t.Errorf("%s: %s, code %d", method, result, code)
			}
		}
	})
}
