package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
)

// Call is what /call answers.
type Call struct {
	Status int
	Header http.Header
	Body   string
	Error  string
}

// call sends a request from inside the container: ?method= to ?path= at the
// address for calls between components, in the name of ?component= if given,
// or at ?base=, for ?host= if given.
func call(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	base := query.Get("base")
	if base == "" {
		base = os.Getenv("MAELSTROM_PRIVATE_URL")
	}
	request, err := http.NewRequestWithContext(r.Context(), query.Get("method"), base+query.Get("path"), nil)
	if err != nil {
		writeJSON(w, Call{Error: err.Error()})
		return
	}
	if component := query.Get("component"); component != "" {
		request.Header.Set("MAELSTROM-COMPONENT", component)
	}
	request.Host = query.Get("host")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		writeJSON(w, Call{Error: err.Error()})
		return
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		writeJSON(w, Call{Error: err.Error()})
		return
	}
	writeJSON(w, Call{Status: answer.StatusCode, Header: answer.Header, Body: string(body)})
}

// Resolved is what /resolve answers.
type Resolved struct {
	Addresses []string
	NotFound  bool
	Error     string
}

// resolve looks ?name= up as any program in the container would.
func resolve(w http.ResponseWriter, r *http.Request) {
	addresses, err := net.DefaultResolver.LookupHost(r.Context(), r.URL.Query().Get("name"))
	found := Resolved{Addresses: addresses}
	if err != nil {
		found.Error = err.Error()
		e := new(net.DNSError)
		found.NotFound = errors.As(err, &e) && e.IsNotFound
	}
	writeJSON(w, found)
}

// upload answers with the length of the body and its SHA-256.
func upload(w http.ResponseWriter, r *http.Request) {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d %s\n", n, hex.EncodeToString(sum.Sum(nil)))
}

// trailers answers with the body, and ends as a gRPC call does.
func trailers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
	w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	if _, err := io.Copy(w, r.Body); err != nil {
		return // the trailers stay away, as they do when a call breaks off
	}
	w.Header().Set("Grpc-Status", "7")
	w.Header().Set("Grpc-Message", r.Trailer.Get("Sum"))
}

// download sends ?bytes= zero bytes.
func download(w http.ResponseWriter, r *http.Request) {
	left, err := strconv.Atoi(r.URL.Query().Get("bytes"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(left))
	for chunk := make([]byte, 32<<10); left > 0; left -= len(chunk) {
		if _, err := w.Write(chunk[:min(left, len(chunk))]); err != nil {
			return
		}
	}
}
