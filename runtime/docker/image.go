package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/registry"

	"maelstrom/runtime"
)

// pullStall is how long a pull may be silent until it is given up.
const pullStall = 2 * time.Minute

// ImagePresent tells whether an image can be started without a pull.
func (d *Driver) ImagePresent(ctx context.Context, name string) (bool, error) {
	err := d.call(ctx, quickTimeout, func(ctx context.Context) error {
		_, err := d.client.ImageInspect(ctx, name)
		return err
	})
	switch {
	case errors.Is(err, runtime.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for image %s: %w", name, err)
	}
	return true, nil
}

// Pull fetches an image. The credentials of the user that runs the daemon are
// not looked at.
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
	stalled := time.AfterFunc(pullStall, cancel)
	defer stalled.Stop()
	err = d.client.NewVersionError(bounded, "1.24", "pull")
	if err == nil {
		err = d.pullStream(bounded, req.Image, auth, func() { stalled.Reset(pullStall) })
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bounded.Err() != nil:
		return fmt.Errorf("%w: nothing came for %s", runtime.ErrPull, pullStall)
	}
	if classified := classify(err); errors.Is(classified, runtime.ErrEngineDown) {
		return classified
	}
	return as(runtime.ErrPull, err)
}

// registryAuth encodes the credentials of a request as engines want them.
func registryAuth(req runtime.PullRequest) (string, error) {
	if req.Username == "" && req.Password == "" {
		return "", nil
	}
	auth, err := registry.EncodeAuthConfig(registry.AuthConfig{Username: req.Username, Password: req.Password})
	if err != nil {
		return "", fmt.Errorf("%w: credentials: %s", runtime.ErrPull, err)
	}
	return auth, nil
}

// pullStream pulls and reads the progress to its end: the pull lasts as long
// as its stream, and most errors are told in it.
func (d *Driver) pullStream(ctx context.Context, name, auth string, progress func()) error {
	stream, err := d.client.ImagePull(ctx, name, image.PullOptions{RegistryAuth: auth})
	if err != nil {
		return err
	}
	defer stream.Close()
	return readPull(stream, progress)
}

func readPull(stream io.Reader, progress func()) error {
	messages := json.NewDecoder(stream)
	for {
		var message struct {
			Error string `json:"error"`
		}
		switch err := messages.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case message.Error != "":
			return errors.New(message.Error)
		}
		progress()
	}
}
