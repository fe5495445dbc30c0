package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
)

var errDeclined = errors.New("nothing was changed")

// asks tells whether there is somebody to ask.
func (a *app) asks(out outputFlags) bool { return a.stdinTTY && !out.machine() }

// confirm asks a question on the terminal; anything but yes is no.
func (a *app) confirm(ctx context.Context, question string) error {
	fmt.Fprintf(a.stderr, "%s Only 'yes' continues: ", question)
	answer, _ := bufio.NewReader(a.stdin).ReadString('\n') // cut off is no
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if strings.TrimSpace(answer) != "yes" {
		return exitWith(exitConflict, errDeclined)
	}
	return nil
}
