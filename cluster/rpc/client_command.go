package rpc

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Command runs a command and returns how it ended. When ctx ends, or the
// connection does, the daemon stops a command that has a container of its own.
func (c *Client) Command(ctx context.Context, order CommandOrder, streams CommandStreams) (CommandEnd, error) {
	if c.err != nil {
		return CommandEnd{}, c.err
	}
	conn, err := c.upgrade(ctx)
	if err != nil {
		return CommandEnd{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	out := &frames{w: conn}
	if err := out.sendJSON(frameOrder, order); err != nil {
		return CommandEnd{}, c.broken(ctx, err)
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	if order.Stdin && streams.Stdin != nil {
		go sendInput(out, streams.Stdin)
	}
	go sendSigns(sending, out, streams.Resize)
	end, err := receiveOutput(conn, streams)
	if err != nil {
		return end, c.broken(ctx, err)
	}
	return end, nil
}

// upgrade makes a connection of its own: HTTP/2 knows no upgrades.
func (c *Client) upgrade(ctx context.Context) (io.ReadWriteCloser, error) {
	client := *c.http
	if c.upgrades != nil {
		client.Transport = c.upgrades
	}
	if t, ok := client.Transport.(*http.Transport); ok {
		own := t.Clone()
		own.ForceAttemptHTTP2, own.DisableKeepAlives = false, true
		own.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		if own.TLSClientConfig != nil { // may have come to offer HTTP/2 as well
			own.TLSClientConfig.NextProtos = []string{"http/1.1"}
		}
		client.Transport = own
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.String()+PathCommand, nil)
	if err != nil {
		return nil, fmt.Errorf("call the daemon: %w", err)
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", commandProtocol)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		if conn, ok := resp.Body.(io.ReadWriteCloser); ok {
			return conn, nil
		}
	}
	defer resp.Body.Close()
	if err := c.checkStatus(resp); err != nil {
		return nil, err
	}
	return nil, errorf(KindProtocol, "%s runs no commands for clients: it may be older than this maelctl", c.URL())
}

// sendInput sends input to its end. An error means that nobody reads it.
func sendInput(out *frames, from io.Reader) {
	_, _ = io.Copy(out.writer(frameInput), from)
	_ = out.send(frameInput, nil)
}

// sendSigns tells the daemon that its client is there, and how large its
// terminal is.
func sendSigns(ctx context.Context, out *frames, sizes <-chan TerminalSize) {
	ticker := time.NewTicker(commandPing)
	defer ticker.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case size := <-sizes:
			err = out.sendJSON(frameSize, size)
		case <-ticker.C:
			err = out.send(framePing, nil)
		}
		if err != nil {
			return
		}
	}
}

// receiveOutput writes the command's output until it has ended.
func receiveOutput(from io.Reader, streams CommandStreams) (end CommandEnd, err error) {
	for {
		kind, data, err := readFrame(from)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return end, fmt.Errorf("the connection broke before the command had ended: %w", err)
		}
		switch kind {
		case frameOut:
			_, err = streams.Stdout.Write(data)
		case frameErr:
			_, err = streams.Stderr.Write(data)
		case frameNotice:
			if streams.Notice != nil {
				streams.Notice(string(data))
			}
		case frameEnd:
			err := json.Unmarshal(data, &end)
			return end, err
		}
		if err != nil {
			return end, fmt.Errorf("write output: %w", err)
		}
	}
}
