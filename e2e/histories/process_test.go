package histories

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/store"
)

// processEnv makes the test program a client that does what it is told on its
// standard input, until that ends.
const processEnv = "MAELSTROM_TEST_CLIENT"

// process is a roleLedger in a process of its own, which can be stopped as a
// virtual machine or a swapping host stops one: at any instruction.
type process struct {
	cmd *exec.Cmd
	rpc *rpc.Client
}

// startProcess starts a client of a database, which ends with the test.
func startProcess(t *testing.T, driver, dsn string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0])}
	p.cmd.Env = append(os.Environ(), processEnv+"="+driver, processEnv+"_DSN="+dsn)
	p.cmd.Stderr = os.Stderr
	in, err := p.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.rpc = rpc.NewClient(pipes{out, in})
	t.Cleanup(func() {
		if err := errors.Join(p.thaw(), p.rpc.Close(), p.cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	return p
}

// freeze stops the process; it does nothing any more when freeze returns.
func (p *process) freeze() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	var status syscall.WaitStatus
	_, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
	if err == nil && !status.Stopped() {
		err = fmt.Errorf("client ended: %v", status)
	}
	return err
}

func (p *process) thaw() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// pipes make a connection of a process's input and output.
type pipes struct {
	io.ReadCloser
	in io.WriteCloser
}

func (p pipes) Write(b []byte) (int, error) { return p.in.Write(b) }
func (p pipes) Close() error                { return p.in.Close() }

// Call is what a process is asked to do.
type Call struct {
	Method   string
	Patience time.Duration
	Observed cluster.Lease
	Holder   string
	Hold     cluster.Hold
	Holds    []cluster.Hold
	Writes   []cluster.PlacementWrite
	Firing   cluster.Firing
}

// Answer is what came of it. The text of an error that a caller tells from
// others is that error's.
type Answer struct {
	Leases []cluster.Lease
	Holds  []cluster.Hold
	Number int64
	Done   bool
	Error  string
}

var told = []error{cluster.ErrFenced, cluster.ErrConflict}

func (p *process) call(ctx context.Context, c Call) (Answer, error) {
	deadline, limited := ctx.Deadline()
	if limited {
		c.Patience = time.Until(deadline)
	}
	var a Answer
	if err := p.rpc.Call("Service.Do", c, &a); err != nil {
		return a, err
	}
	for _, err := range told {
		if a.Error == err.Error() {
			return a, err
		}
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

func (p *process) Leases(ctx context.Context) ([]cluster.Lease, error) {
	a, err := p.call(ctx, Call{Method: "look"})
	return a.Leases, err
}

func (p *process) TakeLease(ctx context.Context, observed cluster.Lease, holder string) (cluster.Lease, bool, error) {
	a, err := p.call(ctx, Call{Method: "take", Observed: observed, Holder: holder})
	if err != nil {
		return observed, false, err
	}
	return a.Leases[0], a.Done, nil
}

func (p *process) RenewLeases(ctx context.Context, holder string, held []cluster.Hold) ([]cluster.Hold, error) {
	a, err := p.call(ctx, Call{Method: "renew", Holder: holder, Holds: held})
	return a.Holds, err
}

func (p *process) GiveLease(ctx context.Context, hold cluster.Hold) error {
	_, err := p.call(ctx, Call{Method: "give", Hold: hold})
	return err
}

func (p *process) WritePlacements(ctx context.Context, hold cluster.Hold, writes []cluster.PlacementWrite) (int64, error) {
	a, err := p.call(ctx, Call{Method: "write", Hold: hold, Writes: writes})
	return a.Number, err
}

func (p *process) ClaimFiring(ctx context.Context, hold cluster.Hold, f cluster.Firing) (bool, error) {
	a, err := p.call(ctx, Call{Method: "claim", Hold: hold, Firing: f})
	return a.Done, err
}

// Service is the other end, in the process.
type Service struct{ store *store.Store }

// serveProcess is the main of a process.
func serveProcess(driver, dsn string) error {
	s, err := store.Open(context.Background(), store.Options{Driver: driver, DSN: dsn})
	if err != nil {
		return err
	}
	server := rpc.NewServer()
	if err := server.Register(&Service{store: s}); err != nil {
		return err
	}
	server.ServeConn(pipes{os.Stdin, os.Stdout})
	return s.Close()
}

// Do does what it is asked to.
func (s *Service) Do(c Call, a *Answer) error {
	ctx := context.Background()
	if c.Patience != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Patience)
		defer cancel()
	}
	err := s.do(ctx, c, a)
	if err == nil {
		return nil
	}
	a.Error = err.Error()
	for _, e := range told {
		if errors.Is(err, e) {
			a.Error = e.Error()
		}
	}
	return nil
}

func (s *Service) do(ctx context.Context, c Call, a *Answer) (err error) {
	switch c.Method {
	case "look":
		a.Leases, err = s.store.Leases(ctx)
	case "take":
		var lease cluster.Lease
		lease, a.Done, err = s.store.TakeLease(ctx, c.Observed, c.Holder)
		a.Leases = []cluster.Lease{lease}
	case "renew":
		a.Holds, err = s.store.RenewLeases(ctx, c.Holder, c.Holds)
	case "give":
		err = s.store.GiveLease(ctx, c.Hold)
	case "write":
		a.Number, err = s.store.WritePlacements(ctx, c.Hold, c.Writes)
	case "claim":
		a.Done, err = s.store.ClaimFiring(ctx, c.Hold, c.Firing)
	default:
		err = errors.New("unknown method " + c.Method)
	}
	return err
}
