package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"maelstrom/cluster/rpc"
	"maelstrom/cluster/store/storetest"
	"maelstrom/runtime/drivertest"
)

// protocolClients are clients of both protocols, in clear.
func protocolClients(t testing.TB) map[string]*http.Client {
	t.Helper()
	all := map[string]*http.Client{}
	for name, allow := range map[string]func(*http.Protocols){
		"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
		"HTTP/2.0": func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) },
	} {
		protocols := new(http.Protocols)
		allow(protocols)
		transport := &http.Transport{Protocols: protocols, MaxIdleConnsPerHost: 1_000}
		t.Cleanup(transport.CloseIdleConnections)
		all[name] = &http.Client{Transport: transport, Timeout: patience}
	}
	return all
}

// Three daemons are one cluster, with each database.
func TestThreeDaemons(t *testing.T) {
	onServers(t, func(t *testing.T, start func() (*storetest.Server, error)) {
		c := newTrio(t, start, trioOptions{taps: true})
		t.Run("any node reaches any component", func(t *testing.T) { testReach(t, c) })
		t.Run("a herd over all nodes", func(t *testing.T) { testHerd(t, c) })
		t.Run("from inside a container", func(t *testing.T) { testInside(t, c) })
		t.Run("nothing crosses the network in clear", func(t *testing.T) { testCapture(t, c) })
		t.Run("the fullest node, or the emptiest", func(t *testing.T) { testPlacement(t, c) })
		t.Run("the less loaded instance", func(t *testing.T) { testLeastLoaded(t, c) })
	})
}

// declare makes a project equal to a maelstrom.yml, and waits until each node
// knows it.
func (c *trio) declare(project, yml string) {
	c.t.Helper()
	c.nodes[0].apply(yml)
	for _, n := range c.nodes {
		n.await("the project "+project, patience, func() bool { return n.knows(project) == strings.Count(yml, "    image: ") })
	}
}

// Requests to any node reach any component, wherever it runs or will run.
func testReach(t *testing.T, c *trio) {
	image := drivertest.BuildImage(t)
	place := map[string]int{}      // of each component
	sleepers := map[string]*node{} // and who is asked for it first
	var components []web
	for i := range c.nodes {
		awake := web{name: fmt.Sprintf("awake%d", i), image: image, lines: []string{atNode(i), "mininstances: 1", "reservememory: 16", "maxconcurrency: 5"}}
		h2c := web{name: fmt.Sprintf("h2c%d", i), image: image, lines: []string{atNode(i), "protocol: h2c", "mininstances: 1", "reservememory: 16"}}
		components = append(components, awake, h2c)
		place[awake.name], place[h2c.name] = i, i
		for j, asked := range c.nodes {
			asleep := web{name: fmt.Sprintf("asleep%d-%d", i, j), image: image, lines: []string{atNode(i), "reservememory: 16", "maxconcurrency: 5"}}
			components = append(components, asleep)
			place[asleep.name], sleepers[asleep.name] = i, asked
		}
	}
	c.declare("reach", projectOf("reach", components...))
	byProtocol := protocolClients(t)
	var all sync.WaitGroup
	for name, asked := range sleepers {
		all.Go(func() { c.checkReached(t, asked, byProtocol["HTTP/1.1"], name, place[name]) })
	}
	all.Wait()
	for name, at := range place {
		for _, asked := range c.nodes {
			for _, client := range byProtocol {
				all.Go(func() { c.checkReached(t, asked, client, name, at) })
			}
		}
	}
	all.Wait()
	for name, at := range place {
		on := c.nodes[at].placedOn("reach_" + name)
		if len(on) == 0 || slices.ContainsFunc(on, func(id string) bool { return id != c.nodes[at].id }) {
			t.Errorf("%s is on %v, not on %s", name, on, c.nodes[at].id)
		}
	}
}

// knows is how many components of a project a node knows.
func (n *node) knows(project string) int {
	n.t.Helper()
	list, err := n.client().ListComponents(n.t.Context(), rpc.ListComponentsRequest{Prefix: project + "_"})
	if err != nil {
		n.t.Fatal(err)
	}
	return len(list.Components)
}

// checkReached asks a node for a component, and checks that the container gets
// the request as it was sent to that node, by whatever way it comes.
func (c *trio) checkReached(t *testing.T, asked *node, client *http.Client, name string, at int) {
	t.Helper()
	body := "a body for " + name
	r := asked.request(t.Context(), http.MethodPost, name+".localhost", "/echo?a=%2F&b", strings.NewReader(body))
	r.Header.Set("Maelstrom-Forward", "reach_other nothing")
	answer, err := client.Do(r)
	if err != nil {
		t.Errorf("%s asked at node %d: %v", name, c.number(asked.id), err)
		return
	}
	defer answer.Body.Close()
	var got echoed
	err = json.NewDecoder(answer.Body).Decode(&got)
	switch {
	case err != nil || answer.StatusCode != http.StatusOK:
		t.Errorf("%s, which is at node %d, asked at node %d: %s %q, %v", name, at, c.number(asked.id), answer.Status, answer.Header.Get("Maelstrom-Reason"), err)
	case got.Method != http.MethodPost || got.Target != "/echo?a=%2F&b" || got.Host != name+".localhost" || got.Body != body:
		t.Errorf("%s asked at node %d gets %+v", name, c.number(asked.id), got)
	}
	for field, want := range map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": name + ".localhost"} {
		if value := strings.Join(got.Header.Values(field), ", "); value != want {
			t.Errorf("%s asked at node %d gets %s: %q", name, c.number(asked.id), field, value)
		}
	}
	for field := range got.Header {
		if field == "Maelstrom-Forward" || field == "Maelstrom-Deadline-Ms" {
			t.Errorf("%s asked at node %d gets %s: %q", name, c.number(asked.id), field, got.Header.Get(field))
		}
	}
	if answer.Header.Get("Maelstrom-Forward") != "" || strings.HasPrefix(name, "h2c") != (got.Proto == "HTTP/2.0") {
		t.Errorf("%s asked at node %d: proto %s to the container, answered with %v", name, c.number(asked.id), got.Proto, answer.Header)
	}
}
