package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// note adds what an apply did to the history of its project.
func (a *apply) note(ctx context.Context, t *tx, row *cluster.ProjectRow) error {
	r := cluster.Revision{
		Project: row.Name, Number: row.Revision, Kind: a.kind(), Actor: a.Actor, Source: a.Source,
		SourceRevision: a.SourceRevision, Commit: a.Commit, RequestID: a.RequestID,
		Summary: a.write.Summary, Reason: a.Reason,
	}
	if !a.Began.IsZero() {
		r.Seconds = max(0, time.Since(a.Began).Seconds())
	}
	if content := a.write.Content; content != nil && !a.write.RemoveProject {
		var err error
		if r.Digest, err = t.addContent(ctx, content); err != nil {
			return fmt.Errorf("keep content: %w", err)
		}
	}
	return t.addRevision(ctx, r, a.result)
}

func (a *apply) kind() cluster.RevisionKind {
	switch {
	case a.Kind != "":
		return a.Kind
	case a.write.RemoveProject:
		return cluster.RevisionRemove
	}
	return cluster.RevisionApply
}

// addContent keeps what a project is like and returns the digest that it is
// found by. The same content is kept once; whoever adds one holds the lock on
// the project's row.
func (t *tx) addContent(ctx context.Context, content *project.Project) (string, error) {
	body, err := encode(content)
	if err != nil {
		return "", err
	}
	sum := digest(body)
	var n int
	if err := t.row(ctx, `select count(*) from mael_content where project = ? and digest = ?`, content.Name, sum).Scan(&n); err != nil || n > 0 {
		return sum, err
	}
	packed, err := pack(body)
	if err != nil {
		return "", err
	}
	return sum, t.insert(ctx, "mael_content", []string{"project", "digest", "body"}, [][]any{{content.Name, sum, packed}})
}

// content returns what was kept by a digest; nil if nothing was.
func (t *tx) content(ctx context.Context, name, sum string) (*project.Project, error) {
	var packed string
	err := t.row(ctx, `select body from mael_content where project = ? and digest = ?`, name, sum).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	body, err := unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("unpack content: %w", err)
	}
	content := &project.Project{}
	return content, decode(body, content)
}

// lastDigest is that of the content that a project has now; empty if it was
// not kept.
func (t *tx) lastDigest(ctx context.Context, name string) (sum string, err error) {
	err = t.row(ctx, `select digest from mael_revision where project = ? order by number desc limit 1`, name).Scan(&sum)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return sum, err
}

// pack makes a text a tenth as long: the components of a project resemble each
// other, and a statement has a longest length.
func pack(body string) (string, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, body); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

func unpack(packed string) (string, error) {
	data, err := base64.StdEncoding.DecodeString(packed)
	if err != nil {
		return "", err
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(r)
	return string(body), err
}
