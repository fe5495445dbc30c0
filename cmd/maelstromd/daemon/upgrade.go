package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// upgradeSignal asks a daemon to go on as the program that is now where its own
// was started from.
const upgradeSignal = syscall.SIGUSR2

const (
	checkLimit  = 30 * time.Second // for a program to show that it could serve
	checkOutput = 2 << 10          // bytes of what it says when it can't
)

// upgrade replaces the program of this process by the one at its path.
type upgrade struct {
	program   string   // path that this process was started by
	arguments []string // as it was given them, its own name first
	asked     chan os.Signal
}

// newUpgrade listens for the signal from now on.
func newUpgrade() (*upgrade, error) {
	program, err := ownProgram(os.Args[0])
	if err != nil {
		return nil, err
	}
	u := &upgrade{program: program, arguments: os.Args, asked: make(chan os.Signal, 1)}
	signal.Notify(u.asked, upgradeSignal)
	return u, nil
}

// ownProgram is the path by which a process was started: the name that it was
// given, if that leads to the program that it is, so that a symbolic link can
// be turned to the next one.
func ownProgram(name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find own program: %w", err)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return self, nil
	}
	if path, err = filepath.Abs(path); err != nil {
		return self, nil
	}
	own, ownErr := os.Stat(self)
	named, namedErr := os.Stat(path)
	if errors.Join(ownErr, namedErr) != nil || !os.SameFile(own, named) {
		return self, nil
	}
	return path, nil
}

// check asks the program at the path whether it could serve, and returns its
// version.
func (u *upgrade) check(ctx context.Context) (version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	version, err = u.ask(ctx, VersionVerb)
	if err == nil {
		_, err = u.ask(ctx, append([]string{CheckVerb}, u.arguments[1:]...)...)
	}
	return version, err
}

func (u *upgrade) ask(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, u.program, arguments...)
	command.Stdin, command.WaitDelay = os.Stdin, time.Second
	output, err := command.CombinedOutput()
	said := strings.TrimSpace(string(output[max(0, len(output)-checkOutput):]))
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", u.program, arguments[0], err, said)
	}
	return said, nil
}

// execute makes this process the program at the path, or, if that can't be
// started any more, the program that it is, anew. It returns only on failure.
func (u *upgrade) execute(passed *sockets) error {
	environment, err := passed.pass(os.Environ())
	if err != nil {
		return err
	}
	signal.Ignore(upgradeSignal) // a second one must not end the program before it listens
	err = syscall.Exec(u.program, u.arguments, environment)
	again := syscall.Exec("/proc/self/exe", u.arguments, environment)
	return fmt.Errorf("execute %s: %w", u.program, errors.Join(err, again))
}

// mayHandOver checks the program that would go on after this one. A refusal
// leaves everything as it was.
func (d *Daemon) mayHandOver(ctx context.Context) bool {
	d.log.Info("upgrade asked for", "program", d.sur.upgrade.program)
	version, err := d.sur.upgrade.check(ctx)
	if err != nil {
		d.log.Error("upgrade refused: the program could not serve; this one goes on", "program", d.sur.upgrade.program, "error", err)
		return false
	}
	d.log.Info("handing over", "program", d.sur.upgrade.program, "from", d.opt.Version, "to", version)
	return true
}

// land returns what is closed when the requests that are in flight have ended.
func (d *Daemon) land() <-chan struct{} {
	requests, landed := d.flights.land()
	d.log.Info("serving until what is in flight has ended", "requests", requests)
	return landed
}
