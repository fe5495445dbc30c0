package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"maelstrom/cluster"
)

const (
	lastLines     = 20
	lineMost      = 200 // bytes of a line in a message
	autopsyWithin = 5 * time.Second
)

// autopsy finds out why a container exited: its exit code, memory, and the
// last it said.
func (u *unit) autopsy(ctx context.Context) *cluster.Failure {
	ctx, cancel := context.WithTimeout(ctx, autopsyWithin)
	defer cancel()
	c, err := u.agent.driver.Inspect(ctx, u.inst.ContainerID)
	if errors.Is(err, ErrNotFound) {
		return &cluster.Failure{Reason: cluster.ReasonExited, Message: "the container was removed by somebody else"}
	}
	if err != nil {
		c = u.lastSeen()
	}
	message := exitMessage(c, u.spec)
	if said := u.lastWords(ctx); said != "" {
		message += "; its last output:\n" + said
	}
	return &cluster.Failure{Reason: cluster.ReasonExited, Message: message}
}

func (u *unit) lastSeen() Container {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen.container
}

// lastWords returns the end of the container's output.
func (u *unit) lastWords(ctx context.Context) string {
	stream, err := u.agent.driver.Logs(ctx, u.inst.ContainerID, LogOptions{Tail: lastLines})
	if err != nil {
		return ""
	}
	defer stream.Close()
	var lines []string
	for range lastLines {
		line, err := stream.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				u.log.Debug("output of exited container not read", "error", err)
			}
			break
		}
		lines = append(lines, clip(line.Text))
	}
	return strings.Join(lines, "\n")
}

func clip(text string) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= lineMost {
		return text
	}
	return strings.ToValidUTF8(text[:lineMost], "") + "..."
}

// exitMessage explains an exit and names the key to change.
func exitMessage(c Container, spec settings) string {
	after := c.FinishedAt.Sub(c.StartedAt).Round(100 * time.Millisecond)
	switch {
	case c.OOMKilled && spec.LimitMemory > 0:
		return fmt.Sprintf("the container was killed because it needs more than %d MiB of memory: raise `limitmemory`", spec.LimitMemory)
	case c.OOMKilled:
		return "the container was killed because the node is out of memory: set `reservememory` to what it needs, so that it is placed where there is room"
	case c.Error != "":
		return refusedMessage(c.Error)
	}
	what := fmt.Sprintf("the container exited with code %d after %s", c.ExitCode, after)
	switch c.ExitCode {
	case 0:
		return what + ": it must keep running in the foreground; check `command` and `entrypoint`"
	case 126, 127:
		return what + ": its program was not found or is not executable; check `command` and `entrypoint`"
	case 137:
		return what + ": it was killed (SIGKILL); if not by hand, memory may have run out: check `limitmemory`"
	}
	return what
}
