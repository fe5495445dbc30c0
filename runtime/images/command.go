package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	commandWithin = 15 * time.Minute
	outputTail    = 2 << 10 // bytes of a command's output in a message
	outputMost    = 1 << 20 // of a helper's answer
	endWithin     = 5 * time.Second
)

// pullByCommand lets a component's own command bring its image. It runs as the
// daemon's user, without a shell and without the daemon's own settings.
func (d *Depot) pullByCommand(ctx context.Context, c *project.Component) error {
	if !d.opt.PullCommand {
		return &cluster.Failure{Reason: cluster.ReasonPullFailed, Message: fmt.Sprintf(
			"image %s is to be fetched by `pullcommand`, which runs a program on the node and has to be allowed: set MAEL_PULL_COMMAND=true for the daemon, or remove `pullcommand` and let the engine pull it", c.Image)}
	}
	limited, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	args := make([]string, len(c.PullCommand))
	for i, arg := range c.PullCommand {
		args[i] = strings.ReplaceAll(arg, "<image>", c.Image)
	}
	var output tail
	cmd := exec.CommandContext(limited, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = environment()
	endTogether(cmd)
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		err = fmt.Errorf("not done within %s", commandWithin)
	}
	message := fmt.Sprintf("image %s: `pullcommand` %s failed: %s", c.Image, args[0], err)
	if said := output.text(c.PullPassword); said != "" {
		message += "; its last output:\n" + said
	}
	return &cluster.Failure{Reason: cluster.ReasonPullFailed, Message: message}
}

// environment is the daemon's, without its own settings: some are secret.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "MAEL_") })
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - outputTail; over > 0 {
		t.kept = append([]byte(nil), t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) text(secret string) string {
	said := strings.ToValidUTF8(strings.TrimSpace(string(t.kept)), "?")
	if secret != "" {
		said = strings.ReplaceAll(said, secret, "***")
	}
	return said
}

// limitedBuffer takes so much and no more.
type limitedBuffer struct{ to *bytes.Buffer }

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if l.to.Len()+len(p) > outputMost {
		return 0, errors.New("too much output")
	}
	return l.to.Write(p)
}
