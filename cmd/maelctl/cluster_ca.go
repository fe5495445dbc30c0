package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"maelstrom/cluster/rpc"
)

func newClusterCA(a *app) *cobra.Command {
	return question[rpc.CAAnswer]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.CAAnswer, error) {
			return client.CA(ctx)
		},
		text: func(w io.Writer, answer rpc.CAAnswer) error {
			_, err := fmt.Fprintf(w, "sha256:%s\n%s", answer.Fingerprint, answer.Certificate)
			return err
		},
	}.on(a, &cobra.Command{
		Use:   "ca",
		Short: "Print the authority that nodes are known by, and its fingerprint",
		Long: `Print the certificate of the authority by which the nodes of this cluster know
each other, and above it its SHA-256 fingerprint.

maelctl on a machine without a daemon calls a node's MAEL_PEER_ADDR over TLS. It
knows the node by one of the two: the fingerprint in MAELSTROM_CA_FINGERPRINT,
or a file with the certificate that MAELSTROM_CA names. Neither is a secret, but
what you set there has to come from the cluster itself.`,
		Example: `  maelctl cluster ca
  maelctl cluster ca --jq .fingerprint
  maelctl cluster ca >ca.pem`,
		Args: cobra.NoArgs,
	})
}
