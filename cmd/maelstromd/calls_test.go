package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"

	"maelstrom/cluster/rpc"
)

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
	proto  string
	err    error
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d %q %q", a.status, a.header.Get("Maelstrom-Reason"), a.body)
}

func (a answer) reason() string { return a.header.Get("Maelstrom-Reason") }

// clients of the tests keep as many connections as they need.
var clients = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 1_000, DialContext: new(net.Dialer).DialContext},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func do(r *http.Request) answer {
	got, err := clients.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	return answer{status: got.StatusCode, header: got.Header, body: string(body), proto: got.Proto, err: err}
}

func (n *node) publicURL(path string) string {
	return "http://127.0.0.1:" + strconv.Itoa(n.public) + path
}

func (n *node) privateURL(path string) string {
	return "http://127.0.0.1:" + strconv.Itoa(n.private) + path
}

// request is one to the public port, for a host.
func (n *node) request(ctx context.Context, method, host, path string, body io.Reader) *http.Request {
	r, err := http.NewRequestWithContext(ctx, method, n.publicURL(path), body)
	if err != nil {
		panic(err) // a mistake in the test
	}
	r.Host = host
	return r
}

func (n *node) get(host, path string) answer {
	return do(n.request(context.Background(), http.MethodGet, host, path, nil))
}

// mustGet is get of what has to be answered 200.
func (n *node) mustGet(host, path string) answer {
	n.t.Helper()
	got := n.get(host, path)
	if got.err != nil || got.status != http.StatusOK {
		n.t.Fatalf("GET %s%s: %s\n%s", host, path, got, n.describe())
	}
	return got
}

// getPrivate asks the private port, in the name of a component if given.
func (n *node) getPrivate(component, path string) answer {
	r, err := http.NewRequest(http.MethodGet, n.privateURL(path), nil)
	if err != nil {
		return answer{err: err}
	}
	if component != "" {
		r.Header.Set("MAELSTROM-COMPONENT", component)
	}
	return do(r)
}

// apply makes the stored project equal to a maelstrom.yml.
func (n *node) apply(yml string) rpc.ApplyAnswer {
	n.t.Helper()
	got, err := n.client().ApplyProject(n.t.Context(), rpc.ApplyRequest{
		ProjectFiles: rpc.ProjectFiles{Base: rpc.SourceFile{Path: "maelstrom.yml", Data: []byte(yml)}},
	})
	if err != nil {
		n.t.Fatalf("apply: %v\n%s", err, yml)
	}
	return got
}

// web is a component that is reached by http at a host named after it.
type web struct {
	name  string
	image string
	lines []string // more lines of YAML, below the component
}

func (w web) host() string { return w.name + ".localhost" }

// projectOf returns the maelstrom.yml of components.
func projectOf(name string, components ...web) string {
	var text strings.Builder
	fmt.Fprintf(&text, "name: %s\ncomponents:\n", name)
	for _, c := range components {
		fmt.Fprintf(&text, "  %s:\n    image: %s\n    eventsources:\n      %s-http: {http: {hostname: %s}}\n", c.name, c.image, c.name, c.host())
		for _, line := range c.lines {
			fmt.Fprintf(&text, "    %s\n", line)
		}
	}
	return text.String()
}

// environment is the line of a component's environment.
func environment(vars ...string) string {
	return `environment: ["` + strings.Join(vars, `", "`) + `"]`
}

// ps lists the instances of a component, or of all.
func (n *node) ps(component string) []rpc.Instance {
	n.t.Helper()
	list, err := n.client().Instances(n.t.Context(), rpc.InstancesRequest{Component: component})
	if err != nil {
		n.t.Fatal(err)
	}
	return list.Instances
}

// component is one line of `comp ls`.
func (n *node) component(name string) rpc.Component {
	n.t.Helper()
	list, err := n.client().ListComponents(n.t.Context(), rpc.ListComponentsRequest{Prefix: name})
	if err != nil {
		n.t.Fatal(err)
	}
	for _, c := range list.Components {
		if c.Name == name {
			return c
		}
	}
	n.t.Fatalf("no component %s in %v", name, list.Components)
	return rpc.Component{}
}

func (n *node) awaitState(component string, state rpc.ComponentState) {
	n.t.Helper()
	n.await(component+" is "+string(state), patience, func() bool { return n.component(component).State == state })
}
