package drivertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/runtime"
)

// commander returns the driver as one that runs commands.
func commander(t *testing.T, h Harness) runtime.Commander {
	t.Helper()
	c, ok := h.Driver.(runtime.Commander)
	if !ok {
		t.Fatal("the driver runs no commands")
	}
	return c
}

// commandSpec is a command in a container of its own. A program of the engine
// under test gets it whole: entrypoint and command.
func commandSpec(h Harness, command []string, terminal *runtime.Terminal) runtime.Spec {
	spec := specOf(h, Serves)
	spec.Run, spec.Terminal = cluster.RunCommand, terminal
	spec.Component.Entrypoint, spec.Component.Command = command[:1], command[1:]
	return spec
}

// speaker is a terminal whose output is kept.
type speaker struct {
	runtime.Terminal
	out, err bytes.Buffer
}

func newSpeaker(input string) *speaker {
	s := &speaker{}
	s.Stdout, s.Stderr = &s.out, &s.err
	if input != "" {
		s.Stdin = strings.NewReader(input)
	}
	return s
}

func (s *speaker) check(t *testing.T, what, out, err string) {
	t.Helper()
	if got := strings.TrimSpace(s.out.String()); got != out {
		t.Errorf("%s: output %q, want %q", what, got, out)
	}
	if got := strings.TrimSpace(s.err.String()); got != err {
		t.Errorf("%s: other output %q, want %q", what, got, err)
	}
}

func testRunCommand(t *testing.T, h Harness) {
	said := newSpeaker("")
	code, err := commander(t, h).RunCommand(within(t), commandSpec(h, h.Exec.Command, &said.Terminal))
	if err != nil || code != h.Exec.ExitCode {
		t.Errorf("run = %d, %v; want %d", code, err, h.Exec.ExitCode)
	}
	said.check(t, "run", h.Exec.Output, "")
	wantNothing(t, h)

	const input = "one\ntwo"
	copied := newSpeaker(input)
	code, err = commander(t, h).RunCommand(within(t), commandSpec(h, h.Cat, &copied.Terminal))
	if err != nil || code != 0 {
		t.Errorf("run with input = %d, %v; want 0", code, err)
	}
	copied.check(t, "run with input", input, CatLine)
	wantNothing(t, h)
}

func testRunCommandFails(t *testing.T, h Harness) {
	said := newSpeaker("")
	spec := commandSpec(h, h.Exec.Command, &said.Terminal)
	spec.Component.Image = h.MissingImage
	if _, err := commander(t, h).RunCommand(within(t), spec); !errors.Is(err, runtime.ErrImageMissing) {
		t.Errorf("run = %v, want ErrImageMissing", err)
	}
	wantNothing(t, h)
}

func testRunCommandCancelled(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	said := newSpeaker("")
	spec := commandSpec(h, h.Hold, &said.Terminal)
	ended := make(chan error, 1)
	go func() {
		_, err := commander(t, h).RunCommand(ctx, spec)
		ended <- err
	}()
	await(t, h.Driver, "the command runs", func() bool {
		list, err := h.Driver.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(list) == 1 && list[0].State == runtime.ContainerRunning && list[0].Run == cluster.RunCommand
	})
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("run = %v, want context.Canceled", err)
	}
	wantNothing(t, h)
}

func testExecCommand(t *testing.T, h Harness) {
	c := start(t, h, Serves)
	for _, test := range []struct {
		command    []string
		input      string
		code       int
		out, other string
	}{
		{h.Exec.Command, "", h.Exec.ExitCode, h.Exec.Output, ""},
		{h.Cat, "one\ntwo", 0, "one\ntwo", CatLine},
	} {
		said := newSpeaker(test.input)
		code, err := commander(t, h).ExecCommand(within(t), c.ID, test.command, said.Terminal)
		if err != nil || code != test.code {
			t.Errorf("exec %v = %d, %v; want %d", test.command, code, err, test.code)
		}
		said.check(t, "exec", test.out, test.other)
	}
	if _, err := commander(t, h).ExecCommand(within(t), "nothing-by-this-name", h.Cat, runtime.Terminal{Stdout: io.Discard, Stderr: io.Discard}); !errors.Is(err, runtime.ErrNotFound) {
		t.Errorf("exec in nothing = %v, want ErrNotFound", err)
	}

	ctx, cancel := context.WithCancel(within(t))
	ended := make(chan error, 1)
	go func() {
		_, err := commander(t, h).ExecCommand(ctx, c.ID, h.Hold, runtime.Terminal{Stdout: io.Discard, Stderr: io.Discard})
		ended <- err
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("exec = %v, want context.Canceled", err)
	}
	if again, err := h.Driver.Inspect(t.Context(), c.ID); err != nil || again.State != runtime.ContainerRunning {
		t.Errorf("after a cancelled command the container is %+v, %v", again, err)
	}
}
