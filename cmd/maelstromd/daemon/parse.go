package daemon

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"maelstrom/project"
)

// ParseOptions reads the command line and the environment; a flag counts
// before the envfile of -f, the envfile before the environment. All mistakes
// are returned at once; warnings are settings that have no effect. Usage goes
// to output; -h returns flag.ErrHelp.
func ParseOptions(args []string, output io.Writer) (opt Options, warnings []string, err error) {
	settings := Settings()
	flags := flag.NewFlagSet("maelstromd", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.Usage = func() { usage(output, settings) }
	envFile := flags.String("f", "", "file of MAEL_ variables")
	given := map[string]string{}
	for _, s := range settings {
		flags.Func(s.Flag(), s.Usage, func(value string) error {
			given[s.Variable()] = value
			return nil
		})
	}
	if err := flags.Parse(args); err != nil {
		return Options{}, nil, err
	}
	if flags.NArg() > 0 {
		return Options{}, nil, fmt.Errorf("unexpected argument %q: see maelstromd -h", flags.Arg(0))
	}
	values := environ()
	if *envFile != "" {
		fromFile, err := readEnvFile(*envFile)
		if err != nil {
			return Options{}, nil, err
		}
		maps.Copy(values, fromFile)
	}
	maps.Copy(values, given)
	return applySettings(settings, values)
}

func applySettings(settings []Setting, values map[string]string) (Options, []string, error) {
	opt := DefaultOptions()
	var warnings []string
	var errs []error
	known := map[string]bool{}
	for _, s := range settings {
		known[s.Variable()] = true
		value, ok := values[s.Variable()]
		if !ok || value == "" {
			continue
		}
		if err := s.set(&opt, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Variable(), err))
			continue
		}
		if s.Unused != "" {
			warnings = append(warnings, fmt.Sprintf("%s has no effect: %s", s.Variable(), s.Unused))
		}
	}
	if values["LETSENCRYPT_EMAIL"] != "" {
		warnings = append(warnings, "LETSENCRYPT_EMAIL has no effect: HTTPS is not served yet")
	}
	warnings = append(warnings, unknownVariables(values, known)...)
	if err := opt.Validate(); err != nil {
		errs = append(errs, err)
	}
	return opt, warnings, errors.Join(errs...)
}

// unknownVariables names MAEL_ variables that nobody reads: most often a
// spelling without its underscores.
func unknownVariables(values map[string]string, known map[string]bool) []string {
	bare := map[string]string{}
	for name := range known {
		bare[strings.ReplaceAll(name, "_", "")] = name
	}
	// maelctl's own variables carry another prefix, so every MAEL_ is ours.
	var warnings []string
	for _, name := range sortedKeys(values) {
		if !strings.HasPrefix(name, "MAEL_") || known[name] {
			continue
		}
		warning := name + " is not a setting and has no effect"
		if near, ok := bare[strings.ReplaceAll(name, "_", "")]; ok {
			warning += ": did you mean " + near + "?"
		}
		warnings = append(warnings, warning)
	}
	return warnings
}

func readEnvFile(path string) (map[string]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read envfile: %w", err)
	}
	vars, err := project.ParseEnv(data)
	if err != nil {
		return nil, fmt.Errorf("read envfile %s: %w", path, err)
	}
	values := map[string]string{}
	for _, v := range vars {
		values[v.Name] = v.Value
	}
	return values, nil
}

func usage(w io.Writer, settings []Setting) {
	fmt.Fprint(w, `maelstromd routes HTTP requests to containers that it starts and stops.

Usage:
  maelstromd [-f envfile] [flags]
  maelstromd check [-f envfile] [flags]    tell whether it could serve so
  maelstromd version

Each flag can be given as a variable too, in the environment or in the envfile:
--public-port=8080 is MAEL_PUBLIC_PORT=8080. A flag counts before the envfile,
the envfile before the environment.

Flags:
  -f FILE
        file of MAEL_ variables
`)
	for _, s := range settings {
		if s.Unused == "" {
			fmt.Fprintf(w, "  --%s\n        %s (default: %s)\n", s.Flag(), s.Usage, s.Default)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
