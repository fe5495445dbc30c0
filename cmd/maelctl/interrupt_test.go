package main

import (
	"bytes"
	"context"
	"io"
	"testing"
)

// testApp is an app without surroundings, and what it prints.
func testApp(env map[string]string) (a *app, stdout, stderr *bytes.Buffer) {
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	return &app{
		stdin: bytes.NewReader(nil), stdout: stdout, stderr: stderr,
		lookupEnv: func(name string) (string, bool) {
			value, ok := env[name]
			return value, ok
		},
	}, stdout, stderr
}

// readerFunc is an io.Reader.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A verb that waits for somebody to type ends at the first signal.
func TestInterruptEndsAVerbThatReads(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	typed := make(chan struct{})
	defer close(typed)
	a, stdout, _ := testApp(nil)
	a.stdin = readerFunc(func([]byte) (int, error) {
		interrupt()
		<-typed // nobody types
		return 0, io.EOF
	})
	if code := a.run(ctx, []string{"project", "validate", "-f", "-"}); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if stdout.Len() > 0 {
		t.Errorf("printed %q", stdout)
	}
}

// writerFunc is an io.Writer.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Output is followed until a signal, and the exit code says so.
func TestInterruptEndsFollowedLogs(t *testing.T) {
	dir := t.TempDir()
	d, err := startDaemon(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}()
	if err := d.await(); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MAEL_DATA_DIR": dir}
	must := func(stdin string, args ...string) {
		t.Helper()
		a, _, stderr := testApp(env)
		a.stdin = bytes.NewReader([]byte(stdin))
		if code := a.run(t.Context(), args); code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, stderr)
		}
	}
	must("name: shop\ncomponents: {web: {image: web, maxconcurrency: 2}}\n", "project", "apply", "-f", "-")
	must("", "comp", "wake", "shop_web", "--wait", patience.String())

	ctx, interrupt := context.WithCancel(t.Context())
	a, _, stderr := testApp(env)
	a.stdout = writerFunc(func(p []byte) (int, error) {
		interrupt()
		return len(p), nil
	})
	if code := a.run(ctx, []string{"logs", "-f", "shop_web"}); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if got := stderr.String(); got != "interrupted\n" {
		t.Errorf("said %q", got)
	}
}
