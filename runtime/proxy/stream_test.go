package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// only returns the one open stream.
func (b *bench) only(t testing.TB) Stream {
	t.Helper()
	open := b.conns.Streams()
	if len(open) != 1 {
		t.Fatalf("%d streams open, want 1", len(open))
	}
	return open[0]
}

// wantGone waits for the end of a stream and of the request behind it.
func (b *bench) wantGone(t testing.TB, s Stream, want error) {
	t.Helper()
	<-s.Ended()
	if err := <-b.errs; !errors.Is(err, want) {
		t.Errorf("forward: %v, want %v", err, want)
	}
	if open := b.conns.Streams(); len(open) != 0 {
		t.Errorf("%d streams are left", len(open))
	}
}

// TestEndOfAWebSocket: both sides read the code, whoever of them speaks.
func TestEndOfAWebSocket(t *testing.T) {
	for name, why := range map[string]Ending{"going away": GoingAway, "restart": ServiceRestart} {
		t.Run(name, func(t *testing.T) {
			server := make(chan error, 1)
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := websocket.Accept(w, r, nil)
				if err != nil {
					server <- err
					return
				}
				c.Write(r.Context(), websocket.MessageText, []byte("welcome"))
				_, _, err = c.Read(r.Context())
				server <- err
			}), benchOptions{})
			c, _, err := websocket.Dial(t.Context(), b.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			s := b.only(t)
			s.End(why)
			s.End(why) // once is enough
			_, _, err = c.Read(t.Context())
			if code := websocket.CloseStatus(err); code != websocket.StatusCode(why) {
				t.Errorf("client got %d: %v", code, err)
			}
			if code := websocket.CloseStatus(<-server); code != websocket.StatusCode(why) {
				t.Errorf("server got %d", code)
			}
			<-s.Ended()
			if err := <-b.errs; err != nil {
				t.Errorf("forward: %v", err)
			}
		})
	}
}

// TestEndOfASilentWebSocket is told to both sides as well.
func TestEndOfASilentWebSocket(t *testing.T) {
	server := make(chan error, 1)
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err == nil {
			_, _, err = c.Read(r.Context())
		}
		server <- err
	}), benchOptions{engine: Options{StreamStall: 50 * time.Millisecond}})
	c, _, err := websocket.Dial(t.Context(), b.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	_, _, err = c.Read(t.Context())
	if websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("client got %v", err)
	}
	if err := <-server; websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("server got %v", err)
	}
	<-b.errs
}

// rawSocket is an upstream that speaks WebSocket by hand.
func rawSocket(t testing.TB, talk func(conn net.Conn, in *bufio.Reader)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Accept: it does not look\r\n\r\n")
		talk(conn, rw.Reader)
	})
}

// upgrade asks for a protocol by hand and returns the connection behind the
// 101 answer.
func (b *bench) upgrade(t testing.TB, protocol string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: "+protocol+"\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answer %v, %v", res, err)
	}
	return conn, in
}

// TestEndWaitsForTheEndOfAFrame in each direction.
func TestEndWaitsForTheEndOfAFrame(t *testing.T) {
	half, received := make(chan struct{}), make(chan []byte, 1)
	down, late := frame(finalBit|2, 1000, false), frame(finalBit|1, 5, false)
	b := newBench(t, rawSocket(t, func(conn net.Conn, in *bufio.Reader) {
		first := make([]byte, 100)
		io.ReadFull(in, first)
		conn.Write(down[:500])
		<-half
		conn.Write(append(down[500:], late...)) // late may be too late
		all, _ := io.ReadAll(in)
		received <- append(first, all...)
	}), benchOptions{})
	conn, in := b.upgrade(t, "websocket")
	up := frame(finalBit|2, 300, true)
	conn.Write(up[:100])
	got := make([]byte, 500)
	if _, err := io.ReadFull(in, got); err != nil {
		t.Fatal(err)
	}
	s := b.only(t)
	s.End(GoingAway)
	close(half)
	conn.Write(append(up[100:], closeFrame(GoingAway, true)...))
	rest, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	said, bye := string(got)+string(rest), string(closeFrame(GoingAway, false))
	if said != string(down)+bye && said != string(down)+string(late)+bye {
		t.Errorf("client got %d bytes: not whole frames and a close frame", len(said))
	}
	all := <-received
	if len(all) != len(up)+8 || string(all[:len(up)]) != string(up) || all[len(up)] != finalBit|opClose {
		t.Errorf("server got %d bytes, want its frame and a masked close frame", len(all))
	}
	b.wantGone(t, s, nil)
}

// TestEndOfASocketThatCloses: a close frame of its own is the last.
func TestEndOfASocketThatCloses(t *testing.T) {
	ended := make(chan struct{})
	b := newBench(t, rawSocket(t, func(conn net.Conn, in *bufio.Reader) {
		conn.Write(closeFrame(1000, false))
		<-ended
		io.Copy(io.Discard, in)
	}), benchOptions{})
	conn, in := b.upgrade(t, "websocket")
	first := make([]byte, 4)
	if _, err := io.ReadFull(in, first); err != nil {
		t.Fatal(err)
	}
	s := b.only(t)
	s.End(GoingAway)
	close(ended)
	conn.Write(closeFrame(1000, true))
	if rest, _ := io.ReadAll(in); len(rest) != 0 {
		t.Errorf("after the close frame came %x", rest)
	}
	<-s.Ended()
	<-b.errs
}

// TestEndOfWhoDoesNotListen: nobody reads, nobody answers, and it ends.
func TestEndOfWhoDoesNotListen(t *testing.T) {
	over := make(chan struct{})
	b := newBench(t, rawSocket(t, func(conn net.Conn, in *bufio.Reader) {
		for big := frame(finalBit|2, 1<<20, false); ; {
			if _, err := conn.Write(big); err != nil {
				break
			}
		}
		close(over)
	}), benchOptions{})
	b.upgrade(t, "websocket")
	s := b.only(t)
	s.End(GoingAway)
	<-over
	<-s.Ended()
	<-b.errs
}

func TestEndOfAnotherProtocol(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhi")
		io.Copy(io.Discard, rw)
	}), benchOptions{})
	_, in := b.upgrade(t, "chat")
	if _, err := io.ReadFull(in, make([]byte, 2)); err != nil {
		t.Fatal(err)
	}
	s := b.only(t)
	s.End(GoingAway)
	if rest, _ := io.ReadAll(in); len(rest) != 0 {
		t.Errorf("after the end came %x", rest)
	}
	<-s.Ended()
	<-b.errs
}

// TestEndOfAnEventStream is that of a whole answer, over both protocols; the
// connection goes on.
func TestEndOfAnEventStream(t *testing.T) {
	for name, h2c := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/next" {
					io.WriteString(w, "next")
					return
				}
				w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
				io.WriteString(w, "data: 1\n\n")
				http.NewResponseController(w).Flush()
				<-r.Context().Done()
			}), benchOptions{})
			c := client(t, h2c)
			res, err := c.Do(request(t, "GET", b.url, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := io.ReadFull(res.Body, make([]byte, 9)); err != nil {
				t.Fatal(err)
			}
			s := b.only(t)
			s.End(GoingAway)
			if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
				t.Errorf("the end of the stream: %q, %v", rest, err)
			}
			b.wantGone(t, s, nil)
			if _, text := do(t, c, request(t, "GET", b.url+"/next", nil)); text != "next" {
				t.Errorf("after it: %q", text)
			}
		})
	}
}

// TestEndOfAnEventStreamNobodyReads comes nevertheless.
func TestEndOfAnEventStreamNobodyReads(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			w.Write(make([]byte, 1<<20))
		}
	}), benchOptions{})
	res, err := client(t, false).Do(request(t, "GET", b.url, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	s := b.only(t)
	s.End(GoingAway)
	<-s.Ended()
	<-b.errs
}

func TestEndOfGRPC(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc+proto")
		w.Header().Set("Trailer", "Grpc-Status")
		w.WriteHeader(200)
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), benchOptions{protocol: H2C})
	r := request(t, "POST", b.url+"/svc/Watch", strings.NewReader("m"))
	r.Header.Set("Content-Type", "application/grpc")
	res, err := client(t, true).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	s := b.only(t)
	s.End(GoingAway)
	if _, err := io.ReadAll(res.Body); err != nil {
		t.Errorf("body: %v", err)
	}
	if status := res.Trailer.Get("Grpc-Status"); status != "14" {
		t.Errorf("trailer %v", res.Trailer)
	}
	b.wantGone(t, s, nil)
}

// TestDownloadIsNoStream: an end would look like its end.
func TestDownloadIsNoStream(t *testing.T) {
	release := make(chan struct{})
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first half, ")
		http.NewResponseController(w).Flush()
		<-release
		io.WriteString(w, "second half")
	}), benchOptions{})
	res, err := client(t, false).Do(request(t, "GET", b.url, nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if open := b.conns.Streams(); len(open) != 0 {
		t.Errorf("%d streams", len(open))
	}
	close(release)
	if all, err := io.ReadAll(res.Body); err != nil || string(all) != "first half, second half" {
		t.Errorf("%q, %v", all, err)
	}
}

// TestEndOfWhatIsOver does no harm.
func TestEndOfWhatIsOver(t *testing.T) {
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}), benchOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	res, err := client(t, false).Do(request(t, "GET", b.url, nil).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	s := b.only(t)
	cancel()
	res.Body.Close()
	b.wantGone(t, s, ErrClientGone)
	s.End(GoingAway)
}
