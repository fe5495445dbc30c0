package rpc

import (
	"context"
	"time"
)

// testTimeout bounds a try of a source: it may fetch much.
const testTimeout = 5 * time.Minute

// PutSource stores a source.
func (c *Client) PutSource(ctx context.Context, req PutSourceRequest) (answer PutSourceAnswer, err error) {
	err = c.call(ctx, "SourceService.Put", req, &answer)
	return answer, err
}

// GetSource shows one source.
func (c *Client) GetSource(ctx context.Context, name string) (answer SourceDetail, err error) {
	err = c.call(ctx, "SourceService.Get", GetSourceRequest{Name: name}, &answer)
	return answer, err
}

// ListSources lists sources.
func (c *Client) ListSources(ctx context.Context) (answer SourceList, err error) {
	err = c.call(ctx, "SourceService.List", ListSourcesRequest{}, &answer)
	return answer, err
}

// RemoveSource removes a source.
func (c *Client) RemoveSource(ctx context.Context, req RemoveSourceRequest) (answer RemoveSourceAnswer, err error) {
	err = c.call(ctx, "SourceService.Remove", req, &answer)
	return answer, err
}

// TestSource tries a source and stores nothing.
func (c *Client) TestSource(ctx context.Context, req TestSourceRequest) (answer TestSourceAnswer, err error) {
	ctx, cancel := bounded(ctx, testTimeout)
	defer cancel()
	err = c.call(ctx, "SourceService.Test", req, &answer)
	return answer, err
}

// Deliveries lists the latest calls of a source's webhook.
func (c *Client) Deliveries(ctx context.Context, req DeliveriesRequest) (answer DeliveryList, err error) {
	err = c.call(ctx, "SourceService.Deliveries", req, &answer)
	return answer, err
}
