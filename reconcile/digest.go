package reconcile

import (
	"cmp"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"maelstrom/cluster"
)

// digestFormat grows when what a digest covers changes, or when the same files
// are understood otherwise than before: every project is then loaded again.
const digestFormat = 1

// variableRounds make it slow to guess the value of a secret variable from a
// digest. They are spent once for all digests of a Reader.
const variableRounds = 4096

// Digest is what Load would give if it read and looked for just these files;
// empty if the tree can't be asked.
func (r *Reader) Digest(path string, files []string) string {
	if r.settings == "" {
		r.settings = r.settingsDigest()
	}
	text := joined(r.settings, path, joined(r.clashes[path]...))
	for _, file := range files {
		state := r.state(file)
		if state == "" {
			return ""
		}
		text += joined(file, state)
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (r *Reader) settingsDigest() string {
	return joined(fmt.Sprint(digestFormat, r.opt.AllowUnset, r.limits.FileBytes), r.opt.Overlay, r.variablesDigest(),
		string(cmp.Or(r.opt.Prune, cluster.PruneAuto)))
}

func (r *Reader) variablesDigest() string {
	if len(r.opt.Variables) == 0 {
		return ""
	}
	text := ""
	for _, name := range slices.Sorted(maps.Keys(r.opt.Variables)) {
		text += joined(name, r.opt.Variables[name])
	}
	key, err := pbkdf2.Key(sha256.New, text, []byte("maelstrom variables"), variableRounds, sha256.Size)
	if err != nil { // only for sizes that no hash has
		panic(err)
	}
	return string(key)
}

// joined puts texts in a row so that no other texts give the same.
func joined(texts ...string) string {
	var b strings.Builder
	for _, text := range texts {
		fmt.Fprintf(&b, "%d:%s,", len(text), text)
	}
	return b.String()
}

// state is what a load depends on at a path; empty if that can't be told.
func (r *Reader) state(path string) string {
	state, known := r.states[path]
	if !known {
		state = r.lookState(path)
		r.states[path] = state
	}
	return state
}

func (r *Reader) lookState(path string) string {
	entry, err := r.look(path)
	var link *LinkError
	var file *FileError
	switch {
	case err == nil:
		return joined(fmt.Sprint(entry.Kind), entry.ID, entry.Target)
	case errors.As(err, &link):
		return joined("link", link.Link, link.Target)
	case errors.As(err, &file):
		return joined("refused", file.Message)
	case errors.Is(err, fs.ErrNotExist):
		return "none"
	case errors.Is(err, fs.ErrInvalid):
		return joined("refused", err.Error())
	}
	return ""
}
