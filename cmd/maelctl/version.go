package main

import (
	"fmt"
	"io"
	goruntime "runtime"

	"github.com/spf13/cobra"
)

// versionInfo is the JSON document of `version`.
type versionInfo struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(a *app) *cobra.Command {
	var out outputFlags
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of maelctl",
		Example: "  maelctl version\n  maelctl version --output json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			info := versionInfo{Version: version, Go: goruntime.Version(), Platform: goruntime.GOOS + "/" + goruntime.GOARCH}
			return out.print(a.stdout, document{value: info, text: func(w io.Writer) error {
				_, err := fmt.Fprintln(w, "maelctl", info.Version)
				return err
			}})
		},
	}
	out.register(cmd)
	return cmd
}
