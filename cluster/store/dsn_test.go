package store

import (
	"errors"
	"strings"
	"testing"
)

func TestDSNIsToldApartFromItsSecrets(t *testing.T) {
	for _, row := range []struct{ dsn, driver, where string }{
		{"postgres://mael:s3cr%40et@db.internal:6432/shop?sslmode=require", "postgres", "db.internal:6432/shop"},
		{"postgresql://mael:s3cret@db.internal/shop", "postgres", "db.internal:5432/shop"},
		{"host=db.internal port=6432 user=mael password='s3c ret' dbname=shop", "postgres", "db.internal:6432/shop"},
		{"dbname=shop user=mael password=s3cret host=db.internal", "postgres", "db.internal:5432/shop"},
		{"mael:s3c/r@et@tcp(db.internal:3307)/shop?tls=true", "mysql", "db.internal:3307/shop"},
		{"mael:s3cret@tcp(db.internal)/shop", "mysql", "db.internal:3306/shop"},
		{"mael@unix(/run/mysqld/mysqld.sock)/shop", "mysql", "/run/mysqld/mysqld.sock/shop"},
	} {
		driver, err := GuessDriver(row.dsn)
		if err != nil || driver != row.driver {
			t.Errorf("%s: driver %q, %v", row.dsn, driver, err)
		}
		d, err := ParseDSN(row.driver, row.dsn)
		if err != nil || d.Where != row.where || d.Driver != row.driver {
			t.Errorf("%s: %+v, %v", row.dsn, d, err)
		}
		hidden := d.Hide(errors.New("refused: " + row.dsn + " s3cr@et s3c ret")).Error()
		if strings.Contains(row.dsn, "s3c") && strings.Contains(hidden, "cret@") || strings.Contains(hidden, "s3cr%40et") {
			t.Errorf("shown: %s", hidden)
		}
	}
}

// What is told to a server elsewhere, secrets among it, is to be encrypted.
func TestADSNThatGoesOverANetworkInClear(t *testing.T) {
	for _, row := range []struct {
		driver, dsn string
		clear       bool
	}{
		{"postgres", "postgres://u:p@db.internal/shop?sslmode=disable", true},
		{"postgres", "postgres://u:p@db.internal/shop?sslmode=allow", true},
		{"postgres", "postgres://u:p@10.0.0.5/shop?sslmode=prefer", true},
		{"postgres", "postgres://u:p@db.internal/shop", false}, // require
		{"postgres", "postgres://u:p@db.internal/shop?sslmode=require", false},
		{"postgres", "postgres://u:p@db.internal/shop?sslmode=verify-full", false},
		{"postgres", "postgres://u:p@localhost/shop?sslmode=disable", false},
		{"postgres", "postgres://u:p@127.0.0.1:6432/shop?sslmode=disable", false},
		{"postgres", "postgres://u:p@[::1]/shop?sslmode=disable", false},
		{"postgres", "host=/run/postgresql dbname=shop user=u", false},
		{"postgres", "host=localhost hostaddr=10.0.0.5 dbname=shop user=u sslmode=disable", true},
		{"postgres", "host=localhost,db.internal dbname=shop user=u sslmode=disable", true},
		{"mysql", "u:p@tcp(db.internal:3306)/shop", true},
		{"mysql", "u:p@tcp(10.0.0.5)/shop?tls=false", true},
		{"mysql", "u:p@tcp(db.internal)/shop?tls=preferred", true},
		{"mysql", "u:p@tcp(db.internal)/shop?tls=true", false},
		{"mysql", "u:p@tcp(db.internal)/shop?tls=skip-verify", false},
		{"mysql", "u:p@tcp(127.0.0.1:3306)/shop", false},
		{"mysql", "u:p@tcp([::1]:3306)/shop", false},
		{"mysql", "u:p@tcp(localhost)/shop", false},
		{"mysql", "u:p@/shop", false},
		{"mysql", "u@unix(/run/mysqld/mysqld.sock)/shop", false},
	} {
		if d, err := ParseDSN(row.driver, row.dsn); err != nil || d.Clear != row.clear {
			t.Errorf("%s: in clear %v, %v", row.dsn, d.Clear, err)
		}
	}
}

func TestErrorsOfADSNRepeatNothingOfIt(t *testing.T) {
	for _, dsn := range []string{
		"postgres://mael:hunter2@db:port/shop", "postgres://mael:hunter2%zz@db/shop", "host=db password=hunter2 'x",
		"host=db sslmode=hunter2", "mael:hunter2@tcp(db:1/shop", "mael:hunter2@tcp(db)/", "hunter2", "",
	} {
		for _, driver := range []string{"postgres", "mysql", "sqlite"} {
			if _, err := ParseDSN(driver, dsn); err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s %s: %v", driver, dsn, err)
			}
		}
		if _, err := GuessDriver(dsn); err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("guess %s: %v", dsn, err)
		}
	}
}

func TestHiddenErrorsKeepTheirKind(t *testing.T) {
	d, err := ParseDSN("mysql", "mael:hunter2@tcp(db)/shop")
	must(t, err)
	if err := d.Hide(ErrNotEmpty); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("%v", err)
	}
	if d.Hide(nil) != nil {
		t.Error("no error became one")
	}
}
