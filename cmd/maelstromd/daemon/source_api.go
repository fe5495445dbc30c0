package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"maelstrom/cluster"
	"maelstrom/cluster/rpc"
	"maelstrom/project"
	"maelstrom/reconcile"
	"maelstrom/reconcile/filesource"
)

// PutSource is refused once the node moves.
func (s declaredStore) PutSource(ctx context.Context, w cluster.SourceWrite) (*cluster.SourceRow, error) {
	done, err := s.gate.enter()
	if err != nil {
		return nil, err
	}
	defer done()
	return s.Store.PutSource(ctx, w)
}

// DeleteSource is refused once the node moves.
func (s declaredStore) DeleteSource(ctx context.Context, d cluster.Deletion) (int64, error) {
	done, err := s.gate.enter()
	if err != nil {
		return 0, err
	}
	defer done()
	return s.Store.DeleteSource(ctx, d)
}

// PutControl is refused once the node moves.
func (s declaredStore) PutControl(ctx context.Context, row cluster.ControlRow, hold *cluster.Hold, events ...cluster.Event) (cluster.ControlRow, error) {
	done, err := s.gate.enter()
	if err != nil {
		return cluster.ControlRow{}, err
	}
	defer done()
	return s.Store.PutControl(ctx, row, hold, events...)
}

// PutNotifier is refused once the node moves.
func (s declaredStore) PutNotifier(ctx context.Context, w cluster.NotifierWrite) (*cluster.NotifierRow, error) {
	done, err := s.gate.enter()
	if err != nil {
		return nil, err
	}
	defer done()
	return s.Store.PutNotifier(ctx, w)
}

// DeleteNotifier is refused once the node moves.
func (s declaredStore) DeleteNotifier(ctx context.Context, d cluster.Deletion) error {
	done, err := s.gate.enter()
	if err != nil {
		return err
	}
	defer done()
	return s.Store.DeleteNotifier(ctx, d)
}

// probe tries sources and notifiers for the API.
type probe struct {
	open reconcile.OpenOrigin
	send func(ctx context.Context, spec *cluster.Notifier, secret string) (outcome string, err error)
}

// openOrigin opens where the files of a source are.
func (d *Daemon) openOrigin(spec *cluster.Source, secrets cluster.SourceSecrets) (reconcile.Origin, error) {
	if spec.Git == nil {
		return filesource.Open(spec.Dir, filesource.Options{Limits: spec.Limits, Logger: d.log.With("source", spec.Name)})
	}
	return d.repositories.Open(spec, secrets)
}

// TestSource implements rpc.Probe.
func (p probe) TestSource(ctx context.Context, spec *cluster.Source, secrets cluster.SourceSecrets) (rpc.TestSourceAnswer, error) {
	answer := rpc.TestSourceAnswer{Files: []rpc.TestedFile{}, Problems: []project.Problem{}}
	if err := p.look(ctx, spec, secrets, &answer); err != nil {
		var known *reconcile.OriginError
		if !errors.As(err, &known) {
			return answer, err
		}
		answer.Reason, answer.Message = known.Reason, known.Error()
	}
	return answer, nil
}

func (p probe) look(ctx context.Context, spec *cluster.Source, secrets cluster.SourceSecrets, answer *rpc.TestSourceAnswer) error {
	origin, err := p.open(spec, secrets)
	if err != nil {
		return err
	}
	defer origin.Close()
	resolved, err := origin.Resolve(ctx)
	if err != nil {
		return err
	}
	answer.Revision, answer.Ref = resolved.Revision, resolved.Ref
	fetched, err := origin.Fetch(ctx, resolved.Revision, "")
	if err != nil {
		return err
	}
	answer.Fetched, answer.Commit = true, fetched.Commit
	return readTree(ctx, fetched.Tree, readOptions(spec, secrets), answer)
}

// readOptions are how the loop reads a source.
func readOptions(spec *cluster.Source, secrets cluster.SourceSecrets) reconcile.ReadOptions {
	variables := map[string]string{}
	for _, list := range []map[string]string{spec.Variables, secrets.Variables} {
		for name, value := range list {
			variables[name] = value
		}
	}
	return reconcile.ReadOptions{
		Paths: spec.Paths, Exclude: spec.Exclude, Overlay: spec.Overlay,
		Variables: variables, AllowUnset: spec.AllowUnset, Limits: spec.Limits,
	}
}

// readTree loads every project file of a tree and judges them beside each
// other. It knows nothing of what is stored.
func readTree(ctx context.Context, tree reconcile.Tree, opt reconcile.ReadOptions, answer *rpc.TestSourceAnswer) error {
	reader := reconcile.NewReader(tree, opt)
	paths, err := reader.Projects()
	if err != nil {
		return err
	}
	files := make([]reconcile.File, 0, len(paths))
	for _, path := range paths {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		files = append(files, reader.Load(path))
	}
	verdicts := reconcile.Judge(files, nobody)
	for _, f := range files {
		answer.Problems = append(answer.Problems, f.Loaded.Problems...)
		tested := rpc.TestedFile{Path: f.Path}
		if desired := f.Loaded.Project; desired != nil {
			tested.Project, tested.Components = desired.Name, len(desired.Components)
			verdict, blocked := verdicts[f.Path]
			tested.Valid = !blocked
			for _, problem := range verdict.Problems {
				if !slices.Contains(answer.Problems, problem) {
					answer.Problems = append(answer.Problems, problem)
				}
			}
		}
		answer.Files = append(answer.Files, tested)
	}
	return nil
}

// nobody owns anything, as far as a look at one source alone goes.
func nobody(cluster.ClaimKind, string) (string, time.Time, bool) { return "", time.Time{}, false }

// TestNotifier implements rpc.Probe.
func (p probe) TestNotifier(ctx context.Context, spec *cluster.Notifier, secret string) (rpc.TestNotifierAnswer, error) {
	message, err := p.send(ctx, spec, secret)
	if err != nil {
		return rpc.TestNotifierAnswer{Message: err.Error()}, nil
	}
	return rpc.TestNotifierAnswer{Delivered: true, Message: message}, nil
}
