package main

import (
	"fmt"
	"io"
	goruntime "runtime"

	"github.com/spf13/cobra"

	"maelstrom/schemas"
)

func newVersion(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of maelctl",
		Example: "  maelctl version\n  maelctl version --output json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := out.validate(); err != nil {
				return err
			}
			platform := goruntime.GOOS + "/" + goruntime.GOARCH
			return out.print(a.stdout, document{
				value: map[string]any{"version": version, "go": goruntime.Version(), "platform": platform},
				text: func(w io.Writer) error {
					_, err := fmt.Fprintln(w, "maelctl", version)
					return err
				},
			})
		},
	}
	out.register(cmd)
	return cmd
}

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of maelstrom.yml",
		Long: `Print the JSON Schema (draft-07) of maelstrom.yml.

An editor with the YAML language server completes and underlines by it: write
the schema beside the project file and make this its first line:

  # yaml-language-server: $schema=maelstrom.schema.json`,
		Example: "  maelctl schema > maelstrom.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(schemas.Project)
			return err
		},
	}
}
