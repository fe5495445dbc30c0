package docker

import (
	"context"
	"fmt"
	"time"

	"maelstrom/runtime"
)

// registryTimeout bounds a question to a registry, which the engine asks.
const registryTimeout = 20 * time.Second

// CheckImage tells whether an image is here, or else at its registry.
func (d *Driver) CheckImage(ctx context.Context, req runtime.PullRequest) error {
	present, err := d.ImagePresent(ctx, req.Image)
	if err != nil || present {
		return err
	}
	auth, err := registryAuth(req)
	if err != nil {
		return err
	}
	err = d.call(ctx, registryTimeout, func(ctx context.Context) error {
		_, err := d.client.DistributionInspect(ctx, req.Image, auth)
		return err
	})
	if err != nil {
		return fmt.Errorf("ask for image %s: %w", req.Image, err)
	}
	return nil
}
