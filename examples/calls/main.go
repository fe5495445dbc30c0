// Command calls is both sides of a call between components: "quotes" answers
// with a line, "front" asks quotes and passes the line on.
package main

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"time"
)

var lines = []string{
	"Sleep is the best component policy.",
	"A request is a reason to wake up.",
	"Nothing runs until somebody asks.",
}

func quotes(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, lines[rand.IntN(len(lines))])
}

// front calls the component whose full name QUOTES holds. Every container
// knows the address for such calls; the header names the component, which is
// woken if it sleeps.
func front(w http.ResponseWriter, r *http.Request) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, os.Getenv("MAELSTROM_PRIVATE_URL")+"/", nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	request.Header.Set("MAELSTROM-COMPONENT", os.Getenv("QUOTES"))
	client := http.Client{Timeout: 30 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer response.Body.Close()
	fmt.Fprint(w, "quotes says: ")
	if _, err := io.Copy(w, response.Body); err != nil {
		log.Print(err)
	}
}

func main() {
	handler := quotes
	if os.Getenv("QUOTES") != "" {
		handler = front
	}
	log.Fatal(http.ListenAndServe(":8080", http.HandlerFunc(handler)))
}
