package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime/drivertest"
)

// newLabelledPair is newPair of nodes that components can name: at=n0 and at=n1.
func newLabelledPair(t *testing.T) []*node {
	t.Helper()
	_, dsn := emptyDatabase(t, postgres)
	pair := make([]*node, 2)
	for i := range pair {
		_, env := peerEnv(t, "MAEL_SQL_DRIVER=postgres", "MAEL_SQL_DSN="+dsn, "MAEL_TOTAL_MEMORY=1024", fmt.Sprintf("MAEL_NODE_LABELS=at=n%d", i))
		pair[i] = newNode(t, env...)
	}
	for i, n := range pair {
		other := pair[1-i]
		n.await("hears "+other.id, patience, func() bool {
			return n.nodeRow(other.id).State == cluster.NodeUp && n.log.has("node is heard", other.id)
		})
	}
	return pair
}

// Whatever an operator asks about a cluster, any node tells: what others have
// comes from them.
func TestAnyNodeShowsTheWholeCluster(t *testing.T) {
	t.Parallel()
	pair := newLabelledPair(t)
	image := drivertest.BuildImage(t)
	var components []web
	for i := range pair {
		components = append(components, web{name: fmt.Sprintf("w%d", i), image: image,
			lines: []string{fmt.Sprintf("nodes: {at: n%d}", i), "mininstances: 1", "reservememory: 100", environment(fmt.Sprintf("OUT=out of %d", i))}})
	}
	huge := web{name: "huge", image: image, lines: []string{"reservememory: 5000"}}
	pair[0].apply(projectOf("views", append(components, huge)...))
	for _, n := range pair {
		n.await("an instance on each node", patience, func() bool {
			return len(n.placedOn("views_w0")) == 1 && len(n.placedOn("views_w1")) == 1
		})
	}
	for i, n := range pair {
		n.mustGet(components[i].host(), fmt.Sprintf("/print?text=line-%d", i))
	}
	checkOutput(t, pair)
	checkCommands(t, pair)
	checkRoles(t, pair)
	checkRefusals(t, pair)
	checkNodes(t, pair)
	for _, n := range pair {
		checks := n.doctor()
		for _, name := range []string{"port.peer", "peer.key", "peer.nodes"} {
			if c := checks[name]; c.Status != rpc.CheckOK {
				t.Errorf("%s: %+v", name, c)
			}
		}
	}
	checkSilentNode(t, pair)
}

// checkOutput reads and follows the output of both nodes at either.
func checkOutput(t *testing.T, pair []*node) {
	t.Helper()
	for _, n := range pair {
		for _, previous := range []bool{false, true} {
			var got []rpc.LogEntry
			n.await("the output of both nodes", patience, func() bool {
				got = n.output(rpc.LogsRequest{Components: []string{"views_*"}, Previous: previous})
				return slices.Contains(textsOf(got), "line-0") && slices.Contains(textsOf(got), "line-1")
			})
			for _, e := range got {
				if want := pair[strings.Index("01", e.Component[len(e.Component)-1:])].id; e.Node != want || e.NodeName == "" {
					t.Errorf("%+v, want it of node %s", e, want)
				}
			}
		}
		stream, err := n.client().Logs(t.Context(), rpc.LogsRequest{Components: []string{"views_w*"}, Follow: true})
		if err != nil {
			t.Fatal(err)
		}
		told := fmt.Sprintf("asked-%s", n.id)
		for i := range pair {
			pair[i].mustGet(fmt.Sprintf("w%d.localhost", i), fmt.Sprintf("/print?text=%s-%d", told, i))
		}
		seen := map[string]int{}
		for seen[told+"-0"] == 0 || seen[told+"-1"] == 0 {
			entry, err := stream.Next()
			if err != nil {
				t.Fatalf("follow: %v", err)
			}
			seen[entry.Text]++
		}
		stream.Close()
		for text, times := range seen {
			if times != 1 {
				t.Errorf("%q was told %d times", text, times)
			}
		}
	}
}

// checkCommands runs commands where they belong, asked of either node.
func checkCommands(t *testing.T, pair []*node) {
	t.Helper()
	for _, n := range pair {
		for i := range pair {
			for _, exec := range []bool{false, true} {
				order := rpc.CommandOrder{Component: fmt.Sprintf("views_w%d", i), Command: []string{"/app", "exec", "hello", "3"}, Exec: exec}
				if !exec {
					order.Command = order.Command[1:]
				}
				if end, out, _ := n.command(t.Context(), order); end.ExitCode != 3 || !strings.Contains(out, "hello") {
					t.Errorf("%+v asked of %s: %+v, %q", order, n.id, end, out)
				}
			}
		}
	}
}

// checkRoles compares who holds what, as both nodes tell.
func checkRoles(t *testing.T, pair []*node) {
	t.Helper()
	told := func(n *node) (held string) {
		list, err := n.client().Roles(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.Roles {
			if r.Holder != "" && r.HolderName == "" {
				t.Errorf("%+v has no name", r)
			}
			held += fmt.Sprintf("%s=%s/%d ", r.Role, r.Holder, r.Fence)
		}
		return held
	}
	pair[0].await("the same roles at both nodes", patience, func() bool { return told(pair[0]) == told(pair[1]) })
	if held := told(pair[1]); !strings.Contains(held, "placement="+pair[0].id) && !strings.Contains(held, "placement="+pair[1].id) {
		t.Errorf("roles %s", held)
	}
}

// checkRefusals asks both nodes why a component does not run: only the holder
// of the role placement knows.
func checkRefusals(t *testing.T, pair []*node) {
	t.Helper()
	for _, n := range pair {
		if _, err := n.client().Wake(t.Context(), rpc.WakeRequest{Name: "views_huge"}); err == nil || !strings.Contains(err.Error(), "reserves 5000 MiB") {
			t.Errorf("wake: %v", err)
		}
	}
	for _, n := range pair {
		n.await("the refusal", patience, func() bool {
			pair[0].client().Wake(t.Context(), rpc.WakeRequest{Name: "views_huge"}) //nolint:errcheck // it is refused
			list, err := n.client().ListComponents(t.Context(), rpc.ListComponentsRequest{Prefix: "views_huge"})
			if err != nil {
				t.Fatal(err)
			}
			c := list.Components[0]
			return c.State == rpc.ComponentFailed && c.Reason == cluster.ReasonNoCapacity && strings.Contains(c.Message, "reserves 5000 MiB")
		})
		answer, err := n.client().Explain(t.Context(), "views_huge")
		if err != nil || answer.Note != "" || len(answer.Nodes) != 2 || !strings.Contains(answer.Refusal, "reserves 5000 MiB") {
			t.Errorf("explain: %+v, %v", answer, err)
		}
	}
}

// checkNodes looks at the nodes beside the instances.
func checkNodes(t *testing.T, pair []*node) {
	t.Helper()
	for _, n := range pair {
		list, err := n.client().Instances(t.Context(), rpc.InstancesRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Nodes) != 2 || len(list.Instances) != 2 {
			t.Fatalf("%d nodes, %d instances", len(list.Nodes), len(list.Instances))
		}
		for _, i := range list.Instances {
			if i.RequestsTotal == 0 || i.LastRequestAt == nil {
				t.Errorf("%s has %d requests, asked of %s", i.Component, i.RequestsTotal, n.id)
			}
		}
		for _, row := range list.Nodes {
			if row.Instances != 1 || row.MemoryReservedMiB != 100 || row.MemoryTotalMiB != 1024 || row.Lost || row.Silent || row.Labels["at"] == "" || row.SeenAt.IsZero() {
				t.Errorf("%+v", row)
			}
		}
	}
}

// checkSilentNode freezes a node: it is named, and keeps nobody waiting.
func checkSilentNode(t *testing.T, pair []*node) {
	t.Helper()
	asked, frozen := pair[0], pair[1]
	stream, err := asked.client().Logs(t.Context(), rpc.LogsRequest{Components: []string{"views_w*"}, Follow: true, Since: "0s"})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	frozen.signal(syscall.SIGSTOP)
	defer frozen.signal(syscall.SIGCONT)
	var last rpc.LogEntry
	for last.Stream != rpc.StreamNotice || last.Node != frozen.id {
		if last, err = stream.Next(); errors.Is(err, io.EOF) || err != nil {
			t.Fatalf("follow: %v", err)
		}
	}
	if !strings.Contains(last.Text, "is missing") {
		t.Errorf("notice %q", last.Text)
	}
	texts := textsOf(asked.output(rpc.LogsRequest{Components: []string{"views_w*"}}))
	if !slices.Contains(texts, "line-0") || slices.Contains(texts, "line-1") {
		t.Errorf("output without the node: %q", texts)
	}
	row := asked.nodeRow(frozen.id)
	if !row.Silent && !row.Lost {
		t.Errorf("the node is neither silent nor lost: %+v", row)
	}
}
