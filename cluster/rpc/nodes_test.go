package rpc

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
)

const otherNode = "node-2"

// couple are two nodes of a cluster. What users ask is asked of the first.
type couple struct {
	a, b   *world
	client *Client
	server *httptest.Server // the peer port of b

	mu     sync.Mutex
	dead   bool
	looked chan struct{} // at whether the other is heard; nil: nobody counts
	holder string
}

func (c *couple) Live(string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.looked != nil {
		select {
		case c.looked <- struct{}{}:
		default:
		}
	}
	return !c.dead
}

func (c *couple) Holder() string { c.mu.Lock(); defer c.mu.Unlock(); return c.holder }

func (c *couple) set(change func()) { c.mu.Lock(); defer c.mu.Unlock(); change() }

func (c *couple) Dial(ctx context.Context, node, protocol string) (net.Conn, error) {
	if node != otherNode || !c.Live(node) {
		return nil, errors.New("no route to host")
	}
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}}}
	return d.DialContext(ctx, "tcp", c.server.Listener.Addr().String())
}

// newCouple runs an instance of a component on each node, as both know.
func newCouple(t *testing.T) *couple {
	t.Helper()
	a, client := shop(t)
	b, _ := shop(t)
	c := &couple{a: a, b: b, client: client, holder: testNode}
	for _, w := range []*world{a, b} {
		w.addNode(cluster.Node{ID: testNode, Name: "alpha", State: cluster.NodeUp, Epoch: 7, Peers: true, MemoryTotalMiB: 1024})
		w.addNode(cluster.Node{ID: otherNode, Name: "beta", State: cluster.NodeUp, Epoch: 7, Peers: true, MemoryTotalMiB: 1024})
		w.runOn(testNode, "p-here", "here")
		w.runOn(otherNode, "p-there", "there")
	}
	a.logs["here"] = []LogLine{line(1, "one"), line(3, "three"), line(5, "five")}
	b.logs["there"] = []LogLine{line(2, "two"), line(4, "four")}
	a.server.deps.Peers = c
	a.server.toNodes, a.server.toNodes1 = nodeTransport(c, "h2"), nodeTransport(c, "http/1.1")
	for _, w := range []*world{a, b} {
		w.server.deps.Explain = func(component string) (cluster.Explanation, bool) { return explanation(component, nil, nil), true }
	}
	b.server.deps.Node = otherNode
	port := (&PrivatePort{Server: b.server}).Nodes(func(r *http.Request) (string, bool) { return testNode, true })
	c.server = httptest.NewUnstartedServer(port)
	c.server.EnableHTTP2 = true
	c.server.StartTLS()
	t.Cleanup(c.server.Close)
	t.Cleanup(a.server.toNodes.CloseIdleConnections)
	return c
}

// explanation is one with what is in the way of a component on each node.
func explanation(component string, here, there []cluster.Obstacle) cluster.Explanation {
	return cluster.Explanation{
		Component: component, Refusal: "no node can run it", Labels: map[string]string{}, Instances: []cluster.InstanceExplanation{},
		Placement: "spread", Scale: asleep(), Nodes: []cluster.NodeExplanation{
			{ID: otherNode, State: cluster.NodeUp, Obstacles: append([]cluster.Obstacle{}, there...), MakesRoom: []string{}},
			{ID: testNode, State: cluster.NodeUp, Obstacles: append([]cluster.Obstacle{}, here...), MakesRoom: []string{}},
		},
	}
}

func (w *world) runOn(node, placement, container string) {
	defer w.lock()()
	p := &cluster.Placement{ID: placement, Component: "shop_web", Node: node, Want: cluster.WantRun}
	w.commit(cluster.ChangeSet{Placements: map[string]*cluster.Placement{placement: p}})
	w.snap = w.snap.WithInstances(cluster.InstanceList{Node: node, Epoch: 7, Counter: w.number, Instances: []cluster.Instance{{
		Placement: placement, Component: "shop_web", Node: node, State: cluster.InstanceReady, Address: "10.0.0.2:80", ContainerID: container,
	}}})
	w.commit(cluster.ChangeSet{})
}

func (c *couple) lines(t *testing.T, req LogsRequest) (lines, notices string) {
	t.Helper()
	logs, err := c.client.Logs(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	var told, missing []string
	for {
		entry, err := logs.Next()
		switch {
		case errors.Is(err, io.EOF):
			return strings.Join(told, ","), strings.Join(missing, ",")
		case err != nil:
			t.Fatal(err)
		case entry.Stream == StreamNotice:
			missing = append(missing, entry.Text)
		default:
			told = append(told, entry.NodeName+":"+entry.Text)
		}
	}
}

func TestLogsOfAllNodesAreMergedByTime(t *testing.T) {
	c := newCouple(t)
	got, notices := c.lines(t, LogsRequest{Components: []string{"shop_*"}})
	if got != "alpha:one,beta:two,alpha:three,beta:four,alpha:five" || notices != "" {
		t.Errorf("lines %s, notices %s", got, notices)
	}
	if got, _ := c.lines(t, LogsRequest{Tail: 1}); got != "beta:four,alpha:five" {
		t.Errorf("tail: %s", got)
	}
	if got, notices := c.lines(t, LogsRequest{Components: []string{"shop_none"}}); got+notices != "" {
		t.Errorf("of none: %s, %s", got, notices)
	}
}

// What nodes run without a row has output like all else.
func TestLogsOfWhatHasNoRow(t *testing.T) {
	c := newCouple(t)
	for _, w := range []*world{c.a, c.b} {
		unlock := w.lock()
		w.commit(cluster.ChangeSet{Placements: map[string]*cluster.Placement{"p-here": nil, "p-there": nil}})
		unlock()
	}
	if got, notices := c.lines(t, LogsRequest{}); got != "alpha:one,beta:two,alpha:three,beta:four,alpha:five" || notices != "" {
		t.Errorf("lines %s, notices %s", got, notices)
	}
}

func TestANodeThatCannotBeReachedIsNamedAndStopsNobody(t *testing.T) {
	c := newCouple(t)
	c.set(func() { c.dead = true })
	got, notices := c.lines(t, LogsRequest{})
	if got != "alpha:one,alpha:three,alpha:five" || notices != "the output of node beta is missing: it is not heard" {
		t.Errorf("lines %s, notices %s", got, notices)
	}
	c.set(func() { c.dead = false })
	c.server.Config.Handler = http.NotFoundHandler()
	if got, notices := c.lines(t, LogsRequest{}); got != "alpha:one,alpha:three,alpha:five" || !strings.Contains(notices, "node beta is missing") {
		t.Errorf("lines %s, notices %s", got, notices)
	}
}

// A node that comes back while its output is followed is shown from where it
// left off, also if it was removed and joins anew.
func TestFollowedNodeGoesOnWhenItIsBack(t *testing.T) {
	for name, away := range map[string]func(ctx context.Context, c *couple){
		"silent": func(context.Context, *couple) {},
		"removed": func(ctx context.Context, c *couple) {
			beta, _ := c.a.Snapshot().Nodes.Get(otherNode)
			c.a.changeNode(otherNode, nil)
			looked := make(chan struct{}, 1)
			c.set(func() { c.looked = looked })
			for range 3 { // the follower has seen by then that it is removed
				select {
				case <-looked:
				case <-ctx.Done():
				}
			}
			c.set(func() { c.looked = nil })
			c.a.changeNode(otherNode, beta)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testFollowedNode(t, away)
		})
	}
}

func (w *world) changeNode(id string, n *cluster.Node) {
	defer w.lock()()
	w.commit(cluster.ChangeSet{Nodes: map[string]*cluster.Node{id: n}})
}

func testFollowedNode(t *testing.T, away func(ctx context.Context, c *couple)) {
	c := newCouple(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	logs, err := c.client.Logs(ctx, LogsRequest{Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	seen := map[string]int{}
	until := func(text string) {
		t.Helper()
		for {
			entry, err := logs.Next()
			if err != nil {
				t.Fatalf("before %q: %v", text, err)
			}
			if seen[entry.Text]++; strings.HasPrefix(entry.Text, text) {
				return
			}
		}
	}
	for seen["five"] == 0 || seen["four"] == 0 {
		until("")
	}
	c.set(func() { c.dead = true })
	c.server.CloseClientConnections()
	until("the output of node beta is missing")
	c.b.mu.Lock()
	c.b.logs["there"] = append(c.b.logs["there"], line(6, "six"))
	c.b.mu.Unlock()
	away(ctx, c)
	c.set(func() { c.dead = false })
	until("the output of node beta goes on")
	until("six")
	for text, times := range seen {
		if times != 1 {
			t.Errorf("%q was shown %d times", text, times)
		}
	}
}

func TestWhatOnlyTheHolderKnowsComesFromIt(t *testing.T) {
	c := newCouple(t)
	c.b.refused["shop_api"] = &cluster.Failure{Reason: cluster.ReasonNoCapacity, Message: "it fits nowhere"}
	state := func() Component {
		c.a.server.told.last.Store(nil)
		list, err := c.client.ListComponents(t.Context(), ListComponentsRequest{Prefix: "shop_api"})
		if err != nil || len(list.Components) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list.Components[0]
	}
	if got := state(); got.State != ComponentAsleep {
		t.Errorf("while this node decides: %+v", got)
	}
	c.set(func() { c.holder = otherNode })
	if got := state(); got.State != ComponentFailed || got.Reason != cluster.ReasonNoCapacity || got.Message != "it fits nowhere" {
		t.Errorf("while the other one decides: %+v", got)
	}
	if list, known := c.a.server.Refusals(); !known || list["shop_api"] == nil {
		t.Errorf("refusals %v, known %v", list, known)
	}
	answer, err := c.client.Explain(t.Context(), "shop_web")
	if err != nil || answer.Note != "" || answer.Refusal != "no node can run it" {
		t.Errorf("explain: %+v, %v", answer, err)
	}
	if told, err := c.client.Removable(t.Context()); err != nil || len(told.Nodes) != 1 || told.Nodes[0].ID != otherNode || told.Note != "" {
		t.Errorf("removable: %+v, %v", told, err)
	}
	c.set(func() { c.dead = true })
	c.server.CloseClientConnections()
	if list, known := c.a.server.Refusals(); known {
		t.Errorf("of a node that can't be asked is known %v", list)
	}
	answer, err = c.client.Explain(t.Context(), "shop_web")
	if err != nil || !strings.HasPrefix(answer.Note, "beta, which holds the role placement, can't be asked: ") {
		t.Errorf("explain: note %q, %v", answer.Note, err)
	}
	if told, err := c.client.Removable(t.Context()); err != nil || len(told.Nodes) != 1 || told.Nodes[0].ID != testNode || !strings.HasPrefix(told.Note, "beta, which holds") {
		t.Errorf("removable: %+v, %v", told, err)
	}
	c.set(func() { c.holder = "" })
	if list, known := c.a.server.Refusals(); known {
		t.Errorf("while nobody decides is known %v", list)
	}
	answer, err = c.client.Explain(t.Context(), "shop_web")
	if err != nil || !strings.HasPrefix(answer.Note, "nobody holds") {
		t.Errorf("explain: note %q, %v", answer.Note, err)
	}
}

func TestLoadsOfAllGatewaysAddUp(t *testing.T) {
	c := newCouple(t)
	c.a.loads["p-there"] = cluster.InstanceLoad{InFlight: 1, Total: 10, LastRequest: started}
	c.b.loads["p-there"] = cluster.InstanceLoad{InFlight: 2, Total: 20, LastRequest: started.Add(time.Minute)}
	list, err := c.client.Instances(t.Context(), InstancesRequest{Node: otherNode})
	if err != nil || len(list.Instances) != 1 || len(list.Nodes) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	if i := list.Instances[0]; i.InFlight != 3 || i.RequestsTotal != 30 || !i.LastRequestAt.Equal(started.Add(time.Minute)) || i.NodeName != "beta" {
		t.Errorf("%+v", i)
	}
}

func (c *couple) run(t *testing.T, order CommandOrder, input string) (end CommandEnd, out, told string) {
	t.Helper()
	server := httptest.NewServer((&PrivatePort{Server: c.a.server}).Loopback())
	defer server.Close()
	var stdout, stderr strings.Builder
	end, err := NewClient(server.URL, c.a.secret, nil).Command(t.Context(), order,
		CommandStreams{Stdin: strings.NewReader(input), Stdout: &stdout, Stderr: &stderr, Notice: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	return end, stdout.String(), stderr.String()
}

func TestCommandsRunWhereTheirInstanceIs(t *testing.T) {
	c := newCouple(t)
	order := CommandOrder{Component: "shop_web", Command: []string{"cat"}, Exec: true, Stdin: true}
	for instance, on := range map[string]*world{"": c.a, "p-h": c.a, "p-there": c.b} {
		order.Instance = instance
		before := len(on.commands.orders)
		end, out, _ := c.run(t, order, "what comes in")
		if end.ExitCode != 0 || end.Error != "" || len(on.commands.orders) != before+1 {
			t.Errorf("%q: %+v, %q", instance, end, out)
		}
	}
	c.set(func() { c.dead = true })
	order.Instance = "p-there"
	if end, _, _ := c.run(t, order, ""); end.ExitCode != CommandNotStarted || !strings.Contains(end.Error, "node beta") {
		t.Errorf("on a node that is away: %+v", end)
	}
}

func TestACommandRunsWhereThereIsRoom(t *testing.T) {
	c := newCouple(t)
	full := []cluster.Obstacle{{Text: "is full", Change: "reservememory"}}
	c.a.server.deps.Explain = func(component string) (cluster.Explanation, bool) {
		return explanation(component, full, []cluster.Obstacle{{Text: "runs 1 already", Change: "maxinstancespernode"}}), true
	}
	end, out, told := c.run(t, CommandOrder{Component: "shop_web", Command: []string{"echo", "hello"}}, "")
	if end.ExitCode != 2 || out != "hello" || told != "told" || len(c.b.commands.orders) != 1 || len(c.a.commands.orders) != 0 {
		t.Errorf("%+v, %q, %q; orders %v here, %v there", end, out, told, c.a.commands.orders, c.b.commands.orders)
	}
	full = nil
	c.run(t, CommandOrder{Component: "shop_web", Command: []string{"echo"}}, "")
	if len(c.a.commands.orders) != 1 || len(c.b.commands.orders) != 1 {
		t.Errorf("orders %v here, %v there", c.a.commands.orders, c.b.commands.orders)
	}
}

func TestNodesAnswerNodesAlone(t *testing.T) {
	w, _ := shop(t)
	port := &PrivatePort{Server: w.server}
	is := false
	handler := port.Nodes(func(*http.Request) (string, bool) { return otherNode, is })
	ask := func(path, body string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, NodePrefix+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+w.secret)
		handler.ServeHTTP(answer, r)
		return answer
	}
	loads := `{"jsonrpc":"2.0","id":"1","method":"PeerService.Loads","params":{}}`
	if got := ask(PathAPI, loads); got.Code != http.StatusForbidden {
		t.Errorf("without a certificate: %d", got.Code)
	}
	is = true
	if got := ask(PathAPI, loads); !strings.Contains(got.Body.String(), `"loads"`) {
		t.Errorf("loads: %d %s", got.Code, got.Body)
	}
	if got := ask(PathAPI, `{"jsonrpc":"2.0","id":"1","method":"ProjectService.List","params":{}}`); !strings.Contains(got.Body.String(), "there is no method") {
		t.Errorf("what users ask: %d %s", got.Code, got.Body)
	}
	if got := w.post(loads); !strings.Contains(got.Body.String(), "there is no method") {
		t.Errorf("what nodes ask, by a user: %s", got.Body)
	}
	if got := ask(PathEvents, ""); got.Code != http.StatusNotFound {
		t.Errorf("events: %d", got.Code)
	}
}

// A node of the next release may ask for more than this one knows of.
func TestNodesOfTheNextReleaseAreAnswered(t *testing.T) {
	c := newCouple(t)
	for _, method := range []string{"Explain", "Removable", "Refusals", "Loads"} {
		var answer map[string]any
		ask := map[string]any{"name": "shop_web", "of_the_next_release": map[string]any{"more": true}}
		if err := c.a.server.node(otherNode).call(t.Context(), "PeerService."+method, ask, &answer); err != nil || len(answer) == 0 {
			t.Errorf("%s: %v, %v", method, answer, err)
		}
	}
}
