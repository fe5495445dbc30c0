package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

type exportOptions struct {
	out         outputFlags
	all         bool
	dir         string
	envTemplate bool
}

func newProjectExport(a *app) *cobra.Command {
	var opt exportOptions
	cmd := &cobra.Command{
		Use:   "export (NAME... | --all)",
		Short: "Write stored projects as files",
		Long: `Write stored projects as files that declare just them. Names are sorted, what has
its default is left out, and applying the file again changes nothing.

Secrets are not exported: ${NAME} stands in their place. --env-template writes
the list of those variables instead, as a dotenv file to fill in.

--all writes every project, each as a document of its own, and as the last
document the claims: which project has which name and route since when.
maelctl admin claims restore gives them back. With --dir each project becomes
the file NAME.maelstrom.yml there, beside claims.yml and env.template; a file that
is there already is an error.`,
		Example: `  maelctl project export shop >maelstrom.yml
  maelctl project export shop --env-template >.env
  maelctl project export --all >cluster.yml
  maelctl project export --all --dir ./projects`,
		ValidArgsFunction: a.completeSeveral(projectNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runExport(cmd.Context(), a, opt, args)
		},
	}
	opt.out.register(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&opt.all, "all", false, "every project, and the claims")
	flags.StringVar(&opt.dir, "dir", "", "write files into this directory")
	flags.BoolVar(&opt.envTemplate, "env-template", false, "write the variables that stand for secrets, without values")
	cobra.CheckErr(cmd.MarkFlagDirname("dir"))
	return cmd
}

func runExport(ctx context.Context, a *app, opt exportOptions, names []string) error {
	switch {
	case opt.all == (len(names) > 0):
		return usagef("name projects, or all of them by --all")
	case opt.dir != "" && (opt.envTemplate || opt.out.machine()):
		return usagef("--dir writes files, --env-template and --output to standard output")
	}
	answer, err := a.client().Export(ctx, rpc.ExportRequest{Names: names, Prefix: opt.all || len(names) > 1})
	if err != nil {
		return a.serverError(err)
	}
	if opt.dir != "" {
		return a.exportFiles(opt.dir, answer)
	}
	return opt.out.print(a.stdout, document{value: answer, list: "projects", text: func(w io.Writer) error {
		if opt.envTemplate {
			return writeTemplates(w, answer.Projects)
		}
		return writeExport(w, answer, opt.all)
	}})
}

func writeTemplates(w io.Writer, projects []rpc.ExportedProject) error {
	for _, p := range projects {
		if _, err := io.WriteString(w, p.EnvTemplate); err != nil {
			return err
		}
	}
	return nil
}

// writeExport writes a document for each project and, of all of them, one for
// the claims.
func writeExport(w io.Writer, answer rpc.ExportAnswer, all bool) error {
	for i, p := range answer.Projects {
		if i > 0 {
			fmt.Fprintln(w, "---")
		}
		if _, err := io.WriteString(w, p.Text); err != nil {
			return err
		}
	}
	if !all {
		return nil
	}
	if len(answer.Projects) > 0 {
		fmt.Fprintln(w, "---")
	}
	return writeClaims(w, answer.Claims)
}

// writeClaims writes claims as `admin claims restore` reads them.
func writeClaims(w io.Writer, claims []cluster.Claim) error {
	value, err := generic(claimsFile{FormatVersion: formatVersion, Claims: claims})
	if err != nil {
		return err
	}
	return printYAML(w, value)
}

func (a *app) exportFiles(dir string, answer rpc.ExportAnswer) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return exitWith(exitInvalid, err)
	}
	var templates, claims bytes.Buffer
	files := map[string][]byte{}
	for _, p := range answer.Projects {
		files[p.Name+".maelstrom.yml"] = []byte(p.Text)
	}
	if err := errors.Join(writeTemplates(&templates, answer.Projects), writeClaims(&claims, answer.Claims)); err != nil {
		return err
	}
	if templates.Len() > 0 {
		files["env.template"] = templates.Bytes()
	}
	if len(answer.Claims) > 0 {
		files["claims.yml"] = claims.Bytes()
	}
	for _, name := range sortedKeys(files) {
		if err := writeNew(filepath.Join(dir, name), files[name]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(a.stdout, "Wrote %s to %s.\n", plural(len(files), "file"), dir)
	return err
}

// writeNew writes a file that is not there yet.
func writeNew(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exitWith(exitConflict, fmt.Errorf("%s is there already: an export never overwrites", path))
	}
	if err != nil {
		return exitWith(exitInvalid, err)
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
