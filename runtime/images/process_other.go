//go:build !unix

package images

import "os/exec"

// endTogether bounds the wait for what a command has started.
func endTogether(cmd *exec.Cmd) { cmd.WaitDelay = endWithin }
