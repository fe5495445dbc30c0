package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
)

// shopDaemon answers as a daemon would that rolls out version 2 of shop_web as
// scripted: each look at the project is the next one, the last goes on.
type shopDaemon struct {
	t      *testing.T
	url    string
	looks  []look
	change bool // the apply changes something
	refuse *rpc.Error

	mu   sync.Mutex
	at   int
	back []rpc.RollbackRequest
}

type look struct {
	revision  int64
	rollout   rpc.Rollout
	component string // shop_web if empty
	instances []rpc.Instance
}

func newShopDaemon(t *testing.T, looks ...look) *shopDaemon {
	d := &shopDaemon{t: t, looks: looks, change: true, at: -1}
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func (d *shopDaemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var call struct {
		Method string
		ID     json.RawMessage
		Params json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
		d.t.Error(err)
	}
	reply := map[string]any{"jsonrpc": "2.0", "id": call.ID, "result": d.answer(call.Method, call.Params)}
	if call.Method == "ProjectService.Rollback" && d.refuse != nil {
		delete(reply, "result")
		reply["error"] = map[string]any{"code": 1004, "message": d.refuse.Message, "data": map[string]any{"kind": d.refuse.Kind}}
	}
	_ = json.NewEncoder(w).Encode(reply)
}

func (d *shopDaemon) answer(method string, params json.RawMessage) any {
	changes := project.Changes{Project: "shop"}
	if d.change {
		changes.Summary.Updated = 1
		changes.Components.Updated = []project.ObjectChange{{Name: "shop_web"}}
	}
	switch method {
	case "ProjectService.Diff":
		return rpc.DiffAnswer{Changes: changes, Revision: 6}
	case "ProjectService.Apply":
		return rpc.ApplyAnswer{Changes: changes, Revision: 7}
	case "ProjectService.Get":
		d.at = min(d.at+1, len(d.looks)-1)
		return d.detail(d.looks[d.at])
	case "ClusterService.Instances":
		return rpc.InstanceList{Instances: d.looks[d.at].instances}
	case "ProjectService.Rollback":
		var request rpc.RollbackRequest
		if err := json.Unmarshal(params, &request); err != nil {
			d.t.Error(err)
		}
		d.back = append(d.back, request)
		return rpc.RollbackAnswer{ApplyAnswer: rpc.ApplyAnswer{Changes: changes, Revision: 8}, To: cluster.Revision{Number: 6}}
	}
	d.t.Errorf("called %s", method)
	return nil
}

func (d *shopDaemon) detail(l look) rpc.ProjectDetail {
	name := l.component
	if name == "" {
		name = "shop_web"
	}
	l.rollout.Version, l.rollout.RestartVersion = 2, 2
	detail := rpc.ProjectDetail{Components: []rpc.Component{{Name: name, Version: 2, State: rpc.ComponentReady, Rollout: l.rollout}}}
	detail.Project = rpc.Project{Name: "shop", Revision: l.revision, Synced: true, Healthy: l.rollout.State != rpc.RolloutFailed, Message: l.rollout.Message}
	detail.Revisions = []cluster.Revision{{Number: l.revision, Actor: "bob", Kind: cluster.RevisionApply}}
	return detail
}

var (
	provingLook = look{revision: 7, rollout: rpc.Rollout{State: rpc.RolloutProving, Message: "waits", Kept: 1}, instances: []rpc.Instance{webInstance("a", 0, 1, cluster.InstanceReady)}}
	failedLook  = look{revision: 7, rollout: rpc.Rollout{State: rpc.RolloutFailed, Reason: cluster.ReasonExited, Message: "it exits with 3", Kept: 1}}
	doneLook    = look{revision: 7, rollout: rpc.Rollout{State: rpc.RolloutDone}, instances: []rpc.Instance{webInstance("b", 0, 2, cluster.InstanceReady)}}
)

// apply applies a file at d and returns how that ended, and what was printed.
func (d *shopDaemon) apply(args ...string) (code int, stdout, stderr string) {
	a, out, messages := testApp(map[string]string{"MAELSTROM_API_TOKEN": "x", "MAELSTROM_ACTOR": "ann"})
	a.stdin = strings.NewReader("name: shop\ncomponents: {web: {image: web}}\n")
	code = a.run(d.t.Context(), append([]string{"--url", d.url, "project", "apply", "-f", "-"}, args...))
	return code, out.String(), clock.ReplaceAllString(messages.String(), "")
}

func TestWaitingApply(t *testing.T) {
	other := look{revision: 7, component: "shop_api", rollout: failedLook.rollout}
	conflict := &rpc.Error{Kind: rpc.KindConflict, Message: "shop is at revision 9, not 7"}
	failure := "shop is applied, but not in effect: shop_web: exited: it exits with 3"
	for _, test := range []struct {
		name   string
		looks  []look
		args   string
		none   bool // nothing is changed
		refuse *rpc.Error
		code   int
		says   []string
		back   int // rollbacks that were asked for
	}{
		{name: "in effect", looks: []look{provingLook, doneLook}, args: "--wait", says: []string{
			"shop_web version 2: to be proven\n", "shop_web slot 0 version 1 on n1: gone\n", "shop_web slot 0 version 2 on n1: ready\n", "shop_web version 2: rolled out\n",
		}},
		{name: "failed", looks: []look{provingLook, failedLook}, args: "--wait", code: exitTimeout, says: []string{"shop_web version 2: failed: it exits with 3\n", "error: " + failure + "\n"}},
		{name: "another revision", looks: []look{provingLook, {revision: 9}}, args: "--rollback-on-failure", code: exitConflict, says: []string{
			"error: revision 7 of shop is not waited for any more: revision 9 by bob (apply) has taken its place\n",
		}},
		{name: "back", looks: []look{provingLook, failedLook}, args: "--rollback-on-failure", code: exitTimeout, back: 1, says: []string{
			failure + "; rolled back: shop is at revision 8, with the content of revision 6\n",
		}},
		{name: "in effect, no way back needed", looks: []look{doneLook}, args: "--rollback-on-failure"},
		{name: "time is over", looks: []look{provingLook}, args: "--rollback-on-failure --timeout 1s", code: exitTimeout, back: 1, says: []string{
			"shop is applied, but not in effect after 1s: shop_web: waits; rolled back: shop is at revision 8",
		}},
		{name: "changed since", looks: []look{failedLook}, args: "--rollback-on-failure", refuse: conflict, code: exitTimeout, back: 1, says: []string{
			failure + "; not rolled back: shop is at revision 9, not 7\n",
		}},
		{name: "nothing to go back from", looks: []look{failedLook}, args: "--rollback-on-failure", none: true, code: exitTimeout, says: []string{
			failure + "; not rolled back: this apply has changed nothing\n",
		}},
		{name: "what was changed is in effect", looks: []look{other}, args: "--rollback-on-failure", code: exitTimeout, says: []string{
			"not rolled back: what this apply has changed is in effect\n",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newShopDaemon(t, test.looks...)
			d.change, d.refuse = !test.none, test.refuse
			code, stdout, stderr := d.apply(strings.Fields(test.args)...)
			if code != test.code || len(d.back) != test.back {
				t.Errorf("exit code %d, %d rollbacks; want %d, %d", code, len(d.back), test.code, test.back)
			}
			for _, text := range test.says {
				if !strings.Contains(stderr, text) {
					t.Errorf("no %q in\n%s", text, stderr)
				}
			}
			if !test.none && !strings.Contains(stdout, "Applied: shop is at revision 7.\n") {
				t.Errorf("printed\n%s", stdout)
			}
			for _, request := range d.back {
				if request.Name != "shop" || *request.IfRevision != 7 || request.To != 0 || !request.LastGood || request.Pin || request.Actor != "ann" || request.RequestID == "" {
					t.Errorf("asked for %+v", request)
				}
			}
		})
	}
}

// For programs one document is printed, when all is over, and no step.
func TestWaitingApplyForPrograms(t *testing.T) {
	for outcome, test := range map[string]struct {
		looks []look
		args  []string
		code  int
		back  float64
	}{
		"in_effect": {[]look{provingLook, doneLook}, []string{"--wait"}, exitOK, 0},
		"failed":    {[]look{provingLook, failedLook}, []string{"--rollback-on-failure"}, exitTimeout, 8},
		"timeout":   {[]look{provingLook}, []string{"--wait", "--timeout", "10ms"}, exitTimeout, 0},
		"preempted": {[]look{{revision: 9}}, []string{"--wait"}, exitConflict, 0},
	} {
		t.Run(outcome, func(t *testing.T) {
			d := newShopDaemon(t, test.looks...)
			code, stdout, stderr := d.apply(append(test.args, "-o", "json")...)
			var document struct {
				Revision int
				Wait     map[string]any
			}
			if err := json.Unmarshal([]byte(stdout), &document); err != nil {
				t.Fatalf("%v: %s", err, stdout)
			}
			if code != test.code || document.Revision != 7 || document.Wait["outcome"] != outcome || document.Wait["rolled_back"] != test.back || (document.Wait["message"] == "") != (code == exitOK) {
				t.Errorf("exit code %d: %+v", code, document)
			}
			if strings.Contains(stderr, "shop_web version 2") {
				t.Errorf("steps are shown: %s", stderr)
			}
		})
	}
	d := newShopDaemon(t, doneLook)
	if code, stdout, stderr := d.apply("--wait", "--json", "revision,wait", "--jq", ".wait.outcome"); code != exitOK || stdout != "in_effect\n" {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}
