package fake

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"maelstrom/runtime"
)

// idOf is the id of an image: its script's, else one made from its name.
func (i *Image) idOf(name string) string {
	if i.ID != "" {
		return i.ID
	}
	return "sha256:" + name
}

func (i *Image) digests(name string) []string {
	if i.Digest == "" {
		return nil
	}
	return []string{name + "@" + i.Digest}
}

// Image implements runtime.ImageStore.
func (d *Driver) Image(ctx context.Context, name string) (runtime.Image, error) {
	images, err := d.Images(ctx)
	if err != nil {
		return runtime.Image{}, err
	}
	for _, i := range images {
		if i.ID == name || slices.Contains(i.Names, name) {
			return i, nil
		}
	}
	return runtime.Image{}, fmt.Errorf("%w: %s", runtime.ErrImageMissing, name)
}

// ImageDetails implements runtime.ImageInspector.
func (d *Driver) ImageDetails(ctx context.Context, id string) (runtime.ImageDetails, error) {
	e := d.engine
	if err := e.enter(ctx); err != nil {
		return runtime.ImageDetails{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for name, i := range e.images {
		if e.present[name] && (name == id || i.idOf(name) == id) {
			return runtime.ImageDetails{Exposed: i.Exposed, OS: "linux", Architecture: i.Architecture}, nil
		}
	}
	return runtime.ImageDetails{}, fmt.Errorf("%w: %s", runtime.ErrImageMissing, id)
}

// Images implements runtime.ImageStore. An image that lost its name to
// another one stays, without any.
func (d *Driver) Images(ctx context.Context) ([]runtime.Image, error) {
	e := d.engine
	if err := e.enter(ctx); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var images []runtime.Image
	for name := range e.present {
		if i := e.images[name]; e.present[name] {
			images = append(images, runtime.Image{
				ID: i.idOf(name), Names: []string{name}, Digests: i.digests(name), SizeBytes: i.SizeBytes, InUse: e.usedLocked(i.idOf(name)),
			})
		}
	}
	for _, id := range e.nameless {
		images = append(images, runtime.Image{ID: id, InUse: e.usedLocked(id)})
	}
	slices.SortFunc(images, func(a, b runtime.Image) int { return slices.Compare([]string{a.ID}, []string{b.ID}) })
	return images, nil
}

func (e *Engine) usedLocked(id string) bool {
	for _, c := range e.containers {
		if c.image.idOf(c.spec.Component.Image) == id {
			return true
		}
	}
	return false
}

// RemoveImage implements runtime.ImageStore.
func (d *Driver) RemoveImage(ctx context.Context, name string) error {
	e := d.engine
	if err := e.enter(ctx); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	id := name
	if e.present[name] {
		id = e.images[name].idOf(name)
	}
	if e.usedLocked(id) {
		return fmt.Errorf("image %s is being used by a container", name)
	}
	e.nameless = slices.DeleteFunc(e.nameless, func(i string) bool { return i == name })
	if e.present[name] {
		e.present[name] = false
		e.notifyLocked()
	}
	return nil
}

// WatchImages implements runtime.ImageStore.
func (d *Driver) WatchImages(ctx context.Context) <-chan struct{} { return d.engine.watch(ctx) }

// DataRoot implements runtime.ImageStore.
func (d *Driver) DataRoot(context.Context) (string, error) { return d.opt.DataRoot, nil }

// VolumeNames implements runtime.VolumeLister.
func (d *Driver) VolumeNames(ctx context.Context) ([]string, error) {
	if err := d.engine.enter(ctx); err != nil {
		return nil, err
	}
	d.engine.mu.Lock()
	defer d.engine.mu.Unlock()
	return slices.Sorted(maps.Keys(d.engine.volumes)), nil
}
