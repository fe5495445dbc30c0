package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// PathCommand is where a connection becomes the stream of a command.
const PathCommand = "/_mael/v1/command"

const (
	commandPing  = 10 * time.Second // between signs of life, both ways
	commandStall = 35 * time.Second // without one, the other side is gone
	commandWake  = 5 * time.Minute
)

// serveCommand runs one command for a client that is connected for as long.
// It needs a token in any case.
func (p *PrivatePort) serveCommand(w http.ResponseWriter, r *http.Request) {
	if crossOrigin(r) {
		plain(w, http.StatusForbidden, "Requests from other sites are refused")
		return
	}
	token, ok := p.Server.deps.Keys.Authenticate(r.Context(), presented(r))
	if !ok {
		unauthorized(w)
		return
	}
	p.Server.acceptCommand(w, r, caller{token: token})
}

// acceptCommand runs one command for a caller that is known: for another node
// what is to run here.
func (s *Server) acceptCommand(w http.ResponseWriter, r *http.Request, who caller) {
	if r.Method != http.MethodPost || !strings.EqualFold(r.Header.Get("Upgrade"), commandProtocol) {
		plain(w, http.StatusBadRequest, "This takes POST with Upgrade: "+commandProtocol)
		return
	}
	conn, buffer, err := http.NewResponseController(w).Hijack()
	if err != nil {
		plain(w, http.StatusBadRequest, "This connection can't be upgraded: use HTTP/1.1")
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Time{}) // of the HTTP server; ours are set at each step
	if _, err := io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+commandProtocol+"\r\n\r\n"); err != nil {
		return
	}
	c := &commandConn{server: s, conn: conn, in: buffer.Reader, who: who}
	c.out.w = deadlineWriter{conn}
	c.serve(context.WithoutCancel(r.Context()))
}

// deadlineWriter gives up on a client that takes nothing.
type deadlineWriter struct{ conn net.Conn }

// Write implements io.Writer.
func (w deadlineWriter) Write(p []byte) (int, error) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(commandStall)) // one that is closed fails at the write
	return w.conn.Write(p)
}

// commandConn is a client that waits for a command.
type commandConn struct {
	server *Server
	conn   net.Conn
	in     *bufio.Reader
	out    frames
	who    caller
}

func (c *commandConn) serve(ctx context.Context) {
	order, err := c.readOrder()
	if err != nil {
		c.end(CommandEnd{ExitCode: CommandNotStarted, Error: err.Error()})
		return
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	input, feed := io.Pipe()
	defer input.Close()
	sizes := make(chan TerminalSize, 1)
	go func() { cancel(c.receive(feed, sizes)) }()
	go func() { cancel(c.ping(ctx)) }()
	streams := CommandStreams{
		Stdout: c.out.writer(frameOut), Stderr: c.out.writer(frameErr), Resize: sizes,
		Notice: func(text string) { _ = c.out.send(frameNotice, []byte(text)) }, // the client may be gone
	}
	if order.Stdin {
		streams.Stdin = input
	} else {
		_ = input.Close() // what comes goes nowhere
	}
	log := c.server.deps.Logger.With("component", order.Component, "token", c.who.token, "exec", order.Exec)
	log.Info("command begins", "program", order.Command[0])
	end := c.server.runCommand(withCaller(ctx, c.who), order, streams)
	log.Info("command ended", "exit_code", end.ExitCode, "error", end.Error)
	c.end(end)
}

func (c *commandConn) end(end CommandEnd) { _ = c.out.sendJSON(frameEnd, end) } // the client may be gone

func (c *commandConn) readOrder() (order CommandOrder, err error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(commandStall)) // one that is closed fails at the read
	kind, data, err := readFrame(c.in)
	if err != nil {
		return order, err
	}
	if kind != frameOrder {
		return order, errors.New("the first frame is no order")
	}
	if err := json.Unmarshal(data, &order); err != nil {
		return order, fmt.Errorf("read order: %w", err)
	}
	if len(order.Command) == 0 || order.Command[0] == "" {
		return order, errors.New("there is no command")
	}
	if len(data) > maxCommandArguments {
		return order, fmt.Errorf("the command is longer than %d bytes", maxCommandArguments)
	}
	return order, nil
}

var errClientGone = errors.New("the client is gone")

// receive takes what the client sends until it is gone.
func (c *commandConn) receive(feed *io.PipeWriter, sizes chan TerminalSize) error {
	defer feed.Close()
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(commandStall)) // one that is closed fails at the read
		kind, data, err := readFrame(c.in)
		if err != nil {
			return errClientGone
		}
		switch kind {
		case frameInput:
			c.input(feed, data)
		case frameSize:
			var size TerminalSize
			if json.Unmarshal(data, &size) == nil {
				select {
				case <-sizes: // nobody needs the one before
				default:
				}
				sizes <- size
			}
		}
	}
}

// input hands input to the command; an error means that it reads no more.
func (c *commandConn) input(feed *io.PipeWriter, data []byte) {
	if len(data) == 0 {
		_ = feed.Close()
		return
	}
	_, _ = feed.Write(data)
}

// ping shows the client that the daemon is there. It notices too that the
// client is not, while the command does not take the input that came.
func (c *commandConn) ping(ctx context.Context) error {
	ticker := time.NewTicker(commandPing)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if c.out.send(framePing, nil) != nil {
				return errClientGone
			}
		}
	}
}

// runCommand runs an order to its end.
func (s *Server) runCommand(ctx context.Context, order CommandOrder, streams CommandStreams) CommandEnd {
	if order.TimeoutSeconds > 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(order.TimeoutSeconds*float64(time.Second)))
		defer cancel()
		ctx = limited
	}
	end, err := s.tryCommand(ctx, order, streams)
	if err == nil {
		return end
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return CommandEnd{ExitCode: CommandTimedOut, Error: fmt.Sprintf("the command did not end within %g seconds and was stopped", order.TimeoutSeconds)}
	}
	return CommandEnd{ExitCode: notStartedCode(err), Error: classify(err).Message}
}

// notStartedCode is 127 for a program that is not there, 126 for one that can't
// be executed, 125 for all else.
func notStartedCode(err error) int {
	switch text := err.Error(); {
	case strings.Contains(text, "executable file not found"), strings.Contains(text, "no such file or directory"):
		return CommandNotThere
	case strings.Contains(text, "permission denied"), strings.Contains(text, "exec format error"), strings.Contains(text, "is a directory"):
		return CommandNotRunnable
	}
	return CommandNotStarted
}

func (s *Server) tryCommand(ctx context.Context, order CommandOrder, streams CommandStreams) (CommandEnd, error) {
	if _, err := s.knownComponent(order.Component); err != nil {
		return CommandEnd{}, err
	}
	if order.Exec {
		if err := s.awake(ctx, order); err != nil {
			return CommandEnd{}, err
		}
	}
	if !callerOf(ctx).node { // one hop, never two
		if node := s.commandNode(ctx, order); node != "" {
			return s.relayCommand(ctx, node, order, streams)
		}
	}
	run := s.deps.Commands.RunCommand
	if order.Exec {
		run = s.deps.Commands.ExecCommand
	}
	code, err := run(ctx, order, streams)
	return CommandEnd{ExitCode: code}, err
}

// awake sees to an instance to run the command in.
func (s *Server) awake(ctx context.Context, order CommandOrder) error {
	if order.Wake {
		_, err := s.wake(ctx, WakeRequest{Name: order.Component, WaitSeconds: commandWake.Seconds()})
		return err
	}
	answer, err := s.componentAnswer(order.Component)
	if err == nil && answer.Component.State == ComponentAsleep {
		err = errorf(KindFailed, "%s is asleep, so there is no instance to run this in: add --wake, or use `maelctl comp run`", order.Component)
	}
	return err
}
