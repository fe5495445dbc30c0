package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
)

// runs is what the containers of a component run: the digests that registries
// know, else the ids of images.
func runs(c rpc.Component) string {
	var all []string
	for _, i := range c.Images {
		all = append(all, shortDigest(cmp.Or(i.Digest, i.ID)))
	}
	return strings.Join(all, ",")
}

func shortDigest(digest string) string { return shortID(strings.TrimPrefix(digest, "sha256:")) }

// printComponents prints a row a component and, below the table, which of them
// run something else than their image's name stands for.
func printComponents(w io.Writer, a *app, components []rpc.Component) error {
	if err := componentTable(a, components).write(w); err != nil {
		return err
	}
	for _, c := range components {
		for _, i := range c.Images {
			if i.Now != "" {
				fmt.Fprintf(w, "\n%s %s is image %s by now, %s: `maelctl comp restart %s` takes the newer one\n",
					a.outStyle().bold(c.Name+":"), c.Image, shortDigest(i.Now), stillRun(i), c.Name)
			}
		}
	}
	return nil
}

func stillRun(i rpc.RunningImage) string {
	if i.Instances == 1 {
		return "1 container still runs " + shortDigest(i.ID)
	}
	return fmt.Sprintf("%d containers still run %s", i.Instances, shortDigest(i.ID))
}

// stateText is an instance's state, with the progress of a pull and the health
// checks that fail, or that it has no row.
func stateText(i rpc.Instance) string {
	if i.Suspect {
		return fmt.Sprintf("%s, suspect (%s)", i.State, plural(i.FailedChecks, "failed check"))
	}
	if i.Provisional {
		return i.State + ", provisional"
	}
	if i.State == string(cluster.InstancePulling) && i.PullPercent > 0 {
		return fmt.Sprintf("%s %d %%", i.State, i.PullPercent)
	}
	return i.State
}
