package urls

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
)

// Config says what may be reached. The zero value is nothing.
type Config struct {
	File    bool // the files of the folder
	HTTPS   []HTTPSServer
	SFTP    []SFTPServer
	Timeout time.Duration // of one operation; 0 takes 60 s
}

// HTTPSServer is a server of files over HTTPS.
type HTTPSServer struct {
	Host string // name or address
	Port uint16
	// Fingerprint is the SHA-256 digest of the certificate that the server has to show, in hexadecimal with colons. Empty: any
	// certificate for Host that an authority has signed which the host of the element trusts.
	Fingerprint string
}

// SFTPServer is a server of files over SFTP.
type SFTPServer struct {
	Host string // name or address
	Port uint16
	Key  []byte // the host key that it has to prove, as in a public key file (RFC 4253 section 6.6)
}

// Schemes lists the schemes of URLs that can be used.
func (c Config) Schemes() (list []string) {
	if c.File {
		list = append(list, "file")
	}
	if len(c.HTTPS) > 0 {
		list = append(list, "https")
	}
	if len(c.SFTP) > 0 {
		list = append(list, "sftp")
	}
	return list
}

// Files is where URLs lead to. Its methods may be called concurrently.
type Files struct {
	Config
	// Folder holds what file URLs name. It may be nil when Config.File is false.
	Folder *os.Root
	// Identity is what the element logs in with on SFTP servers; nil: by password alone.
	Identity ssh.Signer

	authorities *x509.CertPool // that sign certificates of HTTPS servers; nil: those that the host trusts
}

// BadURL is the error for a URL that is none, or that leads where nothing may be reached.
type BadURL struct{ Reason string }

func (e *BadURL) Error() string { return e.Reason }

func badURL(format string, args ...any) error { return &BadURL{fmt.Sprintf(format, args...)} }

// ErrNotFound is the error when there is nothing under a URL that is to be read or deleted.
var ErrNotFound = errors.New("there is no such file")

// place is what a URL names.
type place interface {
	// read has use read what is there.
	read(ctx context.Context, use func(io.Reader) error) error
	// write puts there what fill writes.
	write(ctx context.Context, fill func(io.Writer) error) error
	delete(ctx context.Context) error
}

// Read has use read what is under a URL. The error is that of use where the rest went well.
func (f *Files) Read(ctx context.Context, url string, use func(io.Reader) error) error {
	return f.at(ctx, url, func(ctx context.Context, p place) error { return p.read(ctx, use) })
}

// Write puts what fill writes under a URL, in place of what was there. Where fill fails, what was there stays; over HTTPS that is
// up to the server.
func (f *Files) Write(ctx context.Context, url string, fill func(io.Writer) error) error {
	return f.at(ctx, url, func(ctx context.Context, p place) error { return p.write(ctx, fill) })
}

// Delete deletes what is under a URL.
func (f *Files) Delete(ctx context.Context, url string) error {
	return f.at(ctx, url, func(ctx context.Context, p place) error { return p.delete(ctx) })
}

func (f *Files) at(ctx context.Context, url string, do func(context.Context, place) error) error {
	p, err := f.locate(url)
	if err != nil {
		return err
	}
	limit := cmp.Or(f.Timeout, time.Minute)
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it takes longer than %v", limit))
	defer cancel()
	if err = do(ctx, p); err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // and not what it looks like from below
	}
	return err
}
