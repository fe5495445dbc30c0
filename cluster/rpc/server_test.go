package rpc

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestProtocol(t *testing.T) {
	w := newWorld(t)
	const version = `"method":"SystemService.Version"`
	many := "[" + strings.TrimSuffix(strings.Repeat(`{"jsonrpc":"2.0","id":1,`+version+`},`, maxBatch+1), ",") + "]"
	tests := []struct {
		name, body string
		status     int
		contains   string
	}{
		{"string id", `{"jsonrpc":"2.0","id":"x",` + version + `}`, 200, `{"jsonrpc":"2.0","id":"x","result":{"version":"1.2.3"`},
		{"number id", `{"jsonrpc":"2.0","id":12.50,` + version + `}`, 200, `"id":12.50,"result"`},
		{"null id", `{"jsonrpc":"2.0","id":null,` + version + `}`, 200, `"id":null,"result"`},
		{"notification", `{"jsonrpc":"2.0",` + version + `}`, 204, ``},
		{"notification that fails", `{"jsonrpc":"2.0","method":"No.Such"}`, 204, ``},
		{"object params", `{"jsonrpc":"2.0","id":1,` + version + `,"params":{}}`, 200, `"result"`},
		{"list params", `{"jsonrpc":"2.0","id":1,` + version + `,"params":[{}]}`, 200, `"result"`},
		{"empty list", `{"jsonrpc":"2.0","id":1,` + version + `,"params":[]}`, 200, `"result"`},
		{"null params", `{"jsonrpc":"2.0","id":1,` + version + `,"params":null}`, 200, `"result"`},
		{"lower-case verb", `{"jsonrpc":"2.0","id":1,"method":"SystemService.version"}`, 200, `"result"`},
		{"two params", `{"jsonrpc":"2.0","id":1,` + version + `,"params":[{},{}]}`, 200, `"code":-32602`},
		{"text params", `{"jsonrpc":"2.0","id":1,` + version + `,"params":["x"]}`, 200, `"code":-32602`},
		{"unknown field of ours", `{"jsonrpc":"2.0","id":1,"method":"ComponentService.List","params":{"projekt":"x"}}`, 200, `unknown field \"projekt\"`},
		{"wrong type", `{"jsonrpc":"2.0","id":1,"method":"ComponentService.List","params":{"project":3}}`, 200, `"code":-32602`},
		{"unknown method", `{"jsonrpc":"2.0","id":"a","method":"No.Such"}`, 200, `"id":"a","error":{"code":-32601`},
		{"no method", `{"jsonrpc":"2.0","id":"a"}`, 200, `"id":"a","error":{"code":-32600`},
		{"no version", `{"id":"a",` + version + `}`, 200, `"id":"a","error":{"code":-32600`},
		{"object id", `{"jsonrpc":"2.0","id":{},` + version + `}`, 200, `"id":null,"error":{"code":-32600`},
		{"not an object", `1`, 200, `"id":null,"error":{"code":-32600`},
		{"not JSON", `{"jsonrpc":`, 200, `"id":null,"error":{"code":-32700`},
		{"empty", ``, 200, `"code":-32700`},
		{"empty batch", `[]`, 200, `"code":-32600`},
		{"batch", ` [{"jsonrpc":"2.0","id":1,` + version + `},{"jsonrpc":"2.0",` + version + `},7]`, 200, `}},{"jsonrpc":"2.0","id":null,"error":{"code":-32600`},
		{"batch of notifications", `[{"jsonrpc":"2.0",` + version + `}]`, 204, ``},
		{"batch too long", many, 200, `at most 100 calls`},
		{"too large for its method", `{"jsonrpc":"2.0","id":1,` + version + `,"params":{}` + strings.Repeat(" ", maxBody) + `}`, 200, `at most 1 MiB`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := w.post(test.body)
			if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.contains) {
				t.Errorf("%d %s, want %d with %s", answer.Code, answer.Body, test.status, test.contains)
			}
			if test.status == http.StatusOK && !json.Valid(answer.Body.Bytes()) {
				t.Errorf("the answer is not JSON: %s", answer.Body)
			}
		})
	}
}

func TestErrorsCarryWhatAProgramCanActOn(t *testing.T) {
	w := newWorld(t)
	answer := w.post(`{"jsonrpc":"2.0","id":1,"method":"ProjectService.Apply","params":{"base":{"path":"shop.yml","data":"eA=="}}}`)
	var got struct {
		Error struct {
			Code int
			Data struct {
				Kind      string
				RequestID string `json:"request_id"`
				Problems  []struct{ Rule, File, Message string }
			}
		}
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	data := got.Error.Data
	if got.Error.Code != 1001 || data.Kind != "invalid" || len(data.Problems) == 0 || data.Problems[0].File != "shop.yml" {
		t.Errorf("answer = %s", answer.Body)
	}
	if id := answer.Header().Get("Maelstrom-Request-Id"); id == "" || id != data.RequestID {
		t.Errorf("request id %q in the header, %q in the error", id, data.RequestID)
	}
}

func TestUnicodeComesOutAsItIs(t *testing.T) {
	w := newWorld(t)
	_, err := w.try("ProjectService.Get", `{"name":"läden-☂-😀<&>"}`)
	if err == nil || !strings.Contains(err.Message, "läden-☂-😀<&>") {
		t.Errorf("error = %v", err)
	}
}

func TestHTTPRefusals(t *testing.T) {
	w := newWorld(t)
	const body = `{"jsonrpc":"2.0","id":1,"method":"SystemService.Version"}`
	tests := []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"as it should be", func(*http.Request) {}, 200},
		{"no content type", func(r *http.Request) { r.Header.Del("Content-Type") }, 200},
		{"charset", func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200},
		{"form", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415},
		{"text", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		{"GET", func(r *http.Request) { r.Method = http.MethodGet }, 405},
		{"preflight of another site", func(r *http.Request) { r.Method = http.MethodOptions; r.Header.Set("Origin", "https://evil.example") }, 403},
		{"another site", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		{"a sandboxed page", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		{"another site by fetch metadata", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"a sibling site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		{"the same site", func(r *http.Request) { r.Header.Set("Origin", "http://example.com") }, 200},
		{"no token", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"wrong token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer nonsense") }, 401},
		{"token as password", func(r *http.Request) { r.SetBasicAuth("anyone", w.secret) }, 200},
		{"token as user", func(r *http.Request) { r.SetBasicAuth(w.secret, "") }, 200},
		{"wrong password", func(r *http.Request) { r.SetBasicAuth(w.secret, "x") }, 401},
		{"another scheme", func(r *http.Request) { r.Header.Set("Authorization", "Digest "+w.secret) }, 401},
		{"scheme in any case", func(r *http.Request) { r.Header.Set("Authorization", "bearer "+w.secret) }, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, PathAPI, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+w.secret)
			test.change(r)
			answer := httptest.NewRecorder()
			w.server.ServeHTTP(answer, r)
			if answer.Code != test.status {
				t.Errorf("status %d, want %d: %s", answer.Code, test.status, answer.Body)
			}
			if h := answer.Header(); h.Get("Access-Control-Allow-Origin") != "" {
				t.Error("CORS header set")
			}
			if want := answer.Code == 401; want != (len(answer.Header().Values("WWW-Authenticate")) == 2) {
				t.Errorf("WWW-Authenticate = %q", answer.Header().Values("WWW-Authenticate"))
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	w := newWorld(t)
	answer := w.post(strings.Repeat(" ", maxLargeBody+1))
	if answer.Code != http.StatusRequestEntityTooLarge || !strings.Contains(answer.Body.String(), "80 MiB") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if len(w.server.large) != 0 {
		t.Error("the place for a large body was not given back")
	}
}

func TestAPanicIsOneAnswer(t *testing.T) {
	w := newWorld(t)
	w.server.deps.Placer = nil
	answer := w.post(`[{"jsonrpc":"2.0","id":1,"method":"ComponentService.List"},{"jsonrpc":"2.0","id":2,"method":"SystemService.Version"}]`)
	if body := answer.Body.String(); !strings.Contains(body, `"code":-32603`) || !strings.Contains(body, `"id":2,"result"`) {
		t.Errorf("answer = %s", body)
	}
}

func FuzzCalls(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":"1","method":"MaelstromService.PutProject","params":[{"project":{"name":"a","components":[{"component":{"name":"b"}}]}}]}`,
		`[{"jsonrpc":"2.0","id":1,"method":"ProjectService.List","params":{"source":""}}]`,
		`{"jsonrpc":"2.0","id":1,"method":"RouteService.Resolve","params":{"target":"*","headers":[{"name":"a"}]}}`,
		`{"jsonrpc":"2.0","id":-1,"method":"EventSourceService.Enable","params":[null]}`,
		`{"jsonrpc":"2.0","id":1,"method":"MaelstromService.ListComponents","params":[{"limit":-1,"nextToken":"x"}]}`,
		`[1,[],{}]`, `null`, ``,
	} {
		f.Add(seed)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, body string) {
		answer := w.post(body)
		switch {
		case answer.Code == http.StatusNoContent:
		case answer.Code != http.StatusOK || !json.Valid(answer.Body.Bytes()):
			t.Errorf("%q: %d %s", body, answer.Code, answer.Body)
		case strings.Contains(answer.Body.String(), `"code":-32603`):
			t.Errorf("%q panicked", body)
		}
	})
}
