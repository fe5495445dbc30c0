package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"maelstrom/cluster"
	"maelstrom/project/strict"
)

// filePeriod is how often the sources file, and what it names, is read again.
const filePeriod = 5 * time.Second

// refusedTell bounds how long telling of a refused write may take.
const refusedTell = 5 * time.Second

// everyFilePeriod calls step at once and then again and again until ctx ends,
// or it fails.
func everyFilePeriod(ctx context.Context, step func() error) error {
	tick := time.NewTicker(filePeriod)
	defer tick.Stop()
	for {
		if err := step(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// keepFile keeps what the sources file declares, for one term of the role. A
// file that can't be read changes nothing. Only a lost role is an error.
func (r *Reconciler) keepFile(ctx context.Context, hold cluster.Hold) error {
	var reading steady
	var said string
	return everyFilePeriod(ctx, func() error {
		text := ""
		err := r.declareFile(ctx, hold, &reading)
		switch {
		case errors.Is(err, cluster.ErrFenced):
			return r.refused(ctx, hold, err)
		case err != nil && ctx.Err() == nil:
			text = err.Error()
		}
		if text != said && text != "" {
			r.log.Error("sources file does not count", "file", r.opt.SourcesFile, "error", text)
		}
		said = text
		return nil
	})
}

func (r *Reconciler) declareFile(ctx context.Context, hold cluster.Hold, reading *steady) error {
	if !r.followed() {
		return nil
	}
	data, modified, err := r.readFile()
	if err != nil {
		return err
	}
	declared, err := r.parseFile(data)
	if err != nil {
		return err
	}
	_, err = r.declareAll(ctx, declaration{
		Declared: declared, origin: OriginFile, hold: &hold,
		deletes: reading.read(data, modified, time.Now()),
	})
	return err
}

// followed tells whether the snapshot is that of the database.
func (r *Reconciler) followed() bool {
	snap := r.feed.Snapshot()
	return snap.Number > 0 && !snap.Restored
}

func (r *Reconciler) readFile() (data []byte, modified time.Time, err error) {
	f, err := os.Open(r.opt.SourcesFile)
	if err != nil {
		return nil, modified, fmt.Errorf("read sources file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(f, strict.MaxFile+1))
	}
	if err != nil {
		return nil, modified, fmt.Errorf("read sources file: %w", err)
	}
	return data, info.ModTime(), nil
}

func (r *Reconciler) parseFile(data []byte) (Declared, error) {
	declared, problems := ParseSources(SourcesInput{
		File: r.opt.SourcesFile, Data: data, Lookup: r.opt.Environ, ReadFile: os.ReadFile,
	})
	return declared, firstError(problems)
}

// compareFile says so, once, while the file of this node is not what the
// holder of the role declares: an operator meant them to be the same.
func (r *Reconciler) compareFile(ctx context.Context) {
	var before, said string
	_ = everyFilePeriod(ctx, func() error {
		differs := ""
		if _, held := r.roles.Hold(cluster.RoleSources); !held && r.followed() {
			differs = r.difference()
		}
		if differs != "" && differs == before && differs != said {
			r.log.Warn("sources file differs from what another node declares", "file", r.opt.SourcesFile, "difference", differs)
			said = differs
		}
		if differs == "" {
			said = ""
		}
		before = differs
		return nil
	})
}

// difference is how the file of this node differs from what is stored; empty
// if it does not. Secrets are not compared.
func (r *Reconciler) difference() string {
	data, _, err := r.readFile()
	var declared Declared
	if err == nil {
		declared, err = r.parseFile(data)
	}
	if err != nil {
		return err.Error()
	}
	snap := r.feed.Snapshot()
	written := map[string]any{}
	for _, d := range declared.Sources {
		written["source "+d.Spec.Name] = d.Spec
	}
	for _, d := range declared.Notifiers {
		written["notifier "+d.Spec.Name] = d.Spec
	}
	var list []string
	stored := map[string]bool{}
	compare := func(name, origin string, spec any) {
		stored[name] = true
		if other, there := written[name]; there && (origin != OriginFile || !sameJSON(other, spec)) {
			list = append(list, name+" is another")
		} else if !there && origin == OriginFile {
			list = append(list, name+" is not in it")
		}
	}
	for name, row := range snap.Sources.Sorted() {
		compare("source "+name, row.Origin, row.Spec)
	}
	for name, row := range snap.Notifiers.Sorted() {
		compare("notifier "+name, row.Origin, row.Spec)
	}
	for name := range written {
		if !stored[name] {
			list = append(list, name+" is not declared")
		}
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// refused tells that somebody else has the role in the meantime.
func (r *Reconciler) refused(ctx context.Context, hold cluster.Hold, err error) error {
	r.refusals.Add(1)
	event := cluster.Event{
		Kind: cluster.EventRefusedWrite, Severity: cluster.EventWarning, Node: r.opt.Node,
		Message: "a write was refused: another node holds the role " + hold.Role,
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), refusedTell)
	defer cancel()
	if told := r.store.AddEvents(limited, []cluster.Event{event}); told != nil {
		r.log.Warn("event not stored", "kind", event.Kind, "error", told)
	}
	return fmt.Errorf("declare sources: %w", err)
}

// Refused counts the writes of this node for its sources file that were
// refused because it had lost the role.
func (r *Reconciler) Refused() int64 { return r.refusals.Load() }
