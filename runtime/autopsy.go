package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"maelstrom/cluster"
)

const (
	autopsyWithin = 5 * time.Second

	// An engine may tell of memory that ran out a moment after the exit.
	memoryLook  = 100 * time.Millisecond
	memoryLooks = 5

	codeKilled = 137 // of a SIGKILL
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
	for look := 0; look < memoryLooks && err == nil && killedSilently(c, u.spec); look++ {
		idle(ctx, memoryLook)
		if later, failed := u.agent.driver.Inspect(ctx, c.ID); failed == nil {
			c = later
		}
	}
	e := &evidence{ready: u.inst.WasReady, secrets: maskOf(u.spec)}
	e.image = u.imageDetails(ctx)
	e.output = u.lastWords(ctx, e.secrets)
	d := explainExit(c, e, u.spec)
	return d.failure(e)
}

// killedSilently tells whether memory may have run out that nobody told of.
func killedSilently(c Container, spec settings) bool {
	return spec.LimitMemory > 0 && c.ExitCode == codeKilled && !c.OOMKilled
}

func (u *unit) lastSeen() Container {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.seen.container
}

// lastWords returns the end of the container's output.
func (u *unit) lastWords(ctx context.Context, secrets mask) []string {
	stream, err := u.agent.driver.Logs(ctx, u.inst.ContainerID, LogOptions{Tail: lastLines})
	if err != nil {
		return nil
	}
	defer stream.Close()
	var lines []string
	for range lastLines {
		line, err := stream.Next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				u.log.Debug("output not read", "error", err)
			}
			break
		}
		lines = append(lines, clean(secrets.hide(line.Text), lineMost))
	}
	return lines
}

// explainExit explains an exit and says what to change.
func explainExit(c Container, e *evidence, spec settings) diagnosis {
	d := diagnosis{reason: cluster.ReasonExited}
	switch {
	case c.OOMKilled && spec.LimitMemory > 0:
		d.what = fmt.Sprintf("the container was killed because it needs more than %d MiB of memory (`limitmemory`)", spec.LimitMemory)
		d.fix = inFile(spec, "", fmt.Sprintf("limitmemory: %d", 2*spec.LimitMemory))
		return d
	case c.OOMKilled:
		d.what = "the container was killed because the node is out of memory: `reservememory` has to say what it needs, so that it is placed where there is room"
		d.fix = inFile(spec, "", fmt.Sprintf("reservememory: %d", 2*spec.ReserveMemory))
		return d
	case c.Error != "":
		d.what, d.fix = explainRefusal(c.Error, spec)
		return d
	}
	after := c.FinishedAt.Sub(c.StartedAt).Round(100 * time.Millisecond)
	d.what = fmt.Sprintf("the container exited with code %d after %s", c.ExitCode, after)
	if killedSilently(c, spec) {
		d.what += fmt.Sprintf(": it was killed (SIGKILL); if not by hand, it needs more than %d MiB of memory (`limitmemory`)", spec.LimitMemory)
		d.fix = inFile(spec, "", fmt.Sprintf("limitmemory: %d", 2*spec.LimitMemory))
		return d
	}
	if s, ok := symptomOf(e, spec); ok {
		d.what += ": " + s.what
		d.fix = s.fix
		return d
	}
	hint, fix := explainCode(c.ExitCode, spec)
	d.what += hint
	d.fix = fix
	return d
}

// explainCode says what an exit code tells, and what to change.
func explainCode(code int, spec settings) (hint, fix string) {
	switch code {
	case 0:
		return ": it must keep running in the foreground; check `command` and `entrypoint`",
			inFile(spec, "", "command: [PROGRAM, ITS_ARGUMENTS]")
	case 126, 127:
		return ": its program was not found or is not executable; check `command` and `entrypoint`",
			inFile(spec, "", "entrypoint: [/PATH/OF/PROGRAM]")
	case codeKilled:
		return ": it was killed (SIGKILL); if not by hand, the node's memory may have run out: check `reservememory`",
			inFile(spec, "", fmt.Sprintf("reservememory: %d", 2*spec.ReserveMemory))
	case 139:
		return ": it crashed (SIGSEGV); check that `image` is built for this processor and system",
			inFile(spec, "", "image: NAME:TAG")
	}
	return "", "its output tells why; if it lacks a setting, " + inFile(spec, "environment", "- NAME=VALUE")
}
