package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// claimsFile is how claims are kept outside of a cluster.
type claimsFile struct {
	FormatVersion string          `json:"format_version"`
	Claims        []cluster.Claim `json:"claims"`
}

func newClaims(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "claims", Short: "Keep and give back which project has which name and route since when"}
	cmd.AddCommand(newClaimsExport(a), newClaimsRestore(a))
	return cmd
}

func newClaimsExport(a *app) *cobra.Command {
	return question[rpc.ClaimList]{
		call: func(ctx context.Context, client *rpc.Client, _ []string) (rpc.ClaimList, error) {
			return client.ExportClaims(ctx)
		},
		list: "claims",
		text: func(w io.Writer, answer rpc.ClaimList) error { return writeClaims(w, answer.Claims) },
	}.on(a, &cobra.Command{
		Use:   "export",
		Short: "Show which project has which name and route since when",
		Long: `Show which project has which name and route since when. The first to have a route
keeps it, and nothing but the database knows who that was: keep this list beside
the repository that the projects come from.`,
		Example: "  maelctl admin claims export >claims.yml",
		Args:    cobra.NoArgs,
	})
}

func newClaimsRestore(a *app) *cobra.Command {
	return question[rpc.RestoreClaimsAnswer]{
		call: func(ctx context.Context, client *rpc.Client, args []string) (rpc.RestoreClaimsAnswer, error) {
			claims, err := a.readClaims(args[0])
			if err != nil {
				return rpc.RestoreClaimsAnswer{}, err
			}
			return client.RestoreClaims(ctx, rpc.RestoreClaimsRequest{Claims: claims})
		},
		text: func(w io.Writer, answer rpc.RestoreClaimsAnswer) error { return a.printRestoredClaims(w, answer) },
	}.on(a, &cobra.Command{
		Use:   "restore FILE",
		Short: "Give claims their times back, after a rebuild",
		Long: `Give claims their times back, after a cluster was rebuilt from its sources. FILE is
what maelctl admin claims export or maelctl project export --all wrote; - reads
standard input.

A claim that its owner has gets its older time. One that nobody has is held for
its owner, which takes it up when it is applied: so projects that are blocked
because they want the same route are sorted out. Let the sources look again then,
with maelctl project sync. What another project has stays there and is named.`,
		Example:           "  maelctl admin claims restore claims.yml",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeFiles,
	})
}

// readClaims reads the claims of every document of a file.
func (a *app) readClaims(path string) ([]cluster.Claim, error) {
	data, err := disk{stdin: a.stdin}.readFile(path)
	if err != nil {
		return nil, exitWith(exitInvalid, err)
	}
	var claims []cluster.Claim
	found := false
	for documents := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var document map[string]any
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, exitWith(exitInvalid, fmt.Errorf("%s: %w", path, err))
		}
		if _, ok := document["claims"]; !ok {
			continue
		}
		found = true
		list, err := decodeClaims(document)
		if err != nil {
			return nil, exitWith(exitInvalid, fmt.Errorf("%s: %w", path, err))
		}
		claims = append(claims, list...)
	}
	if !found {
		return nil, exitWith(exitInvalid, fmt.Errorf("%s holds no claims: `maelctl admin claims export` writes such a file", path))
	}
	return claims, nil
}

func decodeClaims(document map[string]any) ([]cluster.Claim, error) {
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	var file claimsFile
	err = json.Unmarshal(text, &file)
	return file.Claims, err
}

func (a *app) printRestoredClaims(w io.Writer, answer rpc.RestoreClaimsAnswer) error {
	s := a.outStyle()
	for _, c := range answer.Held {
		fmt.Fprintf(w, "%s %s %q belongs to project %s\n", s.yellow("kept:"), c.Kind, c.Key, c.Owner)
	}
	for _, c := range answer.Dropped {
		fmt.Fprintf(w, "%s project %s does not declare %s %q any more\n", s.yellow("left out:"), c.Owner, c.Kind, c.Key)
	}
	_, err := fmt.Fprintf(w, "%s given back, %d held for projects that are not stored yet.\n", plural(answer.Restored, "claim"), answer.Reserved)
	return err
}
