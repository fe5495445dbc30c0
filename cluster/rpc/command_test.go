package rpc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// commandsFake runs commands as a shell would that knows a few words.
type commandsFake struct {
	mu      sync.Mutex
	orders  []CommandOrder
	stopped chan error // of a command that waits
	latest  map[string]cluster.Firing
}

func (c *commandsFake) LatestFirings(context.Context) (map[string]cluster.Firing, error) {
	return c.latest, nil
}

func (c *commandsFake) RunCommand(ctx context.Context, order CommandOrder, streams CommandStreams) (int, error) {
	c.mu.Lock()
	c.orders = append(c.orders, order)
	c.mu.Unlock()
	switch order.Command[0] {
	case "echo":
		fmt.Fprint(streams.Stdout, strings.Join(order.Command[1:], " "))
		fmt.Fprint(streams.Stderr, "told")
	case "cat":
		_, err := io.Copy(streams.Stdout, streams.Stdin)
		return 0, err
	case "flood":
		_, err := streams.Stdout.Write(bytes.Repeat([]byte("x"), 3<<20))
		return 0, err
	case "wait":
		fmt.Fprint(streams.Stdout, "waiting")
		<-ctx.Done()
		c.stopped <- context.Cause(ctx)
		return 0, ctx.Err()
	case "full":
		return 0, &cluster.Failure{Reason: cluster.ReasonNoCapacity, Message: "no memory"}
	case "missing":
		return 0, errors.New("exec: \"missing\": executable file not found in $PATH")
	case "denied":
		return 0, errors.New("exec: permission denied")
	case "size":
		size := <-streams.Resize
		fmt.Fprint(streams.Stdout, size.Width, size.Height)
	}
	return len(order.Command), nil
}

func (c *commandsFake) ExecCommand(ctx context.Context, order CommandOrder, streams CommandStreams) (int, error) {
	return c.RunCommand(ctx, order, streams)
}

// commandWorld is a private port that runs commands.
func commandWorld(t *testing.T) (*world, string) {
	t.Helper()
	w := newWorld(t)
	w.commands.stopped = make(chan error, 1)
	effective := (&project.Component{Name: "shop_web", Project: "shop", Image: "web"}).Effective()
	w.commit(cluster.ChangeSet{Components: map[string]*cluster.ComponentRow{"shop_web": {Spec: &effective, Effective: &effective, Version: 1}}})
	server := httptest.NewServer((&PrivatePort{Server: w.server}).Loopback())
	t.Cleanup(server.Close)
	return w, server.URL
}

func TestCommandPassesInputOutputAndExitCode(t *testing.T) {
	for name, c := range map[string]struct {
		order    CommandOrder
		input    string
		out, err string
		end      CommandEnd
	}{
		"output":     {CommandOrder{Command: []string{"echo", "a", "b"}}, "", "a b", "told", CommandEnd{ExitCode: 3}},
		"input":      {CommandOrder{Command: []string{"cat"}, Stdin: true}, strings.Repeat("line\n", 50_000), strings.Repeat("line\n", 50_000), "", CommandEnd{}},
		"much":       {CommandOrder{Command: []string{"flood"}}, "", strings.Repeat("x", 3<<20), "", CommandEnd{}},
		"size":       {CommandOrder{Command: []string{"size"}, TTY: true}, "", "80 24", "", CommandEnd{ExitCode: 1}},
		"no memory":  {CommandOrder{Command: []string{"full"}}, "", "", "", CommandEnd{125, "no_capacity: no memory"}},
		"no program": {CommandOrder{Command: []string{"missing"}}, "", "", "", CommandEnd{127, "exec: \"missing\": executable file not found in $PATH"}},
		"no right":   {CommandOrder{Command: []string{"denied"}}, "", "", "", CommandEnd{126, "exec: permission denied"}},
		"no command": {CommandOrder{}, "", "", "", CommandEnd{125, "there is no command"}},
		"timeout":    {CommandOrder{Command: []string{"wait"}, TimeoutSeconds: 0.05}, "", "waiting", "", CommandEnd{124, "the command did not end within 0.05 seconds and was stopped"}},
		"asleep":     {CommandOrder{Command: []string{"echo"}, Exec: true}, "", "", "", CommandEnd{125, "shop_web is asleep, so there is no instance to run this in: add --wake, or use `maelctl comp run`"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, url := commandWorld(t)
			c.order.Component = "shop_web"
			sizes := make(chan TerminalSize, 1)
			sizes <- TerminalSize{80, 24}
			var out, told bytes.Buffer
			end, err := NewClient(url, w.secret, nil).Command(t.Context(), c.order, CommandStreams{
				Stdin: strings.NewReader(c.input), Stdout: &out, Stderr: &told, Resize: sizes,
			})
			if err != nil || end != c.end || out.String() != c.out || told.String() != c.err {
				t.Errorf("end %+v, %v, out %d bytes, told %q", end, err, out.Len(), told.String())
			}
		})
	}
}

func TestCommandOfAClientThatIsGoneIsStopped(t *testing.T) {
	w, url := commandWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	started, writer := io.Pipe()
	go func() {
		io.ReadFull(started, make([]byte, len("waiting")))
		cancel()
	}()
	_, err := NewClient(url, w.secret, nil).Command(ctx, CommandOrder{Component: "shop_web", Command: []string{"wait"}}, CommandStreams{Stdout: writer, Stderr: io.Discard})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("command ended with %v", err)
	}
	select {
	case err := <-w.commands.stopped:
		if !errors.Is(err, errClientGone) {
			t.Errorf("stopped because %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the command was not stopped")
	}
}

func TestCommandNeedsAToken(t *testing.T) {
	w, url := commandWorld(t)
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"no token":    {func(r *http.Request) {}, http.StatusUnauthorized},
		"wrong token": {func(r *http.Request) { r.Header.Set("Authorization", "Bearer other") }, http.StatusUnauthorized},
		"no upgrade":  {func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+w.secret); r.Header.Del("Upgrade") }, http.StatusBadRequest},
		"a browser":   {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url+PathCommand, nil)
			r.Header.Set("Connection", "Upgrade")
			r.Header.Set("Upgrade", commandProtocol)
			c.change(r)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
		})
	}
}
