package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// OriginFile is the origin of rows that this node's sources file declares.
const OriginFile = "file"

// originSource is the origin of rows that a file inside a source declares.
func originSource(source string) string { return "source/" + source }

// declare takes over the sources that a file in the source declares. Only a
// lost role is an error; what else is wrong is told of the source.
func (k *look) declare(ctx context.Context) error {
	path := k.row.Spec.SourcesFile
	if path == "" {
		return nil
	}
	data, modified, err := k.declaring(path)
	if err != nil {
		k.declared = fmt.Errorf("%s:1:1: %w", path, err)
		return nil
	}
	declared, problems := ParseSources(SourcesInput{File: path, Data: data, Inside: true})
	if k.declared = firstError(problems); k.declared != nil {
		return nil
	}
	// A revision that a user asked for is looked at once: what it lacks would
	// be declared again by the look after.
	once := k.request() != nil && k.request().Revision != ""
	deletes := k.loop.declaring.read(data, modified, time.Now())
	waits, err := k.declareAll(ctx, declaration{
		Declared: declared, origin: originSource(k.source), hold: &k.hold, deletes: deletes && !once,
	})
	if errors.Is(err, cluster.ErrFenced) {
		return err
	}
	k.declared = err
	k.young = k.young || waits && !once
	return nil
}

func (k *look) declaring(path string) (data []byte, modified time.Time, err error) {
	if entry, err := k.tree.Lookup(path); err == nil {
		modified = entry.Modified
	}
	data, err = k.tree.Read(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("there is no such file in the source")
	}
	return data, modified, err
}

// declaration is what one file declares.
type declaration struct {
	Declared
	origin  string
	hold    *cluster.Hold
	deletes bool // what is not declared any more may go
}

// declareAll makes the rows of an origin equal to what it declares. What it
// does not declare any more is deleted; its projects go on by hand, and are
// its again if it comes back. It tells whether deletions wait.
func (r *Reconciler) declareAll(ctx context.Context, d declaration) (waits bool, err error) {
	snap := r.feed.Snapshot()
	var errs []error
	step := func(err error) {
		if !errors.Is(err, cluster.ErrConflict) && !errors.Is(err, cluster.ErrNotFound) { // somebody was faster: the next reading finds that
			errs = append(errs, err)
		}
	}
	lost := func() bool { return errors.Is(errors.Join(errs...), cluster.ErrFenced) }
	names := map[string]bool{}
	for _, s := range d.Sources {
		names["source "+s.Spec.Name] = true
		if !lost() {
			step(r.declareSource(ctx, snap, d, s))
		}
	}
	for _, n := range d.Notifiers {
		names["notifier "+n.Spec.Name] = true
		if !lost() {
			step(r.declareNotifier(ctx, snap, d, n))
		}
	}
	for name, row := range snap.Sources.Sorted() {
		if row.Origin == d.origin && !names["source "+name] && !lost() {
			if waits = waits || !d.deletes; d.deletes {
				_, err := r.store.DeleteSource(ctx, d.deletion(name, row.Version))
				step(err)
			}
		}
	}
	for name, row := range snap.Notifiers.Sorted() {
		if row.Origin == d.origin && !names["notifier "+name] && !lost() {
			if waits = waits || !d.deletes; d.deletes {
				step(r.store.DeleteNotifier(ctx, d.deletion(name, row.Version)))
			}
		}
	}
	return waits, errors.Join(errs...)
}

func (d *declaration) deletion(name string, version int64) cluster.Deletion {
	return cluster.Deletion{Name: name, Version: version, Actor: d.origin, Hold: d.hold, Undeclared: true}
}

func (r *Reconciler) declareSource(ctx context.Context, snap *cluster.Snapshot, by declaration, d DeclaredSource) error {
	write := cluster.SourceWrite{Spec: d.Spec, Secrets: d.Secrets, Origin: by.origin, Actor: by.origin, Hold: by.hold}
	if row, there := snap.Sources.Get(d.Spec.Name); there {
		if row.Origin != by.origin {
			return elsewhere("source", d.Spec.Name, d.At, row.Origin)
		}
		same, err := r.sameSource(ctx, row, d)
		if err != nil || same {
			return err
		}
		if err := keepsSecrets(row, d); err != nil {
			return err
		}
		write.Version = row.Version
	}
	_, err := r.store.PutSource(ctx, write)
	r.feed.Hint()
	return err
}

// keepsSecrets refuses a change by which stored secrets would get to others
// than those they were given for: who may write the file need not know them.
func keepsSecrets(row *cluster.SourceRow, d DeclaredSource) error {
	if d.Secrets != nil {
		return nil
	}
	escapes := cluster.SourceEscapes(row.Spec, d.Spec, row.Secrets)
	if len(escapes) == 0 {
		return nil
	}
	clear := ""
	for _, e := range escapes {
		clear += " --clear-secret " + e.Secret
	}
	return refusedAt(d.At, fmt.Sprintf("source %s stays as it is: %s; clear it by maelctl source set %s%s, and set it again after",
		d.Spec.Name, escapes[0].Message, d.Spec.Name, clear))
}

func (r *Reconciler) sameSource(ctx context.Context, row *cluster.SourceRow, d DeclaredSource) (bool, error) {
	if !sameJSON(row.Spec, d.Spec) {
		return false, nil
	}
	if d.Secrets == nil {
		return true, nil
	}
	stored, err := r.store.SourceSecrets(ctx, row.Spec.Name)
	return sameJSON(&stored, d.Secrets), err
}

func (r *Reconciler) declareNotifier(ctx context.Context, snap *cluster.Snapshot, by declaration, d DeclaredNotifier) error {
	write := cluster.NotifierWrite{Spec: d.Spec, Secret: d.Secret, Origin: by.origin, Actor: by.origin, Hold: by.hold}
	if row, there := snap.Notifiers.Get(d.Spec.Name); there {
		if row.Origin != by.origin {
			return elsewhere("notifier", d.Spec.Name, d.At, row.Origin)
		}
		same, err := r.sameNotifier(ctx, row, d)
		if err != nil || same {
			return err
		}
		if d.Secret == nil && row.HasSecret && cluster.NotifierEscapes(row.Spec, d.Spec) {
			return refusedAt(d.At, fmt.Sprintf("notifier %s stays as it is: its token would be sent to another server; clear it by maelctl notifier set, and set it again after", d.Spec.Name))
		}
		write.Version = row.Version
	}
	_, err := r.store.PutNotifier(ctx, write)
	return err
}

func (r *Reconciler) sameNotifier(ctx context.Context, row *cluster.NotifierRow, d DeclaredNotifier) (bool, error) {
	if !sameJSON(row.Spec, d.Spec) {
		return false, nil
	}
	if d.Secret == nil {
		return true, nil
	}
	stored, err := r.store.NotifierSecret(ctx, row.Spec.Name)
	return stored == *d.Secret, err
}

// elsewhere is the error of what is declared at two places.
func elsewhere(kind, name string, at project.Position, origin string) error {
	who := "by a user"
	switch {
	case origin == OriginFile:
		who = "by the sources file of a node"
	case strings.HasPrefix(origin, originSource("")):
		who = "in source " + strings.TrimPrefix(origin, originSource(""))
	}
	return refusedAt(at, fmt.Sprintf("the %s %s is declared %s already", kind, name, who))
}

func refusedAt(at project.Position, message string) error {
	return fmt.Errorf("%s:%d:%d: %s", at.File, at.Line, at.Column, message)
}
