package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/client"

	"maelstrom/runtime"
)

// classify gives an engine's error the kind that callers act on. What the
// status alone can't tell (a missing image and a missing network are both 404)
// is told by the one method that asked for it.
func classify(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isKnown(err):
		return err
	case client.IsErrConnectionFailed(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return as(runtime.ErrEngineDown, err)
	case errdefs.IsUnavailable(err), errdefs.IsInternal(err) && halfDown(err):
		return as(runtime.ErrEngineDown, err)
	case errdefs.IsNotFound(err):
		return as(runtime.ErrNotFound, err)
	}
	return fmt.Errorf("docker: %s", engineText(err))
}

// classifyCreate does the same for the answer to create.
func classifyCreate(err error) error {
	switch {
	case errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in use"):
		return as(runtime.ErrConflict, err)
	case errdefs.IsNotFound(err) && strings.Contains(strings.ToLower(err.Error()), "no such image"):
		return as(runtime.ErrImageMissing, err)
	case refused(err):
		return as(runtime.ErrInvalidSpec, err)
	}
	return classify(err)
}

// classifyStart does the same for the answer to start, where a 404 is about a
// network or a device, and a port in use or a command that is not in the image
// is a 500 in some versions.
func classifyStart(err error) error {
	if refused(err) || errdefs.IsInternal(err) && !halfDown(err) {
		return as(runtime.ErrInvalidSpec, err)
	}
	return classify(err)
}

// classifyLog does the same for output: a driver that can't be read is a 500 in
// some versions, and a word in the stream in others.
func classifyLog(err error) error {
	if strings.Contains(err.Error(), "does not support reading") {
		return as(runtime.ErrLogUnreadable, err)
	}
	return classify(err)
}

// halfDown tells an engine that answers but has lost what it runs on.
func halfDown(err error) bool {
	text := err.Error()
	return strings.Contains(text, "shutting down") || strings.Contains(text, "containerd.sock")
}

func refused(err error) bool {
	return errdefs.IsInvalidArgument(err) || errdefs.IsNotFound(err) || errdefs.IsPermissionDenied(err) ||
		errdefs.IsConflict(err) || errdefs.IsNotImplemented(err)
}

func isKnown(err error) bool {
	for _, kind := range []error{
		runtime.ErrConflict, runtime.ErrNotFound, runtime.ErrImageMissing, runtime.ErrPull,
		runtime.ErrEngineDown, runtime.ErrInvalidSpec, runtime.ErrLogUnreadable,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// as wraps kind around the engine's text. The engine's own error is dropped:
// its kind is an HTTP status, which would answer errors.Is wrongly.
func as(kind, err error) error {
	return fmt.Errorf("%w: %s", kind, engineText(err))
}

func engineText(err error) string {
	return strings.TrimPrefix(err.Error(), "Error response from daemon: ")
}
