package daemon

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
)

// ProbeVerb makes maelstromd ask one URL and exit: the doctor runs it inside
// containers.
const ProbeVerb = "probe"

// Probe asks url once and tells how that went; its result is an exit code.
func Probe(ctx context.Context, url string, output io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		fmt.Fprintln(output, err)
		return 64
	}
	// No proxy: the way to this address is what is looked at.
	client := http.Client{Transport: &http.Transport{DialContext: new(net.Dialer).DialContext}}
	answer, err := client.Do(request)
	if err != nil {
		fmt.Fprintln(output, err)
		return 1
	}
	answer.Body.Close()
	fmt.Fprintln(output, answer.Status)
	if answer.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}
