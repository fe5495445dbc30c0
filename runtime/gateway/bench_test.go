package gateway

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
	"maelstrom/runtime/proxy"
)

// instant is an engine that answers by itself, so that a benchmark sees the
// gateway's own cost.
type instant struct{}

type noConns struct{}

func (noConns) Close() {}

func (noConns) Streams() []proxy.Stream { return nil }

func (instant) Open(string, proxy.Protocol) proxy.Conns { return noConns{} }

func (instant) Connect(func(context.Context, string) (net.Conn, error)) proxy.Peer { return nil }

func (instant) Forward(w http.ResponseWriter, _ *http.Request, _ proxy.Upstream) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (n nowhere) WriteHeader(int)             {}

func benchGateway(b *testing.B, components int) *world {
	w := &world{t: b, upstreams: map[string]*memory{}}
	w.snap.Store(cluster.NewSnapshot())
	w.g = New(Options{Node: node, Engine: instant{}}, Deps{Snapshots: w, Waker: w})
	for i := range components {
		name, id := fmt.Sprint("shop_web", i), fmt.Sprint("p", i)
		w.component(name, func(c *project.Component) { c.MaxConcurrency = 1000 })
		w.place(id, name, 0)
		w.ready(id, id+":80")
	}
	return w
}

// BenchmarkDispatch is all that the gateway adds to a request.
func BenchmarkDispatch(b *testing.B) {
	for _, components := range []int{1, 100} {
		b.Run(fmt.Sprint(components), func(b *testing.B) {
			w := benchGateway(b, components)
			h := w.g.Public()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				out := nowhere{http.Header{}}
				requests := make([]*http.Request, components)
				for i := range requests {
					requests[i] = httptest.NewRequest("GET", fmt.Sprintf("http://shop_web%d/", i), nil)
					requests[i].RequestURI = "/"
				}
				for i := 0; pb.Next(); i++ {
					h.ServeHTTP(out, requests[i%components])
				}
			})
		})
	}
}

// BenchmarkFindComponent is the way from a request to its dispatcher.
func BenchmarkFindComponent(b *testing.B) {
	w := benchGateway(b, 100)
	b.ReportAllocs()
	for b.Loop() {
		m, ok := w.g.snapshots.Snapshot().Routes.Match("shop_web42:80", "/a?b")
		if !ok || w.g.dispatcher(m.Rule.Component) == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkQueue(b *testing.B) {
	q := queue{limit: DefaultQueueLimit}
	client := netip.MustParseAddr("203.0.113.9")
	for range DefaultQueueLimit / 2 {
		q.add(&waiter{}, client)
	}
	b.ReportAllocs()
	for b.Loop() {
		q.add(q.take(), client)
	}
}

// BenchmarkOverTCP compares a request through the gateway with one through a
// bare reverse proxy, upstream and client included in both.
func BenchmarkOverTCP(b *testing.B) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("x", 100))
	}))
	defer upstream.Close()
	target, _ := url.Parse(upstream.URL)
	bare := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded(); r.Out.Host = r.In.Host },
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
	}
	w := newWorld(b, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}})
	defer w.end()
	w.component("web", func(c *project.Component) { c.MaxConcurrency = 1000 })
	w.place("p", "web", 0)
	w.ready("p", target.Host)
	for name, h := range map[string]http.Handler{"bare": bare, "gateway": w.g.Public()} {
		b.Run(name, func(b *testing.B) {
			front := httptest.NewServer(h)
			defer front.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, _ := http.NewRequest("GET", front.URL, nil)
					r.Host = "web"
					res, err := client.Do(r)
					if err != nil {
						b.Fatal(err)
					}
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			})
		})
	}
}

// BenchmarkHop compares a request to an instance here with one that another node
// serves, over TCP in both; the other node's gateway runs here as well.
func BenchmarkHop(b *testing.B) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("x", 100))
	}))
	defer upstream.Close()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	w := newWorld(b, Options{Dial: dial})
	defer w.end()
	owner := New(Options{Node: "node-2", Dial: dial}, Deps{Snapshots: w, Waker: w})
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := NewServer("", http.HandlerFunc(owner.ServeForwarded), ServerOptions{})
	go server.Serve(port)
	defer server.Close()
	w.g.peers = overTCP(port.Addr().String())
	n := w.other("node-2", nil)
	address := strings.TrimPrefix(upstream.URL, "http://")
	for _, name := range []string{"local", "forwarded"} {
		w.component(name, func(c *project.Component) { c.MaxConcurrency = 1000 })
	}
	w.place("p", "local", 0)
	w.ready("p", address)
	n.serving("q", "forwarded", 0)
	n.report("q", func(i *cluster.Instance) { i.Address = address })
	for _, name := range []string{"local", "forwarded"} {
		b.Run(name, func(b *testing.B) {
			front := httptest.NewServer(w.g.Public())
			defer front.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r, _ := http.NewRequest("GET", front.URL, nil)
					r.Host = name
					res, err := client.Do(r)
					if err != nil || res.StatusCode != 200 {
						b.Fatal(res, err)
					}
					io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
			})
		})
	}
}

// overTCP reaches every node at one address.
type overTCP string

func (overTCP) Live(string) bool { return true }

func (a overTCP) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", string(a))
}
