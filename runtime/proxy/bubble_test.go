package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a proxy between a raw client connection and an upstream, all
// in memory and in virtual time.
func inBubble(t *testing.T, upstream http.HandlerFunc, opt benchOptions, story func(t *testing.T, c net.Conn, errs <-chan error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		back, near := newMemory(), newMemory()
		server := serve(t, back, upstream)
		opt.engine.Dial = back.dial
		e := New(opt.engine)
		conns := e.Open("upstream:80", opt.protocol)
		errs := make(chan error, 10)
		frontServer := serve(t, near, front(e, conns, opt.deadline, errs))
		c, err := near.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		story(t, c, errs)
		c.Close()
		conns.Close()
		frontServer.Close()
		server.Close()
	})
}

func wantError(t *testing.T, errs <-chan error, want error) {
	t.Helper()
	if err := <-errs; !errors.Is(err, want) {
		t.Errorf("forward: %v, want %v", err, want)
	}
}

func silent(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestDeadlineForTheHeader(t *testing.T) {
	for name, request := range map[string]string{
		"no body":   "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"body":      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
		"half sent": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, silent, benchOptions{deadline: 7 * time.Second}, func(t *testing.T, c net.Conn, errs <-chan error) {
				begun := time.Now()
				io.WriteString(c, request)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil || res.StatusCode != 502 {
					t.Fatalf("answer %v, %v", res, err)
				}
				wantError(t, errs, ErrDeadline)
				if took := time.Since(begun); took != 7*time.Second {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// slowly answers in parts with pauses between them.
func slowly(header http.Header, pause time.Duration, parts int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for k, v := range header {
			w.Header()[k] = v
		}
		for range parts {
			io.WriteString(w, "part ")
			http.NewResponseController(w).Flush()
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			}
		}
	}
}

func TestStallTimesAreNoTotals(t *testing.T) {
	length := http.Header{"Content-Length": {"50"}}
	events := http.Header{"Content-Type": {"text/event-stream"}}
	stalls := Options{Stall: 10 * time.Second, StreamStall: time.Minute}
	for _, c := range []struct {
		name   string
		header http.Header
		pause  time.Duration
		want   error
		after  time.Duration
	}{
		{"slow", length, 9 * time.Second, nil, 81 * time.Second},
		{"stalled", length, 11 * time.Second, ErrCut, 10 * time.Second},
		{"quiet stream", events, 59 * time.Second, nil, 590 * time.Second},
		{"dead stream", events, 61 * time.Second, ErrCut, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			opt := benchOptions{engine: stalls, deadline: time.Second}
			inBubble(t, slowly(c.header, c.pause, 10), opt, func(t *testing.T, conn net.Conn, errs <-chan error) {
				begun := time.Now()
				io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err == nil {
					_, err = io.ReadAll(res.Body)
				}
				if (err != nil) != (c.want != nil) {
					t.Errorf("read: %v", err)
				}
				wantError(t, errs, c.want)
				if took := time.Since(begun); took != c.after {
					t.Errorf("took %v, want %v", took, c.after)
				}
			})
		})
	}
}

func TestClientThatStallsInItsBody(t *testing.T) {
	opt := benchOptions{engine: Options{Stall: 10 * time.Second}, deadline: time.Hour}
	inBubble(t, silent, opt, func(t *testing.T, c net.Conn, errs <-chan error) {
		begun := time.Now()
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
		for _, part := range []string{"a", "b", "c"} {
			<-time.After(9 * time.Second)
			io.WriteString(c, part)
		}
		wantError(t, errs, ErrClientGone)
		if took := time.Since(begun); took != 37*time.Second {
			t.Errorf("took %v, want 37s", took)
		}
	})
}

func TestClientThatStopsReading(t *testing.T) {
	opt := benchOptions{engine: Options{Stall: 10 * time.Second}}
	upstream := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		w.Write(make([]byte, 1000000))
	}
	inBubble(t, upstream, opt, func(t *testing.T, c net.Conn, errs <-chan error) {
		begun := time.Now()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		wantError(t, errs, ErrCut)
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("took %v, want 10s", took)
		}
	})
}

func TestUploadKeepsAQuietAnswerAlive(t *testing.T) {
	opt := benchOptions{engine: Options{Stall: 10 * time.Second, StreamStall: 10 * time.Second}}
	upstream := func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		rc.EnableFullDuplex()
		w.WriteHeader(200)
		rc.Flush()
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}
	inBubble(t, upstream, opt, func(t *testing.T, c net.Conn, errs <-chan error) {
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			<-time.After(9 * time.Second)
			io.WriteString(c, "x")
		}
		if body, err := io.ReadAll(res.Body); err != nil || string(body) != "10" {
			t.Errorf("answer %q, %v", body, err)
		}
		wantError(t, errs, nil)
	})
}

// TestBackPressure holds that a body waits at the client while the other side
// takes nothing: only buffers of fixed size lie between.
func TestBackPressure(t *testing.T) {
	const size, bound = 32 << 20, 2 << 20
	for _, protocol := range []Protocol{HTTP1, H2C} {
		var sent, got atomic.Int64
		t.Run(fmt.Sprint("upload", protocol), func(t *testing.T) {
			sent.Store(0)
			var open chan struct{}
			upstream := func(w http.ResponseWriter, r *http.Request) {
				<-open
				n, _ := io.Copy(io.Discard, r.Body)
				got.Store(n)
			}
			inBubble(t, upstream, benchOptions{protocol: protocol}, func(t *testing.T, c net.Conn, errs <-chan error) {
				open = make(chan struct{})
				go func() {
					fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", size)
					block := make([]byte, 64<<10)
					for sent.Load() < size {
						n, err := c.Write(block)
						if sent.Add(int64(n)); err != nil {
							return
						}
					}
				}()
				synctest.Wait()
				if n := sent.Load(); n > bound {
					t.Errorf("%d bytes went on their way to one who takes none", n)
				}
				close(open)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil || res.StatusCode != 200 || got.Load() != size {
					t.Errorf("answer %v, %v, upstream got %d", res, err, got.Load())
				}
				wantError(t, errs, nil)
			})
		})
		t.Run(fmt.Sprint("download", protocol), func(t *testing.T) {
			sent.Store(0)
			upstream := func(w http.ResponseWriter, r *http.Request) {
				block := make([]byte, 64<<10)
				for sent.Load() < size {
					n, err := w.Write(block)
					if sent.Add(int64(n)); err != nil {
						return
					}
				}
			}
			inBubble(t, upstream, benchOptions{protocol: protocol}, func(t *testing.T, c net.Conn, errs <-chan error) {
				io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				synctest.Wait()
				if n := sent.Load(); n > 4*bound { // HTTP/2 grants a window of 4 MiB
					t.Errorf("%d bytes went on their way to one who takes none", n)
				}
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, res.Body); err != nil || n != size {
					t.Errorf("client got %d, %v", n, err)
				}
				wantError(t, errs, nil)
			})
		})
	}
}

func TestTunnelEndsInSilenceOnly(t *testing.T) {
	upstream := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "chat")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		rw.Flush()
		io.Copy(conn, rw)
	}
	opt := benchOptions{engine: Options{Stall: time.Second, StreamStall: time.Minute}, deadline: 2 * time.Second}
	inBubble(t, upstream, opt, func(t *testing.T, c net.Conn, errs <-chan error) {
		begun := time.Now()
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
		in := bufio.NewReader(c)
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != 101 {
			t.Fatalf("answer %v, %v", res, err)
		}
		for range 5 {
			<-time.After(50 * time.Second)
			io.WriteString(c, "hello\n")
			if got, err := in.ReadString('\n'); err != nil || got != "hello\n" {
				t.Fatalf("got %q, %v", got, err)
			}
		}
		if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
			t.Errorf("end %q, %v", rest, err)
		}
		if took := time.Since(begun); took != 310*time.Second {
			t.Errorf("took %v, want 310s", took)
		}
		wantError(t, errs, nil)
	})
}

func TestIdleConnectionsAreGivenUpEarly(t *testing.T) {
	var open atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		back := newMemory()
		server := &http.Server{Handler: http.HandlerFunc(echoTarget), ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			}
		}}
		go server.Serve(back)
		e := New(Options{Dial: back.dial})
		conns := e.Open("upstream:80", HTTP1)
		if err := e.Forward(newRecorder(), request(t, "GET", "/x", nil), Upstream{Conns: conns, Target: "/x"}); err != nil {
			t.Fatal(err)
		}
		<-time.After(idleConnection - time.Millisecond)
		synctest.Wait()
		if n := open.Load(); n != 1 {
			t.Errorf("%d connections before the idle time", n)
		}
		<-time.After(2 * time.Millisecond)
		synctest.Wait()
		if n := open.Load(); n != 0 {
			t.Errorf("%d connections after the idle time", n)
		}
		server.Close()
	})
}

func TestDialIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nobody := newMemory() // accepts nothing
		e := New(Options{Dial: nobody.dial})
		begun := time.Now()
		err := e.Forward(newRecorder(), request(t, "POST", "/", strings.NewReader("x")), Upstream{Conns: e.Open("x:1", HTTP1), Target: "/"})
		if !errors.Is(err, ErrDial) || time.Since(begun) != DefaultDialTimeout {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}
