package docker

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"maelstrom/runtime"
)

// maxExecOutput is how much of a command's output is kept: the end of it.
const maxExecOutput = 64 << 10

// Exec runs a command in a running container of ours to its end.
func (d *Driver) Exec(ctx context.Context, id string, command []string) (runtime.ExecResult, error) {
	result, err := d.exec(ctx, id, command)
	if err != nil {
		return runtime.ExecResult{}, fmt.Errorf("run command in container: %w", err)
	}
	return result, nil
}

func (d *Driver) exec(ctx context.Context, id string, command []string) (runtime.ExecResult, error) {
	found, err := d.owned(ctx, id)
	if err != nil {
		return runtime.ExecResult{}, err
	}
	var created container.ExecCreateResponse
	err = d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		created, err = d.client.ContainerExecCreate(ctx, found.ID, container.ExecOptions{
			Cmd: command, AttachStdout: true, AttachStderr: true,
		})
		return err
	})
	if err != nil {
		return runtime.ExecResult{}, err
	}
	output, err := d.runExec(ctx, created.ID)
	if err != nil {
		return runtime.ExecResult{}, err
	}
	var ended container.ExecInspect
	err = d.call(ctx, quickTimeout, func(ctx context.Context) (err error) {
		ended, err = d.client.ContainerExecInspect(ctx, created.ID)
		return err
	})
	return runtime.ExecResult{ExitCode: ended.ExitCode, Output: output}, err
}

// runExec starts a prepared command and reads its output to the end.
func (d *Driver) runExec(ctx context.Context, exec string) (string, error) {
	stream, err := d.client.ContainerExecAttach(ctx, exec, container.ExecAttachOptions{})
	if err != nil {
		return "", classify(err)
	}
	defer stream.Close()
	// The connection is no longer bound to ctx once it is ours.
	stop := context.AfterFunc(ctx, stream.Close)
	defer stop()
	var output tail
	_, err = stdcopy.StdCopy(&output, &output, stream.Reader)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil && !errors.Is(err, io.EOF):
		return "", classify(err)
	}
	return string(output), nil
}

// tail keeps the end of what is written to it.
type tail []byte

func (t *tail) Write(p []byte) (int, error) {
	*t = append(*t, p...)
	if extra := len(*t) - maxExecOutput; extra > 0 {
		*t = append((*t)[:0], (*t)[extra:]...)
	}
	return len(p), nil
}
