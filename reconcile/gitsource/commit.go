package gitsource

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"

	"maelstrom/cluster"
)

// errNoCommit is the error of a ref that names something else.
var errNoCommit = errors.New("it is no commit")

// readCommit reads a commit, if it is here.
func readCommit(objects storer.EncodedObjectStorer, hash plumbing.Hash) (*object.Commit, error) {
	c, err := object.GetCommit(objects, hash)
	if err == nil {
		return c, nil
	}
	if _, other := objects.EncodedObject(plumbing.AnyObject, hash); other == nil {
		return nil, fmt.Errorf("read %s: %w", hash, errNoCommit)
	}
	return nil, &objectError{err: fmt.Errorf("read commit %s: %w", hash, err)}
}

// describe says of a commit what people want to know.
func describe(c *object.Commit) cluster.Commit {
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	out := cluster.Commit{
		ID: c.Hash.String(), Author: printable(c.Author.Name), Subject: printable(subject),
		Time: c.Committer.When.UTC().Truncate(time.Second), Signature: "none",
	}
	if c.Author.Email != "" {
		out.Author = strings.TrimSpace(out.Author + " <" + printable(c.Author.Email) + ">")
	}
	if c.PGPSignature != "" {
		out.Signature = "unchecked"
	}
	return out
}
