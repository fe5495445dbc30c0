// Command prefixes answers with its component's name and the path that it
// sees: run it twice to watch how requests are split by path.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	name := os.Getenv("MAELSTROM_COMPONENT_NAME")
	log.Fatal(http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s sees %s\n", name, r.URL.Path)
	})))
}
