package project

import "testing"

func TestFullName(t *testing.T) {
	for _, tt := range [][3]string{
		{"shop", "web", "shop_web"},
		{"Shop", "WEB", "shop_web"},
		{"shop", "shop_web", "shop_web"},
		{"shop", "SHOP_Web", "shop_web"},
		{"shop", "shop", "shop_shop"},
		{"shop", "shopweb", "shop_shopweb"},
		{"s", "s_s_web", "s_s_web"},
	} {
		if got := FullName(tt[0], tt[1]); got != tt[2] {
			t.Errorf("FullName(%q, %q) = %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestNormalHost(t *testing.T) {
	for _, tt := range [][2]string{
		{"Example.COM.", "example.com"},
		{"*.Example.com", "*.example.com"},
		{"[::1]", "::1"},
		{"0:0::1", "::1"},
		{"[2001:DB8::1]", "2001:db8::1"},
		{"10.0.0.1", "10.0.0.1"},
		{"", ""},
	} {
		if got := NormalHost(tt[0]); got != tt[1] {
			t.Errorf("NormalHost(%q) = %q, want %q", tt[0], got, tt[1])
		}
	}
}

func TestHostnames(t *testing.T) {
	for _, good := range []string{"a", "localhost", "a.b.c", "A-b.c_d.e.", "*.example.com", "*.example.com.", "10.0.0.1", "::1", "[::1]", "[FE80::1]", "xn--bcher-kva.example"} {
		if problem, _ := hostnameProblem(good); problem != "" {
			t.Errorf("%q %s", good, problem)
		}
	}
	for _, bad := range []string{"http://a", "a:80", "[::1]:80", "[::1", "a b", " a", "a/b", "a..b", ".a", "a..", "*", "*.", "a.*", "*a.b", "*.*.b", "ä.example", "a?", "a@b", "1:2:3", "[a]", "fe80::1%eth0", "."} {
		if problem, hint := hostnameProblem(bad); problem == "" || hint == "" {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestSecretNames(t *testing.T) {
	for _, name := range []string{"DB_PASSWORD", "passwd", "pullpassword", "Authorization", "API_KEY", "apikey", "api-key", "PRIVATE_KEY", "privatekey", "Set-Cookie", "SENTRY_DSN", "AWS_CREDENTIALS", "MY_SECRET", "TOKENS"} {
		if !Secret(name) || MaskValue(name, "x") != Hidden {
			t.Errorf("%s is shown", name)
		}
	}
	for _, name := range []string{"PATH", "KEY", "PASS", "USER", "api", ""} {
		if Secret(name) || MaskValue(name, "x") != "x" {
			t.Errorf("%s is hidden", name)
		}
	}
	if MaskValue("TOKEN", "") != "" {
		t.Error("nothing is hidden")
	}
}

func TestNearest(t *testing.T) {
	words := []string{"maxconcurrency", "image", "environment", "httpport", "http", "hostname", "dns"}
	for _, tt := range [][2]string{
		{"maxConcurrency", "maxconcurrency"},
		{"max_concurrency", "maxconcurrency"},
		{"http-port", "httpport"},
		{"imgae", "image"},
		{"images", "image"},
		{"enviroment", "environment"},
		{"HOST NAME", "hostname"},
		{"volumes", ""},
		{"x", ""},
		{"", ""},
	} {
		if got := Nearest(tt[0], words); got != tt[1] {
			t.Errorf("Nearest(%q) = %q, want %q", tt[0], got, tt[1])
		}
	}
}
