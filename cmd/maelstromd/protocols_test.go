package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"maelstrom/runtime/drivertest"
)

func TestProtocolsThroughTheGateway(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	image := drivertest.BuildImage(t)
	plain := web{name: "plain", image: image, lines: []string{"maxconcurrency: 10"}}
	h2c := web{name: "h2c", image: image, lines: []string{"maxconcurrency: 10", "protocol: h2c"}}
	n.apply(projectOf("protocols", plain, h2c))
	n.mustGet(plain.host(), "/")

	t.Run("WebSocket", func(t *testing.T) { testWebSocket(t, n, plain.host()) })
	t.Run("event stream", func(t *testing.T) { testEvents(t, n, plain.host()) })
	t.Run("h2c to the container", func(t *testing.T) {
		if got := n.echo(t, clients, h2c.host()); got.Proto != "HTTP/2.0" {
			t.Errorf("the container sees %s", got.Proto)
		}
		if got := n.echo(t, clients, plain.host()); got.Proto != "HTTP/1.1" {
			t.Errorf("without protocol: h2c the container sees %s", got.Proto)
		}
	})
	t.Run("h2c from the client", func(t *testing.T) {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		transport := &http.Transport{Protocols: protocols}
		defer transport.CloseIdleConnections()
		got, err := transport.RoundTrip(n.request(t.Context(), http.MethodGet, plain.host(), "/", nil))
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		if got.Proto != "HTTP/2.0" || got.StatusCode != http.StatusOK {
			t.Errorf("answered %s by %s", got.Status, got.Proto)
		}
	})
	t.Run("forwarded fields are the gateway's own", func(t *testing.T) { testForwarded(t, n, plain.host()) })
	t.Run("large bodies", func(t *testing.T) { testLargeBodies(t, n, plain.host()) })
}

// echoed is what /echo tells of a request.
type echoed struct {
	Method, Target, Host, Proto, Body string
	Header                            http.Header
}

func (n *node) echo(t *testing.T, client *http.Client, host string, fields ...string) echoed {
	t.Helper()
	r := n.request(t.Context(), http.MethodPost, host, "/echo?a=%2F&b", strings.NewReader("body"))
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	answered, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answered.Body.Close()
	var got echoed
	if err := json.NewDecoder(answered.Body).Decode(&got); err != nil {
		t.Fatalf("%s: %v", answered.Status, err)
	}
	return got
}

func testForwarded(t *testing.T, n *node, host string) {
	got := n.echo(t, clients, host,
		"X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example", "Forwarded", "for=192.0.2.1")
	for field, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": host, "Forwarded": "",
	} {
		if value := strings.Join(got.Header.Values(field), ", "); value != want {
			t.Errorf("%s: %q, want %q", field, value, want)
		}
	}
	if got.Method != http.MethodPost || got.Target != "/echo?a=%2F&b" || got.Host != host || got.Body != "body" {
		t.Errorf("the container sees %+v", got)
	}
}

func testWebSocket(t *testing.T, n *node, host string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, n.publicURL("/ws"), &websocket.DialOptions{Host: host})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	for i := range 10 {
		text := fmt.Sprint("message ", i)
		if err := socket.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, got, err := socket.Read(ctx); err != nil || string(got) != text {
			t.Fatalf("read %q, %v, want %q", got, err, text)
		}
	}
	if err := socket.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// testEvents reads a stream whose events are sent one by one.
func testEvents(t *testing.T, n *node, host string) {
	const count, apart = 3, 300 * time.Millisecond
	got, err := clients.Do(n.request(t.Context(), http.MethodGet, host, fmt.Sprintf("/events?n=%d&ms=%d", count, apart.Milliseconds()), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var first, last time.Time
	events := 0
	for lines := bufio.NewScanner(got.Body); lines.Scan(); {
		if !strings.HasPrefix(lines.Text(), "data: ") {
			continue
		}
		if last = time.Now(); events == 0 {
			first = last
		}
		events++
	}
	if events != count {
		t.Errorf("%d events, want %d", events, count)
	}
	if spread := last.Sub(first); spread < apart {
		t.Errorf("events that were sent %s apart came within %s: they were held back", apart, spread)
	}
}

// testLargeBodies moves much more than may be held in memory, both ways.
func testLargeBodies(t *testing.T, n *node, host string) {
	const size = 64 << 20
	before := n.memory()
	body := make([]byte, size)
	sum := sha256.Sum256(body)
	up := do(n.request(t.Context(), http.MethodPost, host, "/upload", bytes.NewReader(body)))
	if want := fmt.Sprintf("%d %s\n", size, hex.EncodeToString(sum[:])); up.body != want {
		t.Errorf("uploaded: %s, want %s", up, want)
	}
	down, err := clients.Do(n.request(t.Context(), http.MethodGet, host, fmt.Sprintf("/download?bytes=%d", size), nil))
	if err != nil {
		t.Fatal(err)
	}
	defer down.Body.Close()
	hash := sha256.New()
	if came, err := io.Copy(hash, down.Body); err != nil || came != size || !bytes.Equal(hash.Sum(nil), sum[:]) {
		t.Errorf("downloaded %d bytes, %v, want %d", came, err, size)
	}
	grown := n.memory() - before
	t.Logf("the daemon's memory grew by %d KiB for 2 x %d MiB", grown>>10, size>>20)
	if grown > size/2 {
		t.Errorf("the daemon's memory grew by %d MiB for bodies of %d MiB", grown>>20, size>>20)
	}
}
