package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"maelstrom/runtime/drivertest"
)

// call sends one JSON-RPC request as the original's command line does: the
// token is the password in the URL.
func (n *node) call(method, params string, result any) {
	n.t.Helper()
	address, err := url.Parse(n.privateURL("/_mael/v1"))
	if err != nil {
		n.t.Fatal(err)
	}
	address.User = url.UserPassword("token", n.token())
	r, err := http.NewRequest(http.MethodPost, address.String(), strings.NewReader(`{"jsonrpc":"2.0","id":"7","method":"`+method+`","params":`+params+`}`))
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	got := do(r)
	var reply struct {
		JSONRPC string
		ID      string
		Result  json.RawMessage
		Error   json.RawMessage
	}
	if err := json.Unmarshal([]byte(got.body), &reply); err != nil || got.status != http.StatusOK {
		n.t.Fatalf("%s: %s", method, got)
	}
	if reply.Error != nil || reply.JSONRPC != "2.0" || reply.ID != "7" {
		n.t.Fatalf("%s: %s", method, got.body)
	}
	if err := json.Unmarshal(reply.Result, result); err != nil {
		n.t.Fatalf("%s: %v: %s", method, err, reply.Result)
	}
}

func TestTheOriginalsCallsDriveUs(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	put := `{"project": {"name": "old", "components": [{
		"component": {"name": "web", "projectName": "old", "version": 0, "modifiedAt": 0, "environment": [], "maxConcurrency": 5,
			"docker": {"image": "` + drivertest.BuildImage(t) + `", "httpPort": 8080, "httpHealthCheckPath": "/"}},
		"eventSources": [{"enabled": true, "eventSource": {
			"name": "web-http", "componentName": "web", "projectName": "old", "version": 0, "modifiedAt": 0, "http": {"hostname": "old.localhost"}}}]
	}]}}`
	var added struct {
		Name            string
		ComponentsAdded []struct{ Name string }
	}
	n.call("MaelstromService.PutProject", put, &added)
	if added.Name != "old" || len(added.ComponentsAdded) != 1 || added.ComponentsAdded[0].Name != "old_web" {
		t.Errorf("PutProject answers %+v", added)
	}
	n.mustGet("old.localhost", "/")

	type info struct {
		ProjectName                      string
		ComponentCount, EventSourceCount int
	}
	var list struct{ Projects []info }
	n.call("MaelstromService.ListProjects", `{"namePrefix": ""}`, &list)
	if want := []info{{"old", 1, 1}}; !reflect.DeepEqual(list.Projects, want) {
		t.Errorf("ListProjects answers %+v, want %+v", list.Projects, want)
	}

	toggle := func(enabled string, status int) {
		t.Helper()
		var toggled struct {
			Enabled          bool
			EventSourceNames []string
		}
		n.call("MaelstromService.ToggleEventSources", `{"enabled": `+enabled+`, "projectName": "old"}`, &toggled)
		if !reflect.DeepEqual(toggled.EventSourceNames, []string{"old_web-http"}) {
			t.Errorf("ToggleEventSources answers %+v", toggled)
		}
		n.await("toggled", patience, func() bool { return n.get("old.localhost", "/").status == status })
	}
	toggle("false", http.StatusServiceUnavailable)
	toggle("true", http.StatusOK)

	var nodes struct {
		RespondingNodeID string
		Nodes            []struct {
			NodeID            string
			RunningComponents []struct {
				ComponentName string
				TotalRequests int64
			}
		}
	}
	n.call("NodeService.ListNodeStatus", `{"forceRefresh": true}`, &nodes)
	if nodes.RespondingNodeID != n.id || len(nodes.Nodes) != 1 || len(nodes.Nodes[0].RunningComponents) != 1 ||
		nodes.Nodes[0].RunningComponents[0].ComponentName != "old_web" || nodes.Nodes[0].RunningComponents[0].TotalRequests < 2 {
		t.Errorf("ListNodeStatus answers %+v", nodes)
	}
}
