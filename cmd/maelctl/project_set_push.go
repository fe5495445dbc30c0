package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"
)

const (
	pushTries = 5
	pushPause = 200 * time.Millisecond // at most, before the second try; doubled for each further one
)

// setAndCommit edits, commits and pushes. Whatever goes wrong, the branch and
// the files are as they were.
func (a *app) setAndCommit(ctx context.Context, opt setOptions) (imagesSet, error) {
	dir := "."
	if opt.files.file != "" {
		dir = filepath.Dir(opt.files.file)
	}
	clone, err := openClone(ctx, dir)
	if err != nil {
		return imagesSet{}, err
	}
	s := setter{app: a, opt: opt, clone: clone}
	if opt.push {
		if s.to, err = clone.upstream(ctx, opt.remote, opt.branch); err != nil {
			return imagesSet{}, err
		}
	}
	start, err := clone.head(ctx)
	if err != nil {
		return imagesSet{}, exitWith(exitInvalid, err)
	}
	if !opt.push {
		if err := clone.refuseDetached(ctx); err != nil {
			return imagesSet{}, err
		}
		_, err = s.commit(ctx)
		return s.result, err
	}
	if err := s.pushOnto(ctx); err != nil {
		// Also after an interrupt the clone is left in order.
		return imagesSet{}, errors.Join(err, clone.reset(context.WithoutCancel(ctx), start))
	}
	return s.result, nil
}

// setter is one `project set --commit` under way.
type setter struct {
	app    *app
	opt    setOptions
	clone  *gitClone
	to     upstream
	result imagesSet
}

// commit edits the files as they are now and commits them; false if there is
// nothing to change.
func (s *setter) commit(ctx context.Context) (changed bool, err error) {
	edited, err := s.app.editImages(s.opt)
	if err != nil {
		return false, err
	}
	s.result = s.opt.result(edited)
	if len(edited.paths) == 0 {
		return false, nil
	}
	paths, err := s.clone.inside(edited.paths)
	if err != nil {
		return false, err
	}
	if err := s.clone.refuseChanged(ctx, paths); err != nil {
		return false, err
	}
	if err := edited.write(); err != nil {
		return false, err
	}
	if s.result.Commit, err = s.clone.commit(ctx, s.message(), paths); err != nil {
		return false, errors.Join(err, edited.restore())
	}
	return true, nil
}

// pushOnto commits on top of the branch, again as long as others are faster.
func (s *setter) pushOnto(ctx context.Context) error {
	for try := 1; ; try++ {
		before, err := s.clone.head(ctx)
		if err != nil {
			return err
		}
		changed, err := s.commit(ctx)
		if err != nil {
			return err
		}
		if !changed {
			done, err := s.catchUp(ctx, before)
			if err == nil && !done && try == pushTries {
				err = exitWith(exitConflict, fmt.Errorf("others were faster %d times", try))
			}
			if done || err != nil {
				return err
			}
			continue // look again on top of what was fetched
		}
		overtaken, err := s.clone.push(ctx, s.to)
		switch {
		case err == nil:
			s.result.Pushed = true
			return nil
		case !overtaken:
			return exitWith(exitConflict, err)
		case try == pushTries:
			return exitWith(exitConflict, fmt.Errorf("others were faster %d times: %w", try, err))
		}
		if err := s.moveOn(ctx, before, try); err != nil {
			return err
		}
	}
}

// moveOn takes the commit back and goes to the tip that others have pushed.
func (s *setter) moveOn(ctx context.Context, before string, try int) error {
	if err := s.clone.reset(ctx, before); err != nil {
		return err
	}
	timer := time.NewTimer(rand.N(pushPause << (try - 1)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	tip, err := s.clone.fetch(ctx, s.to)
	if err != nil {
		return err
	}
	return s.clone.moveTo(ctx, tip)
}

// catchUp looks whether the branch has the images as well that are set here
// already. If it lacks commits of this clone, these are pushed.
func (s *setter) catchUp(ctx context.Context, head string) (done bool, err error) {
	tip, err := s.clone.fetch(ctx, s.to)
	if err != nil {
		return false, err
	}
	switch {
	case tip == head:
		return true, nil
	case s.clone.isAncestor(ctx, tip, head):
		overtaken, err := s.clone.push(ctx, s.to)
		s.result.Pushed = err == nil
		if overtaken {
			return false, nil
		}
		return true, err
	}
	return false, s.clone.moveTo(ctx, tip)
}

// message is what the commit says of itself.
func (s *setter) message() string {
	text := s.opt.message
	if text == "" {
		var parts []string
		for _, image := range s.opt.images {
			parts = append(parts, image.Component+" to "+image.Image)
		}
		text = fmt.Sprintf("%s: Set %s", s.opt.project, strings.Join(parts, ", "))
	}
	if s.opt.skipCI {
		text += " [skip ci]"
	}
	return text
}
