package reconcile

import (
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// ClaimProject is the kind of claim that a project has on its own name, as
// Judge asks for it: the key is the name, and its owner the path of the file
// that declared it last, empty where it is not a file of this source.
const ClaimProject cluster.ClaimKind = "project"

// Verdict is why a file's project may not be applied.
type Verdict struct {
	Reason   cluster.ConditionReason
	Problems []project.Problem
}

// Owner answers which project owns a name or route, and since when.
type Owner = func(kind cluster.ClaimKind, key string) (project string, since time.Time, ok bool)

// Judge finds the files that can't be applied because of others, by path. It
// depends on nothing but its arguments, and not on the order of files.
func Judge(files []File, owner Owner) map[string]Verdict { return nil }
