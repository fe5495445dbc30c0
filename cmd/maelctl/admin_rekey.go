package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

// maxKeyFile bounds what is read as a cluster key.
const maxKeyFile = 64 << 10

func newRekey(a *app) *cobra.Command {
	return question[rpc.RekeyAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.RekeyAnswer, error) {
			key, err := a.readKey(args[0])
			if err != nil {
				return rpc.RekeyAnswer{}, err
			}
			return client.Rekey(ctx, rpc.RekeyRequest{Key: key})
		},
		text: func(w io.Writer, answer rpc.RekeyAnswer) error { return printRekeyed(w, a.outStyle(), answer) },
	}.on(a, &cobra.Command{
		Use:   "rekey FILE",
		Short: "Change the cluster key, while the cluster runs",
		Long: `Change the cluster key, while the cluster runs. FILE has the new one, of at least
32 characters; - reads it from standard input. Space around it does not count.

The authority by which nodes know each other is sealed under the new key. It
stays the same authority: daemons that run go on, with the certificates and
fingerprints that they have. A daemon that starts needs the new key from then
on, and one with the old key ends and says so. So set MAEL_CLUSTER_KEY to the
new key on every node at once, and restart the nodes one after the other.

The node that is asked must itself have been started with the key that counts.
Who knew the old key and could read the database may have the authority itself:
then replace that too, as docs/cluster.md says.`,
		Example: `  openssl rand -hex 32 >key.txt
  maelctl admin rekey key.txt
  maelctl admin rekey - <key.txt`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
	})
}

func (a *app) readKey(file string) (string, error) {
	from := a.stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return "", exitWith(exitInvalid, fmt.Errorf("read the new key: %w", err))
		}
		defer opened.Close()
		from = opened
	}
	text, err := io.ReadAll(io.LimitReader(from, maxKeyFile))
	if err != nil {
		return "", exitWith(exitInvalid, fmt.Errorf("read the new key: %w", err))
	}
	return strings.TrimSpace(string(text)), nil
}

func printRekeyed(w io.Writer, s style, answer rpc.RekeyAnswer) error {
	fmt.Fprintf(w, "The authority sha256:%s is sealed under the new key.\n\n", answer.Fingerprint)
	t := newTable(s, "NODE", "NAME", "STATE", "UPTIME")
	for _, node := range answer.Nodes {
		t.add(node.ID, node.Name, string(node.State), age(node.StartedAt))
	}
	if err := t.write(w); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, `
These nodes go on as they are. From now on each of them needs the new key when it starts: set MAEL_CLUSTER_KEY on all of
them, then restart them one after the other. One that starts with the old key ends and says so.
`)
	return err
}
