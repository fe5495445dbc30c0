package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"maelstrom/cluster"
)

// freezeEnv makes the test program a holder of the role placement that says
// when it is in the middle of a write, and then how the write ended.
const freezeEnv = "MAELSTROM_TEST_FREEZE"

func writeSlowly(dsn string) {
	err := func() error {
		s, err := Open(context.Background(), Options{Driver: os.Getenv(freezeEnv + "_DRIVER"), DSN: dsn})
		if err != nil {
			return err
		}
		hold := cluster.Hold{Role: cluster.RolePlacement, Holder: "frozen", Fence: 1}
		old := place("old", "web", 0)
		old.Version = 1
		first := true
		_, err = s.write(context.Background(), writeOptions{hold: &hold}, func(t *tx) error {
			if err := t.writePlacement(context.Background(), want(*old, cluster.WantStop)); err != nil || !first {
				return err
			}
			first = false
			// Its locks are taken, and kept until somebody says go on.
			if os.Getenv(freezeEnv+"_FENCED") != "" {
				if err := t.checkFence(context.Background(), &hold); err != nil {
					return err
				}
			}
			fmt.Println("writing")
			_, err := bufio.NewReader(os.Stdin).ReadString('\n')
			return err
		})
		return err
	}()
	fmt.Println(errors.Is(err, cluster.ErrFenced) || errors.Is(err, cluster.ErrConflict), err)
	os.Exit(0)
}

// frozen is a holder stopped by SIGSTOP in the middle of a write.
type frozen struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Scanner
}

func freeze(t *testing.T, d database, env ...string) *frozen {
	t.Helper()
	f := &frozen{cmd: exec.Command(os.Args[0])}
	f.cmd.Env = append(append(os.Environ(), freezeEnv+"="+d.dsn, freezeEnv+"_DRIVER="+d.driver), env...)
	f.cmd.Stderr = os.Stderr
	var err error
	f.stdin, err = f.cmd.StdinPipe()
	must(t, err)
	out, err := f.cmd.StdoutPipe()
	must(t, err)
	f.out = bufio.NewScanner(out)
	must(t, f.cmd.Start())
	t.Cleanup(func() { f.cmd.Process.Kill(); f.cmd.Wait() })
	if !f.out.Scan() || f.out.Text() != "writing" {
		t.Fatalf("the holder says %q", f.out.Text())
	}
	must(t, f.cmd.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(f.cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("stop: %v, %v", status, err)
	}
	return f
}

// thaw lets the holder go on, and returns how its write ends.
func (f *frozen) thaw(t *testing.T) string {
	t.Helper()
	must(t, f.cmd.Process.Signal(syscall.SIGCONT))
	fmt.Fprintln(f.stdin, "go on")
	if !f.out.Scan() {
		t.Fatal("the holder says nothing")
	}
	return f.out.Text()
}

// withHolder is a database with a placement and a role whose holder freezes.
func withHolder(t *testing.T, s *Store) (observed cluster.Lease) {
	t.Helper()
	write(t, s, take(t, s, cluster.RolePlacement, "frozen"), insert(place("old", "web", 0)))
	observed, err := s.lease(t.Context(), cluster.RolePlacement)
	must(t, err)
	return observed
}

// lateWrite checks that the frozen holder's write is refused.
func lateWrite(t *testing.T, s *Store, f *frozen) {
	t.Helper()
	if got := f.thaw(t); got[:4] != "true" {
		t.Fatalf("the late write: %s", got)
	}
	if p := placement(t, s, "old"); p.Want != cluster.WantRun {
		t.Fatalf("placement %+v", p)
	}
}

// A holder that freezes in the middle of a write keeps nobody from taking the
// role at once, nor from writing other rows; the rows that it has written are
// free once the server has ended its transaction.
func TestProcessFrozenInAWrite(t *testing.T) {
	onServer(t, func(t *testing.T, d database, s *Store) {
		observed := withHolder(t, s)
		f := freeze(t, d)
		ctx, cancel := context.WithTimeout(t.Context(), leaseTime/2)
		defer cancel()
		taken, ok, err := s.TakeLease(ctx, observed, "b")
		if err != nil || !ok {
			t.Fatalf("take: %v, %v", ok, err)
		}
		second := cluster.Hold{Role: taken.Role, Holder: "b", Fence: taken.Fence}
		if _, err := s.WritePlacements(ctx, second, []cluster.PlacementWrite{insert(place("new", "other", 0))}); err != nil {
			t.Fatal(err)
		}
		// The row that the frozen one has locked.
		ctx, cancel = context.WithTimeout(t.Context(), 3*idleTimeout)
		defer cancel()
		if _, err := s.WritePlacements(ctx, second, []cluster.PlacementWrite{want(placement(t, s, "old"), cluster.WantRun)}); err != nil {
			t.Fatal(err)
		}
		lateWrite(t, s, f)
	})
}

// One that freezes with the fence checked and the commit not yet sent, which
// takes the shortest of moments, is ended by the server.
func TestProcessFrozenBeforeItsCommit(t *testing.T) {
	onServer(t, func(t *testing.T, d database, s *Store) {
		observed := withHolder(t, s)
		f := freeze(t, d, freezeEnv+"_FENCED=yes")
		ctx, cancel := context.WithTimeout(t.Context(), 3*idleTimeout)
		defer cancel()
		var ok bool
		var err error
		for !ok && ctx.Err() == nil {
			_, ok, err = s.TakeLease(ctx, observed, "b")
		}
		if err != nil || !ok {
			t.Fatalf("take: %v, %v", ok, err)
		}
		lateWrite(t, s, f)
	})
}
