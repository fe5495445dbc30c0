package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"

	"maelstrom/schemas"
)

func newSchema(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of maelstrom.yml",
		Long: `Print the JSON Schema (draft-07) of maelstrom.yml.

An editor with the YAML language server completes and underlines by it: write
the schema beside the project file and make this its first line:

  # yaml-language-server: $schema=maelstrom.schema.json`,
		Example: "  maelctl schema > maelstrom.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return out.print(a.stdout, document{value: json.RawMessage(schemas.Project), foreign: true, text: func(w io.Writer) error {
				_, err := w.Write(schemas.Project)
				return err
			}})
		},
	}
	out.register(cmd)
	return cmd
}
