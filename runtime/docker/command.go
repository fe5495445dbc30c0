package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/pkg/stdcopy"

	"maelstrom/runtime"
)

var _ runtime.Commander = (*Driver)(nil)

// commandGrace is the time between SIGTERM and SIGKILL for a command that
// nobody waits for any more.
const commandGrace = 10 * time.Second

// outputRest is how long the end of the output is waited for when the command
// has ended: what it left in the background may hold the stream open.
const outputRest = 2 * time.Second

// RunCommand implements runtime.Commander.
func (d *Driver) RunCommand(ctx context.Context, spec runtime.Spec) (int, error) {
	code, err := d.runCommand(ctx, spec)
	if err != nil {
		return 0, fmt.Errorf("run command of %s: %w", spec.Component.Name, err)
	}
	return code, nil
}

func (d *Driver) runCommand(ctx context.Context, spec runtime.Spec) (code int, err error) {
	mounts, err := d.files.prepare(spec.Placement, spec.Component.Files)
	if err != nil {
		return 0, errors.Join(err, d.files.started(spec.Placement, false))
	}
	code, err = d.createAndRun(ctx, spec, mounts)
	if len(spec.Component.Files) > 0 {
		err = errors.Join(err, d.files.started(spec.Placement, false))
	}
	return code, err
}

func (d *Driver) createAndRun(ctx context.Context, spec runtime.Spec, mounts []mount.Mount) (code int, err error) {
	id, err := d.create(ctx, spec, mounts)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.endCommand(ctx, id)) }()
	stream, err := d.client.ContainerAttach(ctx, id, container.AttachOptions{
		Stream: true, Stdin: spec.Terminal.Stdin != nil, Stdout: true, Stderr: true,
	})
	if err != nil {
		return 0, classify(err)
	}
	ended, failed := d.client.ContainerWait(ctx, id, container.WaitConditionNextExit)
	err = d.call(ctx, slowTimeout, func(ctx context.Context) error {
		return classifyStart(d.client.ContainerStart(ctx, id, container.StartOptions{}))
	})
	if err != nil {
		stream.Close()
		return 0, err
	}
	link := d.connect(ctx, stream, *spec.Terminal, func(ctx context.Context, size container.ResizeOptions) error {
		return d.client.ContainerResize(ctx, id, size)
	})
	defer link.close()
	select {
	case end := <-ended:
		link.rest(ctx)
		return int(end.StatusCode), nil
	case err := <-failed:
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, classify(err)
	}
}

// endCommand stops what still runs, and removes the container.
func (d *Driver) endCommand(ctx context.Context, id string) error {
	if err := d.Stop(context.WithoutCancel(ctx), id, commandGrace); err != nil {
		return fmt.Errorf("remove container of command: %w", err)
	}
	return nil
}

// ExecCommand implements runtime.Commander.
func (d *Driver) ExecCommand(ctx context.Context, id string, command []string, t runtime.Terminal) (int, error) {
	code, err := d.execCommand(ctx, id, command, t)
	if err != nil {
		return 0, fmt.Errorf("run command in container: %w", err)
	}
	return code, nil
}

func (d *Driver) execCommand(ctx context.Context, id string, command []string, t runtime.Terminal) (int, error) {
	found, err := d.owned(ctx, id)
	if err != nil {
		return 0, err
	}
	var created container.ExecCreateResponse
	err = d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		created, err = d.client.ContainerExecCreate(ctx, found.ID, container.ExecOptions{
			Cmd: command, AttachStdin: t.Stdin != nil, AttachStdout: true, AttachStderr: true, Tty: t.TTY,
		})
		return err
	})
	if err != nil {
		return 0, err
	}
	stream, err := d.client.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{Tty: t.TTY})
	if err != nil {
		return 0, classify(err)
	}
	link := d.connect(ctx, stream, t, func(ctx context.Context, size container.ResizeOptions) error {
		return d.client.ContainerExecResize(ctx, created.ID, size)
	})
	defer link.close()
	select {
	case err := <-link.output:
		if ctx.Err() == nil && err != nil {
			return 0, classify(err)
		}
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var ended container.ExecInspect
	err = d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		ended, err = d.client.ContainerExecInspect(ctx, created.ID)
		return err
	})
	return ended.ExitCode, err
}

// link copies between a command and a terminal.
type link struct {
	stream types.HijackedResponse
	output chan error // buffered 1: how the output ended
	stop   context.CancelFunc
}

type resize func(ctx context.Context, size container.ResizeOptions) error

func (d *Driver) connect(ctx context.Context, stream types.HijackedResponse, t runtime.Terminal, resize resize) *link {
	ctx, stop := context.WithCancel(ctx)
	l := &link{stream: stream, output: make(chan error, 1), stop: stop}
	go func() { l.output <- copyOutput(stream.Reader, t) }()
	if t.Stdin != nil {
		go func() {
			// The command ends reading, or the input does: both are its end.
			_, _ = io.Copy(stream.Conn, t.Stdin)
			_ = stream.CloseWrite()
		}()
	}
	go d.followSize(ctx, t.Resize, resize)
	return l
}

func copyOutput(from io.Reader, t runtime.Terminal) error {
	var err error
	if t.TTY {
		_, err = io.Copy(t.Stdout, from)
	} else {
		_, err = stdcopy.StdCopy(t.Stdout, t.Stderr, from)
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (d *Driver) followSize(ctx context.Context, sizes <-chan runtime.Size, resize resize) {
	for {
		select {
		case <-ctx.Done():
			return
		case size, ok := <-sizes:
			if !ok {
				return
			}
			if err := resize(ctx, container.ResizeOptions{Width: size.Width, Height: size.Height}); err != nil {
				d.log.Debug("terminal not resized", "error", err)
			}
		}
	}
}

// rest waits for the end of the output.
func (l *link) rest(ctx context.Context) {
	timer := time.NewTimer(outputRest)
	defer timer.Stop()
	select {
	case <-l.output:
	case <-ctx.Done():
	case <-timer.C:
	}
}

func (l *link) close() {
	l.stop()
	l.stream.Close()
}
