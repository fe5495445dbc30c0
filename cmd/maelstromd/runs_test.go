package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/runtime"
	"maelstrom/runtime/drivertest"
)

// command runs a command on a node and returns its end and its output.
func (n *node) command(ctx context.Context, order rpc.CommandOrder) (end rpc.CommandEnd, out, told string) {
	n.t.Helper()
	var stdout, stderr bytes.Buffer
	end, err := n.client().Command(ctx, order, rpc.CommandStreams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr})
	if err != nil {
		n.t.Errorf("command: %v", err)
	}
	return end, stdout.String(), stderr.String()
}

func (n *node) runs() int {
	n.t.Helper()
	return len(n.runContainers())
}

// runContainers are those of commands and releases.
func (n *node) runContainers() (ids []string) {
	n.t.Helper()
	for _, c := range n.engine.containers(n.t, n.id) {
		if c.Labels[runtime.LabelRun] != "" {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

const commandProject = `
name: cmd
components:
  app:
    image: %[1]s
    reservememory: 200
    environment: ["OUT=from the component", "ERR=told"]
`

func TestCommandsRunLikeTheirComponent(t *testing.T) {
	t.Parallel()
	n := newNode(t, "MAEL_TOTAL_MEMORY=500")
	n.apply(fmt.Sprintf(commandProject, drivertest.BuildImage(t)))
	end, out, _ := n.command(t.Context(), rpc.CommandOrder{Component: "cmd_app", Command: []string{"exec", "hello", "3"}})
	if end.ExitCode != 3 || out != "hello\n" {
		t.Errorf("run: %+v, output %q", end, out)
	}
	end, out, told := n.command(t.Context(), rpc.CommandOrder{Component: "cmd_app", Command: []string{"serve"}, Environment: []string{"EXIT_CODE=7", "OUT=mine"}})
	if end.ExitCode != 7 || out != "mine\n" || told != "told\n" {
		t.Errorf("run with an environment: %+v, output %q and %q", end, out, told)
	}
	if end, _, _ = n.command(t.Context(), rpc.CommandOrder{Component: "cmd_app", Command: []string{"exec", "x", "0"}, Image: "maelstrom-no-such-image:1"}); end.ExitCode != 125 {
		t.Errorf("an image that is not there: %+v", end)
	}
	if end, _, _ = n.command(t.Context(), rpc.CommandOrder{Component: "cmd_app", Command: []string{"x"}, Exec: true}); end.ExitCode != 125 || !strings.Contains(end.Error, "--wake") {
		t.Errorf("exec in what is asleep: %+v", end)
	}
	if c := n.component("cmd_app"); c.State != rpc.ComponentAsleep || c.InstancesReady != 0 {
		t.Errorf("commands count as instances: %+v", c)
	}
	if left := n.runs(); left != 0 {
		t.Errorf("%d containers of commands are left", left)
	}
}

func TestCommandsInInstances(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	n.apply(fmt.Sprintf(commandProject, drivertest.BuildImage(t)))
	order := rpc.CommandOrder{Component: "cmd_app", Command: []string{drivertest.AppPath, "exec", "inside", "4"}, Exec: true, Wake: true}
	if end, out, _ := n.command(t.Context(), order); end.ExitCode != 4 || out != "inside\n" {
		t.Errorf("exec: %+v, output %q", end, out)
	}
	order.Wake, order.Command = false, []string{"/nothing"}
	if end, _, _ := n.command(t.Context(), order); end.ExitCode != 126 && end.ExitCode != 127 {
		t.Errorf("exec of what is not there: %+v", end)
	}
}

func TestCommandsReserveMemoryAndLeaveNothing(t *testing.T) {
	t.Parallel()
	n := newNode(t, "MAEL_TOTAL_MEMORY=500")
	n.apply(fmt.Sprintf(commandProject, drivertest.BuildImage(t)))
	hold := rpc.CommandOrder{Component: "cmd_app", Command: []string{"hold"}}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := n.client().Command(ctx, hold, rpc.CommandStreams{Stdout: io.Discard, Stderr: io.Discard})
			ended <- err
		}()
	}
	n.await("two commands", patience, func() bool { return n.runs() == 2 })
	if end, _, _ := n.command(t.Context(), hold); end.ExitCode != 125 || !strings.Contains(end.Error, "has 100 of 500 MiB free") {
		t.Errorf("a third command: %+v", end)
	}
	cancel()
	<-ended
	<-ended
	n.await("no command of a client that is gone", patience, func() bool { return n.runs() == 0 })

	go n.client().Command(t.Context(), hold, rpc.CommandStreams{Stdout: io.Discard, Stderr: io.Discard})
	n.await("a command", patience, func() bool { return n.runs() == 1 })
	n.signal(syscall.SIGKILL)
	n.awaitExit()
	n.start()
	n.await("no command of a daemon that was killed", patience, func() bool { return n.runs() == 0 })
	n.await("its memory back", patience, func() bool {
		end, _, _ := n.command(t.Context(), rpc.CommandOrder{Component: "cmd_app", Command: []string{"exec", "x", "0"}})
		return end.ExitCode == 0
	})
}

const releaseProject = `
name: rel
components:
  app:
    image: %[1]s
    environment: ["VERSION=%[2]s"]
    releasecommand: %[3]s
`

func TestReleaseCommandRunsBeforeTheRollOut(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	image := drivertest.BuildImage(t)
	n.apply(fmt.Sprintf(releaseProject, image, "1", "[exec, migrated, 0]"))
	n.await("the first release", patience, func() bool { return n.component("rel_app").Message == "" })
	if _, err := n.client().Wake(t.Context(), rpc.WakeRequest{Name: "rel_app", WaitSeconds: patience.Seconds()}); err != nil {
		t.Fatal(err)
	}
	first := n.ps("rel_app")[0].Placement

	n.apply(fmt.Sprintf(releaseProject, image, "2", "[exec, broken, 3]"))
	n.await("a failed release", patience, func() bool { return n.component("rel_app").Reason == cluster.ReasonReleaseFailed })
	if c := n.component("rel_app"); c.State != rpc.ComponentReady || !strings.Contains(c.Message, "code 3") || !strings.Contains(c.Message, "broken") {
		t.Errorf("after a failed release: %+v", c)
	}
	if now := n.ps("rel_app"); len(now) != 1 || now[0].Placement != first {
		t.Errorf("the old version does not run on: %+v", now)
	}

	n.apply(fmt.Sprintf(releaseProject, image, "3", "[exec, migrated, 0]"))
	n.await("the roll-out", patience, func() bool {
		now := n.ps("rel_app")
		return len(now) == 1 && now[0].Placement != first && now[0].State == string(cluster.InstanceReady)
	})
	n.await("no container of a release", patience, func() bool { return n.runs() == 0 })
}

func TestReleaseGoesOnWhenTheDaemonIsKilled(t *testing.T) {
	t.Parallel()
	n := newNode(t)
	seen := n.engine.watch(t, n.id)
	n.apply(fmt.Sprintf(releaseProject, drivertest.BuildImage(t), "1", "[hold, holding]"))
	n.await("a release", patience, func() bool { return n.runs() == 1 })
	n.signal(syscall.SIGKILL)
	n.awaitExit()
	n.start()
	n.await("the release to be known", patience, func() bool { return strings.Contains(n.component("rel_app").Message, "runs since") })
	// One that was only created when the daemon was killed is made anew first.
	n.await("the release told to end", patience, func() bool {
		ids := n.runContainers()
		// Before it listens to signals, TERM makes it fail.
		return len(ids) == 1 && n.engine.says(t, ids[0], "holding") && n.engine.ContainerKill(t.Context(), ids[0], "TERM") == nil
	})
	n.await("the end of the release", patience, func() bool { return n.component("rel_app").Message == "" })
	if starts := seen.starts("rel_app"); starts != 1 {
		t.Errorf("the release command was started %d times", starts)
	}
}
