package rpc

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile("testdata/original/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// originalShop is a world to which the original's command line put a project.
func originalShop(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.do("MaelstromService.PutProject", fixture(t, "put_project"))
	return w
}

// changedNames are the names in an answer of PutProject, by list.
func changedNames(t testing.TB, answer string) string {
	t.Helper()
	var got origPutProjectOutput
	if err := json.Unmarshal([]byte(answer), &got); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, c := range got.ComponentsAdded {
		fmt.Fprintf(&b, "+%s/%d ", c.Name, c.Version)
	}
	for _, c := range got.ComponentsUpdated {
		fmt.Fprintf(&b, "~%s/%d ", c.Name, c.Version)
	}
	for _, name := range got.ComponentsRemoved {
		fmt.Fprintf(&b, "-%s ", name)
	}
	for _, e := range got.EventSourcesAdded {
		fmt.Fprintf(&b, "+%s/%d ", e.Name, e.Version)
	}
	for _, e := range got.EventSourcesUpdated {
		fmt.Fprintf(&b, "~%s/%d ", e.Name, e.Version)
	}
	for _, name := range got.EventSourcesRemoved {
		fmt.Fprintf(&b, "-%s ", name)
	}
	return strings.TrimSpace(b.String())
}

func TestOriginalPutProject(t *testing.T) {
	w := newWorld(t)
	put := fixture(t, "put_project")
	steps := []struct{ name, params, want string }{
		{"first a look", strings.Replace(put, `"project"`, `"diffOnly": true, "project"`, 1), "+shop_api/0 +shop_web/0 +shop_front/0 +shop_jobs/0 +shop_nightly/0 +shop_steps/0"},
		{"new", put, "+shop_api/1 +shop_web/1 +shop_front/1 +shop_jobs/1 +shop_nightly/1 +shop_steps/1"},
		{"again", put, ""},
		{"changed", strings.Replace(put, "shop/web:1", "shop/web:2", 1), "~shop_web/2"},
		{"source changed", strings.Replace(strings.Replace(put, "shop/web:1", "shop/web:2", 1), "/nightly", "/often", 1), "~shop_nightly/2"},
		{"one left", `{"project":{"name":"shop","components":[{"component":{"name":"api","environment":[],"maxConcurrency":1,"version":0,"docker":{"image":"shop/api:1","httpPort":8080,"httpHealthCheckPath":"/"}},"eventSources":[]}]}}`,
			"-shop_web -shop_front -shop_jobs -shop_nightly -shop_steps"},
	}
	for _, step := range steps {
		if got := changedNames(t, w.do("MaelstromService.PutProject", step.params)); got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
	if len(w.comps) != 1 || len(w.sources) != 0 {
		t.Errorf("left: %v, %v", w.comps, w.sources)
	}
}

func TestOriginalPutProjectRefusals(t *testing.T) {
	w := originalShop(t)
	component := `{"component":{"name":"web","environment":[],"maxConcurrency":1,"version":0,"docker":{"image":"a","httpPort":80,"httpHealthCheckPath":"/"}},"eventSources":[]}`
	tests := []struct {
		name, params string
		code         int
	}{
		{"a name that can't be", `{"project":{"name":"no blanks","components":[` + component + `]}}`, 1001},
		{"no name", `{"project":{"components":[]}}`, -32602},
		{"names that join", `{"project":{"name":"x","components":[` + component + `,` + strings.Replace(component, `"web"`, `"x_WEB"`, 1) + `]}}`, 1001},
		{"no image", `{"project":{"name":"x","components":[{"component":{"name":"web","maxConcurrency":1,"version":0},"eventSources":[]}]}}`, 1001},
		{"a text for a number", `{"project":{"name":"x","components":[` + strings.Replace(component, `"maxConcurrency":1`, `"maxConcurrency":"1"`, 1) + `]}}`, -32602},
		{"unknown fields are ignored", `{"project":{"name":"y","colour":"red","components":[` + component + `]}}`, 0},
	}
	for _, test := range tests {
		_, err := w.try("MaelstromService.PutProject", test.params)
		if code := codeOf(err); code != test.code {
			t.Errorf("%s: %d %v, want %d", test.name, code, err, test.code)
		}
	}
	spec := *w.comps["shop_api"].Spec
	spec.Project = "elsewhere"
	w.comps["shop_api"].Spec = &spec
	if err := w.refuse(1004, "MaelstromService.PutProject", fixture(t, "put_project")); err.Kind != KindConflict || len(err.Problems) != 1 {
		t.Errorf("a name of another project: %+v", err)
	}
}

func codeOf(err *Error) int {
	if err == nil {
		return 0
	}
	return err.Code
}

func TestOriginalShapes(t *testing.T) {
	w := originalShop(t)
	sameJSON(t, w.do("MaelstromService.GetComponent", `{"name":"shop_web"}`), fixture(t, "get_component"))
	sameJSON(t, w.do("MaelstromService.ListEventSources", `{}`), fixture(t, "list_event_sources"))
	sameJSON(t, w.do("MaelstromService.ListProjects", `{}`), `{"projects":[{"projectName":"shop","componentCount":2,"eventSourceCount":4}]}`)
	var list struct{ EventSources []json.RawMessage }
	if err := json.Unmarshal([]byte(fixture(t, "list_event_sources")), &list); err != nil {
		t.Fatal(err)
	}
	sources, err := json.Marshal(list.EventSources)
	if err != nil {
		t.Fatal(err)
	}
	var web, api struct{ Component json.RawMessage }
	for name, into := range map[string]any{"shop_web": &web, "shop_api": &api} {
		if err := json.Unmarshal([]byte(w.do("MaelstromService.GetComponent", `{"name":"`+name+`"}`)), into); err != nil {
			t.Fatal(err)
		}
	}
	sameJSON(t, w.do("MaelstromService.GetProject", `{"name":"SHOP"}`), fmt.Sprintf(
		`{"project":{"name":"shop","components":[{"component":%s,"eventSources":[]},{"component":%s,"eventSources":%s}]}}`, api.Component, web.Component, sources))
	w.refuse(1003, "MaelstromService.GetProject", `{"name":"none"}`)
	w.refuse(1003, "MaelstromService.GetComponent", `{"name":"web"}`)
	w.refuse(1003, "MaelstromService.GetEventSource", `{"name":"front"}`)
	sameJSON(t, w.do("MaelstromService.NotifyDataChanged", `{"key":"x"}`), `{}`)
}

func TestOriginalNodeStatus(t *testing.T) {
	w := originalShop(t)
	w.run(cluster.Placement{ID: "p1", Component: "shop_web", Want: cluster.WantRun, PlacedVersion: 1, MemoryMiB: 256},
		cluster.Instance{State: cluster.InstanceReady, Address: "10.0.0.2:8080", StartedAt: started})
	w.loads["p1"] = cluster.InstanceLoad{InFlight: 3, Total: 99, LastRequest: started.Add(time.Second)}
	var got origListNodeStatusOutput
	if err := json.Unmarshal([]byte(w.do("NodeService.ListNodeStatus", `{"forceRefresh":true}`)), &got); err != nil {
		t.Fatal(err)
	}
	if age := time.Since(time.UnixMilli(got.Nodes[0].ObservedAt)); age < 0 || age > time.Minute {
		t.Errorf("the answering node was observed %s ago", age)
	}
	got.Nodes[0].ObservedAt = 0
	list, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, string(list), fixture(t, "list_node_status"))
	var one origGetStatusOutput
	if err := json.Unmarshal([]byte(w.do("NodeService.GetStatus", `{}`)), &one); err != nil || one.Status.NodeID != testNode {
		t.Errorf("GetStatus = %+v, %v", one, err)
	}
	for state, want := range map[cluster.InstanceState]string{
		cluster.InstancePulling: "starting", cluster.InstanceStarting: "starting", cluster.InstanceBackoff: "starting",
		cluster.InstanceReady: "active", cluster.InstanceDraining: "stopping", cluster.InstanceStopping: "stopping",
	} {
		if got := origStatus(state); got != want {
			t.Errorf("%s is %s, want %s", state, got, want)
		}
	}
}

func TestOriginalComponentCompareAndSet(t *testing.T) {
	w := originalShop(t)
	put := func(name string, version int64, image string) string {
		return fmt.Sprintf(`{"component":{"name":%q,"projectName":"shop","environment":[],"maxConcurrency":1,"version":%d,"docker":{"image":%q,"httpPort":80,"httpHealthCheckPath":"/"}}}`, name, version, image)
	}
	const method = "MaelstromService.PutComponent"
	sameJSON(t, w.do(method, put("cart", 0, "a:1")), `{"name":"shop_cart","version":1}`)
	w.refuse(1002, method, put("cart", 0, "a:1"))
	sameJSON(t, w.do(method, put("Shop_Cart", 1, "a:2")), `{"name":"shop_cart","version":2}`)
	w.refuse(1004, method, put("cart", 1, "a:3"))
	w.refuse(1004, method, put("nothing", 1, "a:1"))
	w.refuse(1001, method, put("bad name", 0, "a:1"))
	w.refuse(1001, method, strings.Replace(put("lost", 0, "a"), `"projectName":"shop",`, "", 1))
	sameJSON(t, w.do(method, strings.Replace(put("shop_cart", 2, "a:3"), `"projectName":"shop",`, "", 1)), `{"name":"shop_cart","version":3}`)
	sameJSON(t, w.do("MaelstromService.RemoveComponent", `{"name":"shop_cart"}`), `{"name":"shop_cart","found":true}`)
	sameJSON(t, w.do("MaelstromService.RemoveComponent", `{"name":"shop_cart"}`), `{"name":"shop_cart","found":false}`)
	sameJSON(t, w.do(method, put("cart", 0, "a:1")), `{"name":"shop_cart","version":1}`)
	if len(w.comps) != 3 || len(w.sources) != 4 {
		t.Errorf("the rest of the project changed: %d components, %d event sources", len(w.comps), len(w.sources))
	}
}

func TestOriginalEventSourceCompareAndSet(t *testing.T) {
	w := originalShop(t)
	put := func(name, component, path string, version int) string {
		return fmt.Sprintf(`{"eventSource":{"name":%q,"componentName":%q,"projectName":"shop","version":%d,"modifiedAt":0,"http":{"pathPrefix":%q}}}`, name, component, version, path)
	}
	const method = "MaelstromService.PutEventSource"
	sameJSON(t, w.do(method, put("back", "web", "/back", 0)), `{"name":"shop_back","version":1}`)
	w.refuse(1002, method, put("back", "web", "/back", 0))
	sameJSON(t, w.do(method, put("back", "shop_api", "/back", 1)), `{"name":"shop_back","version":2}`)
	w.refuse(1004, method, put("back", "web", "/x", 1))
	w.refuse(1003, method, put("more", "nothing", "/x", 0))
	w.refuse(1001, method, put("twin", "web", "/back", 0))
	w.refuse(1001, method, put("nopath", "web", "", 0))
	sameJSON(t, w.do("MaelstromService.GetEventSource", `{"name":"shop_back"}`),
		`{"eventSource":{"name":"shop_back","componentName":"shop_api","projectName":"shop","version":2,"modifiedAt":1772366400000,"http":{"pathPrefix":"/back"}}}`)
	sameJSON(t, w.do("MaelstromService.RemoveEventSource", `{"name":"shop_back"}`), `{"name":"shop_back","found":true}`)
	sameJSON(t, w.do("MaelstromService.RemoveEventSource", `{"name":"shop_back"}`), `{"name":"shop_back","found":false}`)
}

func TestOriginalEditStartsOverWhenTheProjectMoved(t *testing.T) {
	w := originalShop(t)
	other := `{"component":{"name":"other","projectName":"shop","environment":[],"maxConcurrency":1,"version":0,"docker":{"image":"o","httpPort":80,"httpHealthCheckPath":"/"}}}`
	w.before = func() { w.do("MaelstromService.PutComponent", other) }
	sameJSON(t, w.do("MaelstromService.PutComponent", strings.Replace(other, "other", "mine", 1)), `{"name":"shop_mine","version":1}`)
	if w.comps["shop_other"] == nil || w.comps["shop_mine"] == nil {
		t.Errorf("one of two writers lost: %v", sortedKeys(w.comps))
	}
}

func TestOriginalReadAndWriteBackKeepsSecretsAndOurFields(t *testing.T) {
	w := originalShop(t)
	spec := *w.comps["shop_web"].Spec
	spec.DrainSeconds, spec.Protocol, spec.CapAdd = 5, "h2c", []string{"NET_ADMIN"}
	w.comps["shop_web"].Spec = &spec
	var got origGetComponentOutput
	if err := json.Unmarshal([]byte(w.do("MaelstromService.GetComponent", `{"name":"shop_web"}`)), &got); err != nil {
		t.Fatal(err)
	}
	got.Component.Docker.Image = "shop/web:2"
	back, err := json.Marshal(origPutComponentInput{Component: got.Component})
	if err != nil {
		t.Fatal(err)
	}
	w.do("MaelstromService.PutComponent", string(back))
	now := w.comps["shop_web"].Spec
	if now.Image != "shop/web:2" || now.PullPassword != "s3cret" || now.LogDriverOptions["splunk-token"] != "t0ken" ||
		now.Environment[0] != (project.EnvVar{Name: "DB_PASSWORD", Value: "s3cret"}) {
		t.Errorf("written back: %+v", now)
	}
	if now.DrainSeconds != 5 || now.Protocol != "h2c" || len(now.CapAdd) != 1 {
		t.Errorf("fields of ours are lost: %+v", now)
	}
	var source origGetEventSourceOutput
	if err := json.Unmarshal([]byte(w.do("MaelstromService.GetEventSource", `{"name":"shop_nightly"}`)), &source); err != nil {
		t.Fatal(err)
	}
	source.EventSource.Cron.HTTP.Path = "/later"
	if back, err = json.Marshal(origPutEventSourceInput(source)); err != nil {
		t.Fatal(err)
	}
	w.do("MaelstromService.PutEventSource", string(back))
	if cron := w.sources["shop_nightly"].Spec.Cron.HTTP; cron.Path != "/later" || cron.Headers[0].Value != "Bearer s3cret" {
		t.Errorf("written back: %+v", cron)
	}
}

func TestOriginalToggle(t *testing.T) {
	w := originalShop(t)
	tests := []struct{ params, want string }{
		{`{"enabled":false,"eventSourceType":"cron"}`, `["shop_nightly"]`},
		{`{"enabled":false,"namePrefix":"shop_f"}`, `["shop_front"]`},
		{`{"enabled":false,"namePrefix":"shop%"}`, `[]`},
		{`{"enabled":false,"componentName":"shop_api"}`, `[]`},
		{`{"enabled":false,"projectName":"shop","componentName":"shop_web","eventSourceType":"sqs"}`, `["shop_jobs"]`},
		{`{"enabled":false}`, `["shop_front","shop_jobs","shop_nightly","shop_steps"]`},
	}
	for _, test := range tests {
		sameJSON(t, w.do("MaelstromService.ToggleEventSources", test.params), `{"enabled":false,"eventSourceNames":`+test.want+`}`)
	}
	w.refuse(-32602, "MaelstromService.ToggleEventSources", `{}`)
	if got := changedNames(t, w.do("MaelstromService.PutProject", fixture(t, "put_project"))); got != "" {
		t.Errorf("a disabled event source counts as changed: %s", got)
	}
	w.do("MaelstromService.PutProject", strings.Replace(fixture(t, "put_project"), "/nightly", "/often", 1))
	if row := w.sources["shop_nightly"]; row.Enabled || row.Version != 2 {
		t.Errorf("a changed event source that was disabled: %+v", row)
	}
}

func TestOriginalRemoveProject(t *testing.T) {
	w := originalShop(t)
	sameJSON(t, w.do("MaelstromService.RemoveProject", `{"name":"Shop"}`), `{"name":"shop","found":true}`)
	sameJSON(t, w.do("MaelstromService.RemoveProject", `{"name":"shop"}`), `{"name":"shop","found":false}`)
	w = originalShop(t)
	w.do("MaelstromService.RemoveComponent", `{"name":"shop_web"}`)
	w.do("MaelstromService.RemoveComponent", `{"name":"shop_api"}`)
	if len(w.projects) != 0 || len(w.sources) != 0 {
		t.Errorf("a project without components is there: %v, %v", w.projects, w.sources)
	}
}

func TestOriginalPages(t *testing.T) {
	w := originalShop(t)
	list := func(params string) (names []string, next string) {
		var got origListEventSourcesOutput
		if err := json.Unmarshal([]byte(w.do("MaelstromService.ListEventSources", params)), &got); err != nil {
			t.Fatal(err)
		}
		for _, e := range got.EventSources {
			names = append(names, e.EventSource.Name)
		}
		return names, got.NextToken
	}
	first, next := list(`{"limit":2}`)
	if fmt.Sprint(first) != "[shop_front shop_jobs]" || next == "" || strings.Contains(next, "2") && len(next) == 1 {
		t.Errorf("first page = %v, %q", first, next)
	}
	w.do("MaelstromService.RemoveEventSource", `{"name":"shop_front"}`)
	second, last := list(`{"limit":2,"nextToken":"` + next + `"}`)
	if fmt.Sprint(second) != "[shop_nightly shop_steps]" || last != "" {
		t.Errorf("second page after a removal = %v, %q", second, last)
	}
	for _, limit := range []int{0, -5, 1001} {
		if all, next := list(fmt.Sprintf(`{"limit":%d}`, limit)); len(all) != 3 || next != "" {
			t.Errorf("limit %d: %v, %q", limit, all, next)
		}
	}
	w.refuse(1001, "MaelstromService.ListEventSources", `{"nextToken":"2"}`)
	sameJSON(t, w.do("MaelstromService.ListComponents", `{"namePrefix":"shop_","projectName":"other"}`), `{"components":[]}`)
	var page origListComponentsOutput
	if err := json.Unmarshal([]byte(w.do("MaelstromService.ListComponents", `{"limit":1}`)), &page); err != nil || len(page.Components) != 1 || page.NextToken == "" {
		t.Errorf("components = %+v, %v", page, err)
	}
}
