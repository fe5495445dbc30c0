package main

import (
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// Of two instances, one that fails its checks is restarted after its own
// command has run, and remembers why.
func TestSickInstanceIsRestarted(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	w := web{name: "web", image: drivertest.BuildImage(t), lines: []string{
		"mininstances: 2", "maxinstances: 2", "httphealthcheckseconds: 1", "httphealthcheckmaxfailures: 2",
		`healthcheckfailedcommand: ["` + drivertest.AppPath + `", exec, dumped, "3"]`,
	}}
	n.apply(projectOf("shop", w))
	n.await("both are ready", patience, func() bool { return n.readyOf("shop_web") == 2 })
	n.mustGet(w.host(), "/sick")
	var healed rpc.Instance
	n.await("the sick one was restarted", patience, func() bool {
		for _, i := range n.ps("shop_web") {
			if i.Restarts == 1 && i.State == string(cluster.InstanceReady) {
				healed = i
			}
		}
		return healed.Restarts == 1 && n.readyOf("shop_web") == 2
	})
	for _, words := range [][]string{
		{"instance is suspect", "reason=unhealthy", "answered 500", "I am sick"},
		{"healthcheckfailedcommand ran", "exit_code=3", "dumped"},
	} {
		if !n.log.has(words...) {
			t.Errorf("not in the log: %q", words)
		}
	}
	if healed.LastFailure != cluster.ReasonUnhealthy || healed.LastFailureAt == nil || healed.LastFailureDetail == "" {
		t.Errorf("its failure is forgotten: %+v", healed)
	}
	if healed.Reason != cluster.ReasonNone || healed.Message != "" {
		t.Errorf("well again, it tells %s: %s", healed.Reason, healed.Message)
	}
}

// readyOf counts the ready instances of a component.
func (n *node) readyOf(component string) int {
	ready := 0
	for _, i := range n.ps(component) {
		if i.State == string(cluster.InstanceReady) {
			ready++
		}
	}
	return ready
}
