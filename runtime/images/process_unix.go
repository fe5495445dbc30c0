//go:build unix

package images

import (
	"os/exec"
	"syscall"
)

// endTogether makes the end of a command the end of what it has started.
func endTogether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = endWithin
}
