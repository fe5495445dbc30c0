package rpc

import "context"

// PutNotifier stores a notifier.
func (c *Client) PutNotifier(ctx context.Context, req PutNotifierRequest) (answer PutNotifierAnswer, err error) {
	err = c.call(ctx, "NotifierService.Put", req, &answer)
	return answer, err
}

// ListNotifiers lists notifiers.
func (c *Client) ListNotifiers(ctx context.Context) (answer NotifierList, err error) {
	err = c.call(ctx, "NotifierService.List", ListNotifiersRequest{}, &answer)
	return answer, err
}

// RemoveNotifier removes a notifier.
func (c *Client) RemoveNotifier(ctx context.Context, req RemoveNotifierRequest) (answer RemoveNotifierAnswer, err error) {
	err = c.call(ctx, "NotifierService.Remove", req, &answer)
	return answer, err
}

// TestNotifier has a notifier send an event that says that it is a test.
func (c *Client) TestNotifier(ctx context.Context, name string) (answer TestNotifierAnswer, err error) {
	err = c.call(ctx, "NotifierService.Test", TestNotifierRequest{Name: name}, &answer)
	return answer, err
}
