package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestGreeter(t *testing.T) {
	t.Setenv("MAELSTROM_COMPONENT_NAME", "hello_hello")
	t.Setenv("MAELSTROM_COMPONENT_VERSION", "3")
	answer := httptest.NewRecorder()
	greeter(time.Now()).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	if body := answer.Body.String(); answer.Code != http.StatusOK || !strings.Contains(body, "version 3 of hello_hello") {
		t.Errorf("answer = %d %q", answer.Code, body)
	}
}
