package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"maelstrom/runtime"
)

// ImagePresent tells whether an image can be started without a pull.
func (d *Driver) ImagePresent(ctx context.Context, name string) (bool, error) {
	_, err := d.Image(ctx, name)
	switch {
	case errors.Is(err, runtime.ErrImageMissing):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for image %s: %w", name, err)
	}
	return true, nil
}

// Pull fetches an image. The engine asks the registry, so the credentials of
// whoever runs the engine's client count for nothing.
func (d *Driver) Pull(ctx context.Context, req runtime.PullRequest) error {
	if err := d.pull(ctx, req); err != nil {
		return fmt.Errorf("pull %s: %w", req.Image, err)
	}
	return nil
}

func (d *Driver) pull(ctx context.Context, req runtime.PullRequest) error {
	auth, err := registryAuth(req)
	if err != nil {
		return err
	}
	bounded, cancel := context.WithCancel(ctx)
	defer cancel()
	patience := d.patience(registrySilence)
	silent := time.AfterFunc(patience, cancel)
	defer silent.Stop()
	err = d.client.NewVersionError(bounded, "1.24", "pull")
	if err == nil {
		err = d.pullStream(bounded, req, auth, func(percent int, next time.Duration) {
			patience = d.patience(next)
			silent.Reset(patience)
			if req.Progress != nil {
				req.Progress(percent)
			}
		})
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bounded.Err() != nil:
		return fmt.Errorf("%w: nothing came from the registry for %s", runtime.ErrPull, patience)
	}
	if classified := classify(err); errors.Is(classified, runtime.ErrEngineDown) {
		return classified
	}
	return as(runtime.ErrPull, err)
}

// patience is the time for a step of a pull, as the options say.
func (d *Driver) patience(step time.Duration) time.Duration {
	if step == registrySilence && d.opt.RegistrySilence > 0 {
		return d.opt.RegistrySilence
	}
	return step
}

// registryAuth encodes the credentials of a request as engines want them.
func registryAuth(req runtime.PullRequest) (string, error) {
	if req.Username == "" && req.Password == "" && req.Token == "" {
		return "", nil
	}
	auth, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: req.Username, Password: req.Password, IdentityToken: req.Token})
	if err != nil {
		return "", fmt.Errorf("%w: credentials: %s", runtime.ErrPull, err)
	}
	return auth, nil
}

func (d *Driver) pullStream(ctx context.Context, req runtime.PullRequest, auth string, step func(int, time.Duration)) error {
	stream, err := d.client.ImagePull(ctx, req.Image, image.PullOptions{RegistryAuth: auth})
	if err != nil {
		return err
	}
	defer stream.Close()
	return readPull(stream, step)
}
