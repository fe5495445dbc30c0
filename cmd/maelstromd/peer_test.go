package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

const clusterKey = "a text that the nodes of this cluster share"

// peerEnv makes a node answer peers at a port of its own.
func peerEnv(t testing.TB, env ...string) (port int, all []string) {
	t.Helper()
	port = freePort(t)
	return port, append([]string{"MAEL_PEER_ADDR=127.0.0.1:" + strconv.Itoa(port), "MAEL_CLUSTER_KEY=" + clusterKey}, env...)
}

// fingerprint is that of the node's authority.
func (n *node) fingerprint() string {
	n.t.Helper()
	answer, err := n.client().CA(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	return answer.Fingerprint
}

// tap passes connections on to an address and keeps what goes over them.
type tap struct {
	net.Listener
	target string

	mu    sync.Mutex
	heard bytes.Buffer
	first []byte // of each connection
}

func listen(t testing.TB, target int) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{Listener: listener, target: "127.0.0.1:" + strconv.Itoa(target)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.pass(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return p
}

func (p *tap) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer far.Close()
	var back sync.WaitGroup
	back.Go(func() {
		p.copy(near, far, false)
		near.Close()
	})
	p.copy(far, near, true)
	far.Close()
	back.Wait()
}

func (p *tap) copy(to, from net.Conn, starts bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			p.mu.Lock()
			p.heard.Write(buffer[:n])
			if starts {
				p.first = append(p.first, buffer[0])
			}
			p.mu.Unlock()
			starts = false
			_, _ = to.Write(buffer[:n]) // whose end the other copy sees
		}
		if err != nil {
			return
		}
	}
}

// all returns what was heard, and the first byte of each connection.
func (p *tap) all() (heard string, first []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heard.String(), bytes.Clone(p.first)
}

// On the way between nodes, and between maelctl and a node, nobody hears a
// token, a secret or the cluster's key.
func TestNoSecretCrossesTheNetworkInClear(t *testing.T) {
	t.Parallel()
	_, dsn := emptyDatabase(t, postgres)
	base := []string{"MAEL_TOTAL_MEMORY=0", "MAEL_SQL_DRIVER=postgres", "MAEL_SQL_DSN=" + dsn}
	var taps []*tap
	var pair []*node
	for range 2 {
		port, env := peerEnv(t, base...)
		p := listen(t, port)
		taps = append(taps, p)
		pair = append(pair, newNode(t, append(env, "MAEL_PEER_ADVERTISE="+p.Addr().String())...))
	}
	pin := rpc.Pin{Fingerprint: pair[0].fingerprint()}
	if pair[1].fingerprint() != pin.Fingerprint {
		t.Fatal("two nodes, two authorities")
	}
	const secret = "a-secret-of-a-component"
	var made string
	for i, p := range taps {
		client := rpc.NewPinnedClient("https://"+p.Addr().String(), pair[i].token(), pin)
		answer, err := client.NewToken(t.Context(), "new-"+strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		made = answer.Token
		_, err = client.ApplyProject(t.Context(), rpc.ApplyRequest{ProjectFiles: rpc.ProjectFiles{Base: rpc.SourceFile{
			Path: "maelstrom.yml", Data: []byte("name: shop" + strconv.Itoa(i) + "\ncomponents:\n  web:\n    image: web\n    environment: [PASSWORD=" + secret + "]\n"),
		}}})
		if err != nil {
			t.Fatal(err)
		}
		nodes, err := client.Nodes(t.Context())
		if err != nil || len(nodes.Nodes) != 2 {
			t.Fatalf("nodes %+v, %v", nodes, err)
		}
		for _, n := range nodes.Nodes {
			if n.ID == pair[i].id && n.Address != p.Addr().String() {
				t.Errorf("node %s is at %s", n.ID, n.Address)
			}
		}
	}
	for i, p := range taps {
		heard, first := p.all()
		for name, text := range map[string]string{"token": pair[i].token(), "new token": made, "secret": secret, "key": clusterKey, "method": "ApplyProject"} {
			if strings.Contains(heard, text) {
				t.Errorf("the %s was heard on the way to node %d", name, i)
			}
		}
		if len(heard) < 1000 || strings.Trim(string(first), "\x16") != "" {
			t.Errorf("%d bytes were heard; connections begin with %x", len(heard), first)
		}
	}
	// The same ear hears all of it where it does go in clear: within a machine.
	control := listen(t, pair[0].private)
	if _, err := rpc.NewClient("http://"+control.Addr().String(), pair[0].token(), nil).Nodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	if heard, _ := control.all(); !strings.Contains(heard, pair[0].token()) {
		t.Error("the ear is deaf")
	}
	for _, n := range pair {
		if n.log.has(clusterKey) || n.log.has(made) {
			t.Error("the log has a secret")
		}
	}
}

// A node with another key does not get in; without the database, a node that
// was in is known by the copy of what it had.
func TestTheClusterKeyLetsNodesIn(t *testing.T) {
	t.Parallel()
	server, dsn := emptyDatabase(t, mariadb)
	base := []string{"MAEL_TOTAL_MEMORY=0", "MAEL_SQL_DRIVER=mysql", "MAEL_SQL_DSN=" + dsn}
	port, env := peerEnv(t, base...)
	n := newNode(t, env...)
	ca, err := n.client().CA(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, env = peerEnv(t, base...)
	const wrong = "another text than the nodes of this cluster share"
	other := prepareNode(t, append(env, "MAEL_CLUSTER_KEY="+wrong)...)
	other.run()
	if code := other.awaitExit(); code == 0 || !other.log.has("MAEL_CLUSTER_KEY does not open") || other.log.has(wrong) {
		t.Errorf("exit code %d with another key:\n%s", code, other.log.tail(5))
	}
	list, err := n.client().Nodes(t.Context())
	if err != nil || len(list.Nodes) != 1 {
		t.Errorf("a node that was refused has joined: %+v, %v", list.Nodes, err)
	}

	n.signal(syscall.SIGTERM)
	n.awaitExit()
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	n.run()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(ca.Certificate))
	n.await("the node answers by its name, without the database", patience, func() bool {
		conn, err := tls.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port), &tls.Config{RootCAs: pool, ServerName: n.id + "." + cluster.NodeDomain})
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
}

// What is not the API is not there for who calls from elsewhere, and the API
// not in clear.
func TestThePeerPortHasTheAPIAlone(t *testing.T) {
	t.Parallel()
	port, env := peerEnv(t)
	newNode(t, env...)
	address := "127.0.0.1:" + strconv.Itoa(port)
	client := http.Client{Timeout: patience, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}}
	defer client.CloseIdleConnections()
	for path, want := range map[string]int{"/metrics": 404, "/healthz": 404, "/_mael_health_check": 404, "/": 404, rpc.PathAPI: 401, rpc.PathLogs: 401} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("MAELSTROM-COMPONENT", "shop_web")
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want || answer.ProtoMajor != 2 {
			t.Errorf("%s: %s %s, want %d", path, answer.Proto, answer.Status, want)
		}
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, "POST "+rpc.PathAPI+" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	if answer, _ := io.ReadAll(conn); bytes.Contains(answer, []byte(" 401 ")) || bytes.Contains(answer, []byte(" 200 ")) {
		t.Errorf("in clear: %q", answer)
	}
}

// An upgrade in place hands the port of peers over with the others: nobody is
// refused, and the authority is the same.
func TestAnUpgradeKeepsThePeerPort(t *testing.T) {
	t.Parallel()
	port, env := peerEnv(t)
	n := newNode(t, env...)
	pin := rpc.Pin{Fingerprint: n.fingerprint()}
	token := n.token()
	stop := make(chan struct{})
	var mu sync.Mutex
	var calls int
	var failed error
	var caller sync.WaitGroup
	caller.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			_, err := rpc.NewPinnedClient("https://127.0.0.1:"+strconv.Itoa(port), token, pin).Version(t.Context())
			mu.Lock()
			calls++
			if failed == nil {
				failed = err
			}
			mu.Unlock()
		}
	})
	more := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return calls >= 20
	}
	for round := range 2 {
		n.await("calls", patience, more)
		n.signal(syscall.SIGUSR2)
		n.await("the next program", patience, func() bool { return n.log.count("serving peers") == round+2 })
		mu.Lock()
		calls = 0
		mu.Unlock()
	}
	n.await("calls of the last program", patience, more)
	close(stop)
	caller.Wait()
	if failed != nil {
		t.Errorf("a call failed: %v", failed)
	}
}
