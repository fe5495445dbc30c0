package main

import (
	"context"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

// ask puts one question to the daemon, after checking the output flags: what
// is wrong with them must not come after something was done.
func ask[T any](cmd *cobra.Command, a *app, out outputFlags, call func(context.Context, *rpc.Client) (T, error)) (T, error) {
	var none T
	if err := out.validate(); err != nil {
		return none, err
	}
	client, err := a.client()
	if err != nil {
		return none, err
	}
	answer, err := call(cmd.Context(), client)
	return answer, a.serverError(err)
}
