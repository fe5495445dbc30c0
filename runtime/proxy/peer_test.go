package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// owner is another node, in memory and in virtual time.
type owner struct {
	t      *testing.T
	e      Engine
	peer   Peer
	conns  Conns
	server *http.Server
	port   *memory

	mu     sync.Mutex
	asked  []string // protocols of the connections
	faults []*fault
}

// fault is a connection that can lose what goes through it.
type fault struct {
	net.Conn
	frozen atomic.Bool
}

func (f *fault) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	for f.frozen.Load() && err == nil {
		n, err = f.Conn.Read(p) // what came is lost
	}
	return n, err
}

func (f *fault) Write(p []byte) (int, error) {
	if f.frozen.Load() {
		return len(p), nil
	}
	return f.Conn.Write(p)
}

func (o *owner) dial(ctx context.Context, protocol string) (net.Conn, error) {
	conn, err := o.port.dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	f := &fault{Conn: conn}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked, o.faults = append(o.asked, protocol), append(o.faults, f)
	return f, nil
}

// freeze lets everything be lost from now on.
func (o *owner) freeze() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.faults {
		f.frozen.Store(true)
	}
}

func (o *owner) connections() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Join(o.asked, " ")
}

// asking runs a story beside another node that answers with h.
func asking(t *testing.T, h http.HandlerFunc, story func(t *testing.T, o *owner)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &owner{t: t, port: newMemory()}
		o.server = serve(t, o.port, h)
		o.e = New(Options{})
		o.peer = o.e.Connect(o.dial)
		o.conns = o.peer.Open(Remote{Component: "shop_web", Placement: "p1", Address: "172.17.0.9:80"})
		story(t, o)
		o.server.Close()
		o.peer.Sever()
		synctest.Wait()
	})
}

// ask forwards a request, with an answer by limit.
func (o *owner) ask(r *http.Request, limit time.Duration) (*httptest.ResponseRecorder, error) {
	rec := httptest.NewRecorder()
	err := o.e.Forward(rec, r, Upstream{
		Conns: o.conns, Target: r.URL.RequestURI(), RequestID: "id-1", Public: true,
		Start: time.Now(), Deadline: time.Now().Add(limit),
	})
	return rec, err
}

// once is a body that can be read a single time, and knows whether it was.
type once struct {
	io.Reader
	reads  atomic.Int32
	closed atomic.Bool
}

func (b *once) Read(p []byte) (int, error) {
	b.reads.Add(1)
	if b.closed.Load() {
		return 0, errors.New("closed")
	}
	return b.Reader.Read(p)
}

func (b *once) Close() error { b.closed.Store(true); return nil }

func upload(t *testing.T, size int) (*http.Request, *once) {
	body := &once{Reader: io.LimitReader(endless{}, int64(size))}
	r := request(t, "POST", "http://shop/up", body)
	r.ContentLength = int64(size)
	return r, body
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// sendBack answers as a node that has no room.
func sendBack(w http.ResponseWriter, reason string) {
	w.Header().Set(FieldForward, ForwardRefused)
	w.Header().Set(fieldReason, reason)
	w.WriteHeader(http.StatusMisdirectedRequest)
}

func TestARequestThatIsSentBackHasItsBody(t *testing.T) {
	const size, refusals = 3 << 20, 5
	var seen atomic.Int32
	asking(t, func(w http.ResponseWriter, r *http.Request) {
		if seen.Add(1) <= refusals {
			<-time.After(10 * time.Second) // in its queue, much longer than clients wait for "100 Continue"
			sendBack(w, "full")
			return
		}
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	}, func(t *testing.T, o *owner) {
		r, body := upload(t, size)
		for range refusals {
			rec, err := o.ask(r, time.Minute)
			var refused *Refused
			if !errors.As(err, &refused) || !refused.Misdirected() || refused.Reason != "full" {
				t.Fatalf("error %v", err)
			}
			if body.reads.Load() > 0 || rec.Body.Len() > 0 || len(rec.Header()) > 0 {
				t.Fatalf("read %d times; answer %v", body.reads.Load(), rec.Header())
			}
		}
		rec, err := o.ask(r, time.Minute)
		if err != nil || rec.Body.String() != fmt.Sprint(size, error(nil)) {
			t.Errorf("answer %q, %v", rec.Body, err)
		}
		if got := o.connections(); got != "h2" {
			t.Errorf("connections: %s", got)
		}
	})
}

func TestWhatTheOtherNodeIsTold(t *testing.T) {
	asking(t, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{FieldForward, FieldDeadlineMs, FieldExpect, "X-Forwarded-Host", "X-Request-Id", "Cookie", "Te"} {
			fmt.Fprintf(w, "%s=%s\n", name, strings.Join(r.Header[name], "|"))
		}
		fmt.Fprintf(w, "%s %s %s %s", r.Proto, r.Method, r.Host, r.RequestURI)
	}, func(t *testing.T, o *owner) {
		r := request(t, "PATCH", "http://shop:81/a%2Fb//c?d;e", strings.NewReader("body"))
		r.Header = http.Header{FieldForward: {"forged x"}, FieldDeadlineMs: {"1"}, "Expect": {"100-Continue"}, "Cookie": {"a=b"}, "Te": {"trailers"}}
		rec, err := o.ask(r, 7*time.Second)
		want := FieldForward + "=shop_web p1\n" + FieldDeadlineMs + "=7000\n" + FieldExpect + "=100-continue\n" +
			"X-Forwarded-Host=shop:81\nX-Request-Id=id-1\nCookie=a=b\nTe=trailers\n" +
			"HTTP/2.0 PATCH shop:81 /a%2Fb//c?d;e"
		if err != nil || rec.Body.String() != want {
			t.Errorf("%v, the node got\n%s\nwant\n%s", err, rec.Body, want)
		}
		r = request(t, "GET", "/", nil)
		r.Host = "" // as in HTTP/1.0
		if rec, err = o.ask(r, time.Second); err != nil || !strings.HasSuffix(rec.Body.String(), "GET 172.17.0.9:80 /") {
			t.Errorf("%v, without a host: %s", err, rec.Body)
		}
	})
}

func TestAnswersOfTheOtherNodeItself(t *testing.T) {
	asking(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			w.Header().Set(FieldForward, ForwardRefused)
			w.Header().Set(fieldReason, "exited")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		} else {
			w.WriteHeader(http.StatusMisdirectedRequest) // a container's own
		}
		io.WriteString(w, "no luck\n")
	}, func(t *testing.T, o *owner) {
		rec, err := o.ask(request(t, "POST", "/refused", nil), time.Minute)
		var refused *Refused
		want := Refused{Status: 503, Reason: "exited", Text: "no luck", RetryAfter: 7 * time.Second}
		if !errors.As(err, &refused) || *refused != want || refused.Misdirected() || rec.Body.Len() > 0 {
			t.Errorf("error %+v, answer %s", err, rec.Body)
		}
		rec, err = o.ask(request(t, "POST", "/", nil), time.Minute)
		if err != nil || rec.Code != http.StatusMisdirectedRequest || rec.Body.String() != "no luck\n" {
			t.Errorf("a container's 421: %d, %v", rec.Code, err)
		}
	})
}

func TestHintsAndTrailersComeAlong(t *testing.T) {
	asking(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Content-Type", "application/grpc")
		io.WriteString(w, "message")
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", r.Trailer.Get("Sum"))
	}, func(t *testing.T, o *owner) {
		r, _ := upload(t, 100)
		r.Trailer = http.Header{"Sum": {"5"}}
		rec := &hinted{ResponseRecorder: httptest.NewRecorder()}
		err := o.e.Forward(rec, r, Upstream{Conns: o.conns, Target: "/", Start: time.Now()})
		if err != nil || rec.Body.String() != "message" || rec.Result().Trailer.Get("Grpc-Status") != "5" {
			t.Errorf("%v, %q, trailer %v", err, rec.Body, rec.Result().Trailer)
		}
		if fmt.Sprint(rec.hints) != "[103]" { // and no 100 that nobody has asked for
			t.Errorf("before the answer came %v", rec.hints)
		}
	})
}

// hinted notes what came before the answer.
type hinted struct {
	*httptest.ResponseRecorder
	hints []int
}

func (h *hinted) WriteHeader(status int) {
	if status < 200 {
		h.hints = append(h.hints, status)
		return
	}
	h.ResponseRecorder.WriteHeader(status)
}

func TestANodeThatCannotBeReached(t *testing.T) {
	asking(t, nil, func(t *testing.T, o *owner) {
		o.server.Close()
		r, body := upload(t, 100)
		if _, err := o.ask(r, time.Minute); !errors.Is(err, ErrDial) || body.reads.Load() > 0 || body.closed.Load() {
			t.Errorf("error %v, %d reads", err, body.reads.Load())
		}
	})
}

func hangs(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/hang" {
		return
	}
	<-r.Context().Done()
}

func TestANodeThatFreezes(t *testing.T) {
	asking(t, hangs, func(t *testing.T, o *owner) {
		begun := time.Now()
		errs := make(chan error, 1)
		go func() {
			_, err := o.ask(request(t, "POST", "/hang", nil), time.Hour)
			errs <- err
		}()
		<-time.After(10 * time.Second) // pings are answered meanwhile
		if len(errs) > 0 || time.Since(o.peer.Heard()) > 2*peerPing {
			t.Fatalf("before: %v, last heard %v", len(errs), o.peer.Heard())
		}
		o.freeze()
		if err := <-errs; !errors.Is(err, ErrLink) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(begun) - 10*time.Second; took > peerPing+peerPingLost {
			t.Errorf("noticed after %v", took)
		}
		if _, err := o.ask(request(t, "POST", "/", nil), time.Hour); err != nil {
			t.Errorf("by a new connection: %v", err)
		}
	})
}

func TestAbandonedRequests(t *testing.T) {
	asking(t, hangs, func(t *testing.T, o *owner) {
		errs := map[string]chan error{}
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"} {
			errs[method] = make(chan error, 1)
			go func() {
				_, err := o.ask(request(t, method, "/hang", nil), time.Minute)
				errs[method] <- err
			}()
		}
		r := request(t, "PUT", "/hang", strings.NewReader("body"))
		errs["PUT with a body"] = make(chan error, 1)
		go func() {
			_, err := o.ask(r, time.Minute)
			errs["PUT with a body"] <- err
		}()
		synctest.Wait()
		begun := time.Now()
		o.peer.Abandon()
		for method, err := range errs {
			kind, after := ErrLink, time.Duration(0)
			if method == "POST" || method == "PATCH" || strings.HasSuffix(method, "body") {
				kind, after = ErrDeadline, time.Minute
			}
			defer func() {
				if got := <-err; !errors.Is(got, kind) || after == 0 && time.Since(begun) > time.Minute {
					t.Errorf("%s: %v", method, got)
				}
			}()
		}
	})
}

func TestAnswersGoOnWhenOthersAreAbandoned(t *testing.T) {
	asking(t, slowly(nil, time.Second, 5), func(t *testing.T, o *owner) {
		done := make(chan *httptest.ResponseRecorder)
		go func() {
			rec, err := o.ask(request(t, "GET", "/", nil), time.Minute)
			if err != nil {
				t.Errorf("error %v", err)
			}
			done <- rec
		}()
		<-time.After(2 * time.Second)
		o.peer.Abandon()
		if rec := <-done; rec.Body.String() != strings.Repeat("part ", 5) {
			t.Errorf("answer %q", rec.Body)
		}
	})
}

func TestANodeThatLeaves(t *testing.T) {
	asking(t, slowly(nil, time.Second, 5), func(t *testing.T, o *owner) {
		done := make(chan error)
		begin := func() {
			rec, err := o.ask(request(t, "POST", "/", nil), time.Minute)
			if err == nil && rec.Body.Len() != 25 {
				err = fmt.Errorf("answer %q", rec.Body)
			}
			done <- err
		}
		go begin()
		<-time.After(1500 * time.Millisecond)
		go o.server.Shutdown(context.Background())
		<-time.After(time.Second)
		old := o.port
		o.mu.Lock()
		o.port = newMemory() // it comes back
		o.mu.Unlock()
		o.server = serve(t, o.port, slowly(nil, time.Second, 5))
		go begin()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		old.Close()
		if got := o.connections(); got != "h2 h2" {
			t.Errorf("connections %s", got)
		}
	})
}

// TestARequestThatAServerDidNotLookAt pins how the standard library tells of a
// request that crosses with the server's GOAWAY, or that the server refuses.
func TestARequestThatAServerDidNotLookAt(t *testing.T) {
	goAway := []byte{0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	reset := []byte{0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, refusedStream}
	for name, reply := range map[string][]byte{"goaway": goAway, "refused": reset} {
		t.Run(name, func(t *testing.T) {
			asking(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }, func(t *testing.T, o *owner) {
				good := o.port
				o.port = newMemory()
				go answerEach(t, o.port, reply)
				r := request(t, "POST", "/", &once{Reader: strings.NewReader("body")})
				r.ContentLength = 4
				_, err := o.ask(r, time.Minute)
				o.mu.Lock()
				o.port = good
				o.mu.Unlock()
				if !errors.Is(err, ErrDial) {
					t.Fatalf("error %v", err)
				}
				o.peer.Sever()
				if rec, err := o.ask(r, time.Minute); err != nil || rec.Body.String() != "body" {
					t.Errorf("answer %q, %v", rec.Body, err)
				}
			})
		})
	}
}

// answerEach speaks HTTP/2 as far as the headers of requests, and answers each
// with one frame. It ends with its connections.
func answerEach(t *testing.T, port *memory, frame []byte) {
	for range peerTries {
		conn, err := port.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		more := true
		in := bufio.NewReader(conn)
		go conn.Write([]byte{0, 0, 0, 4, 0, 0, 0, 0, 0})
		in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		for header := make([]byte, 9); more; {
			if _, err := io.ReadFull(in, header); err != nil {
				return
			}
			in.Discard(int(header[0])<<16 | int(header[1])<<8 | int(header[2]))
			if header[3] == 1 {
				reply := bytes.Clone(frame)
				if copy(reply[5:9], header[5:9]); frame[3] == 7 {
					clear(reply[5:9])
					more = false
				}
				go conn.Write(reply)
			}
		}
		go io.Copy(io.Discard, conn)
	}
}

func TestFewConnectionsForMany(t *testing.T) {
	const crowd = 1000
	release := make(chan struct{})
	asking(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}, func(t *testing.T, o *owner) {
		release = make(chan struct{})
		var done sync.WaitGroup
		for range crowd {
			done.Go(func() {
				if _, err := o.ask(request(t, "GET", "/", nil), time.Minute); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := len(strings.Fields(o.connections())); n > 10 { // of 250 streams each, as Go's server says
			t.Errorf("%d connections", n)
		}
		close(release)
		done.Wait()
		<-time.After(idlePeer + time.Second)
		synctest.Wait()
		o.mu.Lock()
		defer o.mu.Unlock()
		if open := len(o.peer.(*peer).open); open > 0 {
			t.Errorf("%d idle connections are left", open)
		}
	})
}
