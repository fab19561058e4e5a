package access

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

// A certificate that is put in place of another one is shown from then on, and not before it is there whole.
func TestCertificateIsReplaced(t *testing.T) {
	open := func() *os.Root {
		dir, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { dir.Close() })
		return dir
	}
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	dir, other := open(), open()
	first, err := LoadKeys(dir, "lma1", now)
	if err != nil {
		t.Fatal(err)
	}
	second, err := LoadKeys(other, "lma1", now)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c := NewCertificate(dir, first, slog.New(slog.NewTextHandler(&log, nil)))
	shown := func(when, want string) {
		t.Helper()
		for range 3 {
			if got := Fingerprint(c.Current().Certificate[0]); got != want {
				t.Errorf("%s, %s is shown", when, got)
			}
		}
	}
	replace := func(name string) {
		t.Helper()
		text, err := other.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeFile(dir, name, text); err != nil {
			t.Fatal(err)
		}
	}
	shown("at first", first.CertificateFingerprint)
	replace(tlsCertFile)
	shown("with a certificate and another one's key", first.CertificateFingerprint)
	if n := strings.Count(log.String(), "cannot be used"); n != 1 {
		t.Errorf("that it does not fit is logged %d times:\n%s", n, &log)
	}
	replace(tlsKeyFile)
	shown("with both files new", second.CertificateFingerprint)
	if err := dir.Remove(tlsKeyFile); err != nil {
		t.Fatal(err)
	}
	shown("without a key", second.CertificateFingerprint)
	if !strings.Contains(log.String(), second.CertificateFingerprint) {
		t.Errorf("the new one is not in the log:\n%s", &log)
	}
}
