package access

import (
	"crypto/tls"
	"io/fs"
	"log/slog"
	"os"
	"sync"
)

// Certificate is the certificate that the element shows, as its files have it: who puts another one there does not have to
// restart the element. Its methods may be called concurrently.
type Certificate struct {
	dir *os.Root
	log *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	files   [2]fs.FileInfo // what was read, or could not be used
}

// NewCertificate follows the files below the state folder, from which keys were loaded.
func NewCertificate(dir *os.Root, keys *Keys, log *slog.Logger) *Certificate {
	c := &Certificate{dir: dir, log: log, current: &keys.Certificate}
	c.files, _ = c.stat() // a file that is gone already will be seen to be
	return c
}

// Current returns the certificate, which is not to be changed. As long as its files do not fit together, as between the
// writing of one and of the other, it is the last one that did.
func (c *Certificate) Current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	files, err := c.stat()
	if err != nil || same(files[0], c.files[0]) && same(files[1], c.files[1]) {
		return c.current
	}
	c.files = files
	var k Keys
	if err := k.readCertificate(c.dir); err != nil {
		c.log.Warn("the new certificate cannot be used", "file", tlsCertFile, "error", err)
		return c.current
	}
	c.log.Info("new certificate", "fingerprint", k.CertificateFingerprint)
	c.current = &k.Certificate
	return c.current
}

func (c *Certificate) stat() (files [2]fs.FileInfo, err error) {
	for i, name := range []string{tlsCertFile, tlsKeyFile} {
		if files[i], err = c.dir.Stat(name); err != nil {
			return files, err
		}
	}
	return files, nil
}

// same reports whether nobody has written a file in between.
func same(a, b fs.FileInfo) bool {
	return a != nil && b != nil && os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
