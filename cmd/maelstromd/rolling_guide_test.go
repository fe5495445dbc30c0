package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// What the guide says of HAProxy in front of three nodes, one by one.
func TestTheGuideOfLoadBalancers(t *testing.T) {
	t.Parallel()
	certificate, roots := siteCertificate(t)
	r := newRolling(t, postgres, certificate)
	plain, secure := "http://"+r.through.address(), fmt.Sprintf("https://127.0.0.1:%d", r.through.secure)
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}, ForceAttemptHTTP2: true}}
	defer trusting.CloseIdleConnections()

	t.Run("the container sees the client", func(t *testing.T) { r.checkForwarded(t, trusting, plain, secure) })
	t.Run("event streams are not held back", func(t *testing.T) { r.checkEvents(t, plain) })
	t.Run("no PROXY protocol", func(t *testing.T) { r.checkNoProxyProtocol(t) })
	t.Run("a node is drained by hand", func(t *testing.T) { r.checkDrainByHand(t) })
	t.Run("WebSockets come back", func(t *testing.T) { r.checkSockets(t, plain) })
	t.Run("a node dies", func(t *testing.T) { r.checkDeath(t) })
}

// through is a GET for the component by way of an address.
func through(t *testing.T, base, path string, fields ...string) *http.Request {
	t.Helper()
	asked, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	asked.Host = rollingHost
	for i := 0; i < len(fields); i += 2 {
		asked.Header.Set(fields[i], fields[i+1])
	}
	return asked
}

func (r *rolling) checkForwarded(t *testing.T, trusting *http.Client, plain, secure string) {
	for base, want := range map[string]string{plain: "http", secure: "https"} {
		answer, err := trusting.Do(through(t, base, "/echo", "X-Forwarded-Proto", "gopher", "X-Forwarded-Host", "evil.example", "X-Forwarded-For", "192.0.2.1"))
		if err != nil {
			t.Fatal(err)
		}
		var got echoed
		err = json.NewDecoder(answer.Body).Decode(&got)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		chain := strings.Join(got.Header.Values("X-Forwarded-For"), ", ")
		if got.Host != rollingHost || got.Header.Get("X-Forwarded-Proto") != want || got.Header.Get("X-Forwarded-Host") != rollingHost ||
			!strings.HasSuffix(chain, "127.0.0.1, 127.0.0.1") {
			t.Errorf("by %s the container sees %+v", want, got)
		}
	}
}

func (r *rolling) checkEvents(t *testing.T, base string) {
	answer, err := clients.Do(through(t, base, "/events?n=2&ms=60000"))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	first := make([]byte, len("data: 0\n\n"))
	if _, err := io.ReadFull(answer.Body, first); err != nil || string(first) != "data: 0\n\n" {
		t.Errorf("the first event is %q, %v, before the second is sent", first, err)
	}
}

func (r *rolling) checkNoProxyProtocol(t *testing.T) {
	conn, err := net.Dial("tcp", r.nodes[0].publicAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\nGET /echo HTTP/1.1\r\nHost: %s\r\n\r\n", rollingHost)
	if answer, _ := io.ReadAll(conn); !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("answered %q", answer)
	}
}

func (r *rolling) checkDrainByHand(t *testing.T) {
	load := r.arriveThrough(rollingHost)
	load.awaitMore(r.nodes[0], *rollingRate)
	if answer, err := r.through.command("set server nodes/node2 state drain"); err != nil || strings.TrimSpace(answer) != "" {
		t.Fatalf("%q, %v", answer, err)
	}
	r.through.await(1, "DRAIN")
	before := r.through.served(1)
	load.awaitMore(r.nodes[0], *rollingRate)
	if now := r.through.served(1); now != before {
		t.Errorf("a drained node got %d requests more", now-before)
	}
	if answer, err := r.through.command("set server nodes/node2 state ready"); err != nil || strings.TrimSpace(answer) != "" {
		t.Fatalf("%q, %v", answer, err)
	}
	r.through.await(1, "UP")
	load.check(t, nil)
}

// checkSockets opens WebSockets by way of each node and stops one: its sockets
// get a close frame that says so, and find another node.
func (r *rolling) checkSockets(t *testing.T, base string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dial := func() *websocket.Conn {
		socket, _, err := websocket.Dial(ctx, base+"/ws", &websocket.DialOptions{Host: rollingHost})
		if err != nil {
			t.Fatal(err)
		}
		return socket
	}
	const count = 6
	ends := make(chan error, count)
	for range count {
		socket := dial()
		defer socket.CloseNow()
		go func() {
			_, _, err := socket.Read(ctx)
			ends <- err
		}()
	}
	n := r.nodes[0]
	n.signal(syscall.SIGTERM)
	n.awaitExit()
	if err := <-ends; websocket.CloseStatus(err) != websocket.StatusServiceRestart {
		t.Errorf("a WebSocket of the node that stopped ended with %v", err)
	}
	again := dial()
	defer again.CloseNow()
	if err := again.Write(ctx, websocket.MessageText, []byte("here")); err != nil {
		t.Error(err)
	}
	if _, got, err := again.Read(ctx); err != nil || string(got) != "here" {
		t.Errorf("after that: %q, %v", got, err)
	}
	n.start()
	r.through.await(0, "UP")
	r.awaitAll()
}

// checkDeath kills a node: what it worked on is lost, unless a GET can ask
// another one, and nothing else. HAProxy tells that by 502, or, on a connection
// that was used before, by breaking off.
func (r *rolling) checkDeath(t *testing.T) {
	load := r.arriveThrough(rollingHost)
	load.awaitMore(r.nodes[0], *rollingRate)
	killed := time.Now()
	r.nodes[2].signal(syscall.SIGKILL)
	r.nodes[2].awaitExit()
	dead := time.Now()
	r.through.await(2, "DOWN")
	load.awaitMore(r.nodes[0], *rollingRate)
	load.check(t, func(f failedRequest) bool {
		return f.method == http.MethodPost && f.began.Before(dead) && f.ended.After(killed) && (f.status == http.StatusBadGateway || f.status == 0)
	})
}

// A gRPC call needs HTTP/2 to the node, and gets its trailers.
func TestTheGuideOfLoadBalancersPassesGRPC(t *testing.T) {
	t.Parallel()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	var addresses []string
	for range 3 {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = io.Copy(w, r.Body)
			w.Header().Set("Grpc-Status", r.Proto)
		}))
		server.Config.Protocols = protocols
		server.Start()
		defer server.Close()
		addresses = append(addresses, server.Listener.Addr().String())
	}
	front := balance(t, "", addresses...)
	only := new(http.Protocols)
	only.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: only}
	defer transport.CloseIdleConnections()
	for kind, want := range map[string]string{"application/grpc+proto": "HTTP/2.0", "text/plain": "HTTP/1.1"} {
		asked, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+front.address()+"/shop.Orders/List", strings.NewReader("message"))
		if err != nil {
			t.Fatal(err)
		}
		asked.Header.Set("Content-Type", kind)
		asked.Header.Set("TE", "trailers")
		answer, err := transport.RoundTrip(asked)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if got := answer.Trailer.Get("Grpc-Status"); err != nil || string(body) != "message" || got != want {
			t.Errorf("%s: %q, %v, with the trailer %q, want %q", kind, body, err, got, want)
		}
	}
}

// siteCertificate is a file with a key and a certificate of example.com, as
// HAProxy wants it, and the roots that trust it.
func siteCertificate(t *testing.T) (path string, roots *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(nil) // which has both
	defer server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "site.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return path, roots
}

// The guide shows the file that the tests run.
func TestTheGuideOfLoadBalancersShowsItsFile(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/loadbalancers.md")
	if err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(haproxyConfig)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(guide), "```haproxy\n"+string(config)+"```\n") {
		t.Errorf("docs/loadbalancers.md does not show %s", haproxyConfig)
	}
}
