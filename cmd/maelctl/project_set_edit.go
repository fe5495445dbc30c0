package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"maelstrom/project"
)

// setInPlace edits the files of the working copy.
func (a *app) setInPlace(opt setOptions) (imagesSet, error) {
	edited, err := a.editImages(opt)
	if err != nil {
		return imagesSet{}, err
	}
	return opt.result(edited), edited.write()
}

func (o *setOptions) result(edited *editedFiles) imagesSet {
	return imagesSet{Project: o.project, Images: o.images, Files: append([]string{}, edited.paths...)}
}

// editedFiles are files before and after an edit; only those that differ.
type editedFiles struct {
	paths         []string
	before, after map[string][]byte
}

func (e *editedFiles) write() error   { return e.put(e.after) }
func (e *editedFiles) restore() error { return e.put(e.before) }

func (e *editedFiles) put(contents map[string][]byte) error {
	for _, path := range e.paths {
		if err := replaceContents(path, contents[path]); err != nil {
			return err
		}
	}
	return nil
}

// replaceContents writes a file whole or not at all, with the mode it has.
func replaceContents(path string, data []byte) error {
	info, err := os.Stat(path)
	if err == nil {
		err = writeWhole(path, data, info.Mode().Perm())
	}
	if err != nil {
		return fmt.Errorf("edit %s: %w", path, err)
	}
	return nil
}

// editImages makes the edits of opt on what lies on the disk now, and checks
// what comes out. Nothing is written.
func (a *app) editImages(opt setOptions) (*editedFiles, error) {
	if opt.files.file == "" {
		path, err := a.findProject(opt)
		if err != nil {
			return nil, err
		}
		opt.files.file = path
	}
	b, err := a.open(opt.files)
	if err != nil {
		return nil, err
	}
	edited := &editedFiles{before: map[string][]byte{b.in.File: b.in.Data}, after: map[string][]byte{}}
	if b.in.OverlayFile != "" {
		edited.before[b.in.OverlayFile] = b.in.OverlayData
	}
	after := b.in
	for _, image := range opt.images {
		if err := opt.edit(&after, image); err != nil {
			return nil, err
		}
	}
	for _, f := range []project.File{{Path: b.in.File, Data: after.Data}, {Path: b.in.OverlayFile, Data: after.OverlayData}} {
		if f.Path != "" && string(f.Data) != string(edited.before[f.Path]) {
			edited.paths = append(edited.paths, f.Path)
			edited.after[f.Path] = f.Data
		}
	}
	return edited, a.checkEdited(opt, after)
}

// edit sets one image where it stands: in the overlay, else in the base.
func (o *setOptions) edit(in *project.Input, image imageEdit) error {
	name := strings.ToLower(image.Component)
	short := strings.TrimPrefix(name, o.project+"_")
	if in.OverlayFile != "" {
		for _, component := range []string{short, project.FullName(o.project, name)} {
			data, err := project.SetImage(in.OverlayData, component, image.Image)
			if err == nil {
				in.OverlayData = data
				return nil
			}
			var refused *project.EditError
			if !errors.As(err, &refused) || !refused.Absent {
				return editFailed(in.OverlayFile, err)
			}
		}
	}
	data, err := project.SetImage(in.Data, project.FullName(o.project, name), image.Image)
	if err != nil && short != name || isAbsent(err) {
		data, err = project.SetImage(in.Data, short, image.Image)
	}
	if err != nil {
		return editFailed(in.File, err)
	}
	in.Data = data
	return nil
}

func isAbsent(err error) bool {
	var refused *project.EditError
	return errors.As(err, &refused) && refused.Absent
}

func editFailed(path string, err error) error {
	var refused *project.EditError
	if errors.As(err, &refused) && refused.Line > 0 {
		err = fmt.Errorf("%s:%w", path, err)
	} else {
		err = fmt.Errorf("%s: %w", path, err)
	}
	if isAbsent(err) {
		return exitWith(exitNotFound, err)
	}
	return exitWith(exitInvalid, err)
}

// checkEdited refuses an edit that leads to nothing that could be applied.
func (a *app) checkEdited(opt setOptions, in project.Input) error {
	loaded := project.Load(in)
	errs, _ := countProblems(loaded.Problems)
	if loaded.Project == nil {
		printProblems(a.stderr, a.errStyle(), loaded.Problems)
		return exitWith(exitInvalid, fmt.Errorf("%s: %s, nothing was written", in.File, plural(errs, "error")))
	}
	if loaded.Project.Name != opt.project {
		return exitWith(exitNotFound, fmt.Errorf("%s is the file of project %s, not of %s", in.File, loaded.Project.Name, opt.project))
	}
	for _, image := range opt.images {
		full := project.FullName(opt.project, image.Component)
		for _, c := range loaded.Project.Components {
			if c.Name == full && c.Image != image.Image {
				return exitWith(exitInvalid, fmt.Errorf("%s: the image of %s would still be %s", in.File, full, c.Image))
			}
		}
	}
	return nil
}
