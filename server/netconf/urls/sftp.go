package urls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// sftpPlace is a file on an SFTP server.
type sftpPlace struct {
	url      *url.URL
	server   SFTPServer
	identity ssh.Signer
}

func (p *sftpPlace) read(ctx context.Context, use func(io.Reader) error) error {
	return p.connect(ctx, func(c *sftp.Client) error {
		f, err := c.Open(p.url.Path)
		if err != nil {
			return err
		}
		defer f.Close()
		return use(f)
	})
}

func (p *sftpPlace) write(ctx context.Context, fill func(io.Writer) error) error {
	return p.connect(ctx, func(c *sftp.Client) error {
		part := unfinished(p.url.Path)
		f, err := c.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
		if err != nil {
			return err
		}
		err = errors.Join(fill(f), f.Close())
		if err == nil {
			err = c.PosixRename(part, p.url.Path)
		}
		if err != nil {
			c.Remove(part)
		}
		return err
	})
}

func (p *sftpPlace) delete(ctx context.Context) error {
	return p.connect(ctx, func(c *sftp.Client) error { return c.Remove(p.url.Path) })
}

// connect logs in, and out again after do. When ctx ends, the connection does.
func (p *sftpPlace) connect(ctx context.Context, do func(*sftp.Client) error) error {
	config, err := p.login()
	if err != nil {
		return err
	}
	var d net.Dialer
	addr := address(p.server.Host, p.server.Port)
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	secure, channels, requests, err := ssh.NewClientConn(conn, addr, config)
	if err != nil {
		return err
	}
	client := ssh.NewClient(secure, channels, requests)
	defer client.Close()
	c, err := sftp.NewClient(client)
	if err != nil {
		return fmt.Errorf("sftp: %w", err)
	}
	defer c.Close()
	if err = do(c); errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	return err
}

// login says who the element is, and which server it has to be.
func (p *sftpPlace) login() (*ssh.ClientConfig, error) {
	key, err := ssh.ParsePublicKey(p.server.Key)
	if err != nil {
		return nil, fmt.Errorf("the host key that is configured for %s: %w", p.server.Host, err)
	}
	if p.url.User.Username() == "" {
		return nil, badURL("the URL names no user: sftp://USER@%s%s", p.url.Host, p.url.EscapedPath())
	}
	c := &ssh.ClientConfig{User: p.url.User.Username(), HostKeyAlgorithms: algorithms(key), HostKeyCallback: func(_ string, _ net.Addr, shown ssh.PublicKey) error {
		if !bytes.Equal(shown.Marshal(), p.server.Key) {
			return errors.New("the server has another host key than the one that is configured, " + ssh.FingerprintSHA256(shown))
		}
		return nil
	}}
	if p.identity != nil {
		c.Auth = append(c.Auth, ssh.PublicKeys(p.identity))
	}
	if password, given := p.url.User.Password(); given {
		c.Auth = append(c.Auth, ssh.Password(password))
	}
	return c, nil
}

// algorithms are those by which a server can prove to have a key (RFC 8332 for those of RSA).
func algorithms(key ssh.PublicKey) []string {
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}
