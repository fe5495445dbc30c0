package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
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
// address for calls between components, in the name of ?component= if given.
func call(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	request, err := http.NewRequestWithContext(r.Context(), query.Get("method"), os.Getenv("MAELSTROM_PRIVATE_URL")+query.Get("path"), nil)
	if err != nil {
		writeJSON(w, Call{Error: err.Error()})
		return
	}
	if component := query.Get("component"); component != "" {
		request.Header.Set("MAELSTROM-COMPONENT", component)
	}
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
