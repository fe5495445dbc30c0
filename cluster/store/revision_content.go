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
	"sync"
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
	if a.content.digest != "" {
		r.Digest = a.content.digest
		if err := t.addContent(ctx, row.Name, a.content); err != nil {
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

// packedContent is what a project is like, as it is kept. The zero value is
// nothing to keep.
type packedContent struct{ digest, body string }

// packContent does what takes long, before the transaction.
func packContent(content *project.Project) (packedContent, error) {
	text, err := encode(content)
	if err != nil {
		return packedContent{}, fmt.Errorf("encode content: %w", err)
	}
	body, err := pack(text)
	if err != nil {
		return packedContent{}, fmt.Errorf("pack content: %w", err)
	}
	return packedContent{digest(text), body}, nil
}

// addContent keeps what a project is like. The same content is kept once;
// whoever adds one holds the lock on the project's row.
func (t *tx) addContent(ctx context.Context, name string, content packedContent) error {
	var n int
	err := t.row(ctx, `select count(*) from mael_content where project = ? and digest = ?`, name, content.digest).Scan(&n)
	if err != nil || n > 0 {
		return err
	}
	return t.insert(ctx, "mael_content", []string{"project", "digest", "body"}, [][]any{{name, content.digest, content.body}})
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

// packers are kept for their tables, of which a new one has nearly a megabyte.
var packers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// pack makes a text a tenth as long: the components of a project resemble each
// other, and a statement has a longest length.
func pack(body string) (string, error) {
	var out bytes.Buffer
	w := packers.Get().(*gzip.Writer)
	defer packers.Put(w)
	w.Reset(&out)
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
