package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project"
)

// OriginFile is the origin of rows that this node's sources file declares.
const OriginFile = "file"

// originSource is the origin of rows that a file inside a source declares.
func originSource(source string) string { return "source/" + source }

// filePeriod is how often the sources file, and what it names, is read again.
const filePeriod = 5 * time.Second

// keepFile keeps what the sources file declares, until ctx ends. A file that
// can't be read changes nothing.
func (r *Reconciler) keepFile(ctx context.Context) {
	tick := time.NewTicker(filePeriod)
	defer tick.Stop()
	var said string
	for {
		text := ""
		if err := r.readFile(ctx); err != nil && ctx.Err() == nil {
			text = err.Error()
		}
		if text != said && text != "" {
			r.log.Error("sources file does not count", "file", r.opt.SourcesFile, "error", text)
		}
		said = text
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *Reconciler) readFile(ctx context.Context) error {
	if snap := r.feed.Snapshot(); snap.Number == 0 || snap.Restored {
		return nil
	}
	data, err := os.ReadFile(r.opt.SourcesFile)
	if err != nil {
		return fmt.Errorf("read sources file: %w", err)
	}
	declared, problems := ParseSources(SourcesInput{
		File: r.opt.SourcesFile, Data: data, Lookup: r.opt.Environ, ReadFile: os.ReadFile,
	})
	if err := refusal(problems); err != nil {
		return err
	}
	return r.declareAll(ctx, OriginFile, declared)
}

// declare takes over the sources that a file in the source declares.
func (k *look) declare(ctx context.Context) {
	path := k.row.Spec.SourcesFile
	if path == "" {
		return
	}
	data, err := k.tree.Read(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("there is no such file in the source")
		}
		k.declared = fmt.Errorf("%s:1:1: %w", path, err)
		return
	}
	declared, problems := ParseSources(SourcesInput{File: path, Data: data, Inside: true})
	if k.declared = refusal(problems); k.declared == nil {
		k.declared = k.declareAll(ctx, originSource(k.source), declared)
	}
}

// declareAll makes the rows of an origin equal to what it declares. What it
// does not declare any more is deleted; its projects go on by hand.
func (r *Reconciler) declareAll(ctx context.Context, origin string, declared Declared) error {
	snap := r.feed.Snapshot()
	var errs []error
	names := map[string]bool{}
	for _, d := range declared.Sources {
		names[d.Spec.Name] = true
		errs = append(errs, r.declareSource(ctx, snap, origin, d))
	}
	for name, row := range snap.Sources.Sorted() {
		if row.Origin == origin && !names[name] {
			_, err := r.store.DeleteSource(ctx, name, row.Version, origin)
			errs = append(errs, passing(err))
		}
	}
	clear(names)
	for _, d := range declared.Notifiers {
		names[d.Spec.Name] = true
		errs = append(errs, r.declareNotifier(ctx, snap, origin, d))
	}
	for name, row := range snap.Notifiers.Sorted() {
		if row.Origin == origin && !names[name] {
			errs = append(errs, passing(r.store.DeleteNotifier(ctx, name, row.Version, origin)))
		}
	}
	return errors.Join(errs...)
}

// passing hides what the next reading finds as it should be: somebody was
// faster.
func passing(err error) error {
	if errors.Is(err, cluster.ErrConflict) || errors.Is(err, cluster.ErrNotFound) {
		return nil
	}
	return err
}

func (r *Reconciler) declareSource(ctx context.Context, snap *cluster.Snapshot, origin string, d DeclaredSource) error {
	write := cluster.SourceWrite{Spec: d.Spec, Secrets: d.Secrets, Origin: origin, Actor: origin}
	if row, there := snap.Sources.Get(d.Spec.Name); there {
		if row.Origin != origin {
			return elsewhere("source", d.Spec.Name, d.At, row.Origin)
		}
		same, err := r.sameSource(ctx, row, d)
		if err != nil || same {
			return passing(err)
		}
		write.Version = row.Version
	}
	_, err := r.store.PutSource(ctx, write)
	r.feed.Hint()
	return passing(err)
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

func (r *Reconciler) declareNotifier(ctx context.Context, snap *cluster.Snapshot, origin string, d DeclaredNotifier) error {
	write := cluster.NotifierWrite{Spec: d.Spec, Secret: d.Secret, Origin: origin, Actor: origin}
	if row, there := snap.Notifiers.Get(d.Spec.Name); there {
		if row.Origin != origin {
			return elsewhere("notifier", d.Spec.Name, d.At, row.Origin)
		}
		same, err := r.sameNotifier(ctx, row, d)
		if err != nil || same {
			return passing(err)
		}
		write.Version = row.Version
	}
	_, err := r.store.PutNotifier(ctx, write)
	return passing(err)
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
	return fmt.Errorf("%s:%d:%d: the %s %s is declared %s already", at.File, at.Line, at.Column, kind, name, who)
}
