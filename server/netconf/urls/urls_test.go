package urls

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// folder opens a new folder.
func folder(t *testing.T) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// read returns what is under a URL.
func (f *Files) text(ctx context.Context, url string) (text string, err error) {
	err = f.Read(ctx, url, func(r io.Reader) error {
		b, err := io.ReadAll(r)
		text = string(b)
		return err
	})
	return text, err
}

func (f *Files) put(ctx context.Context, url, text string) error {
	return f.Write(ctx, url, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
}

// exchange writes, reads, replaces, fails to replace and deletes what is under a URL.
func exchange(t *testing.T, f *Files, url string) {
	t.Helper()
	ctx := t.Context()
	if _, err := f.text(ctx, url); !errors.Is(err, ErrNotFound) {
		t.Errorf("reading what is not there: %v", err)
	}
	long := strings.Repeat("a configuration of some size; ", 20_000)
	for _, text := range []string{"short", long, ""} {
		if err := f.put(ctx, url, text); err != nil {
			t.Fatal(err)
		}
		if got, err := f.text(ctx, url); err != nil || got != text {
			t.Errorf("%d octets came back as %d, %v", len(text), len(got), err)
		}
	}
	broken := errors.New("it broke off")
	err := f.Write(ctx, url, func(w io.Writer) error {
		io.WriteString(w, "half")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("writing half: %v", err)
	}
	if got, err := f.text(ctx, url); err != nil || got != "" {
		t.Errorf("after writing half it holds %q, %v", got, err)
	}
	if err := f.Read(ctx, url, func(io.Reader) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("reading half: %v", err)
	}
	if err := f.Delete(ctx, url); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(ctx, url); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleting what is not there: %v", err)
	}
}

func TestFile(t *testing.T) {
	root := folder(t)
	f := &Files{Config: Config{File: true}, Folder: root}
	root.Mkdir("day", 0o700)
	for _, url := range []string{"file:///a.xml", "file://localhost/day/b.xml", "file:/c.xml"} {
		exchange(t, f, url)
	}
	if err := f.put(t.Context(), "file:///secret.xml", "x"); err != nil {
		t.Fatal(err)
	}
	if info, err := root.Stat("secret.xml"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	for _, dir := range []string{".", "day"} {
		left, err := os.ReadDir(filepath.Join(root.Name(), dir))
		if err != nil || dir == "day" && len(left) > 0 || len(left) > 2 {
			t.Errorf("%s holds %v, %v", dir, left, err)
		}
	}
}

// Neither names nor links lead out of the folder, and what is no file is none.
func TestFileIsConfined(t *testing.T) {
	root := folder(t)
	outside := filepath.Join(t.TempDir(), "outside.xml")
	if err := os.WriteFile(outside, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(name, to string) {
		if err := os.Symlink(to, filepath.Join(root.Name(), name)); err != nil {
			t.Fatal(err)
		}
	}
	link("link.xml", outside)
	link("way", filepath.Dir(outside))
	link("up", "..")
	root.Mkdir("folder", 0o700)
	f := &Files{Config: Config{File: true}, Folder: root}
	for _, url := range []string{
		"file:///../outside.xml", "file:///folder/../../outside.xml", "file:///%2e%2e/outside.xml", "file:///folder%2f..%2f..%2foutside.xml",
		"file://" + outside, "file:///link.xml", "file:///way/outside.xml", "file:///up/outside.xml", "file:///folder", "file:///", "file:outside.xml",
		"file:///folder/", "file:////etc/passwd", "file:///a%00b", "file://elsewhere/a.xml", "file://user@localhost/a.xml",
	} {
		if got, err := f.text(t.Context(), url); err == nil {
			t.Errorf("%s reads %q", url, got)
		}
		if err := f.put(t.Context(), url, "overwritten"); err == nil {
			t.Errorf("%s was written", url)
		}
		if err := f.Delete(t.Context(), url); err == nil {
			t.Errorf("%s was deleted", url)
		}
	}
	if got, err := os.ReadFile(outside); err != nil || string(got) != "outside" {
		t.Errorf("the file outside holds %q, %v", got, err)
	}
}

// What is not configured cannot be reached.
func TestRefused(t *testing.T) {
	f := &Files{Config: Config{HTTPS: []HTTPSServer{{Host: "files.example", Port: 443}, {Host: "2001:db8::1", Port: 8443}}}}
	if _, err := f.locate("https://FILES.example/a?b=c"); err != nil {
		t.Error(err)
	}
	if _, err := f.locate("https://[2001:DB8:0::1]:8443/a"); err != nil {
		t.Error(err)
	}
	for url, want := range map[string]string{
		"file:///a":                          "file URLs cannot be used; these can: https",
		"http://files.example/a":             `scheme "http" cannot be used; these can: https`,
		"ftp://files.example/a":              `scheme "ftp" cannot be used`,
		"files.example/a":                    `scheme "" cannot be used`,
		"https://files.example:8443/a":       `"files.example:8443" is not among the https servers`,
		"https://files.example.evil/a":       "not among",
		"https://files.example@evil/a":       "not among",
		"https://[2001:db8::1]/a":            "not among",
		"https://127.0.0.1/a":                "not among",
		"sftp://user@files.example/a":        "not among the sftp servers",
		"https:files.example":                "a URL here has a scheme",
		"https://files.example/a#b":          "a URL here has a scheme",
		"https://user:secret@bad host/":      "not a URL",
		"https://files.example:99999999/a":   "not among",
		"https://files.example:443%00/a":     "not a URL",
		"https://user:secret@files.exam/a":   "not among",
		"sftp://user@files.example/a?b=c":    "a URL here has a scheme",
		"https://files.example\r\nHost: a/b": "not a URL",
	} {
		_, err := f.text(t.Context(), url)
		if _, bad := errors.AsType[*BadURL](err); !bad || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %s", url, err, want)
		}
	}
}

// shelf is an HTTPS server that keeps what is put.
type shelf struct {
	mu    sync.Mutex
	files map[string]string
	seen  []string // of requests: method, path, user
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, r.Method+" "+r.URL.Path+" "+user+":"+password)
	text, there := s.files[r.URL.Path]
	switch {
	case err != nil:
		return
	case r.URL.Path == "/elsewhere":
		http.Redirect(w, r, "/a.xml", http.StatusTemporaryRedirect)
	case r.URL.Path == "/forbidden":
		http.Error(w, "no", http.StatusForbidden)
	case r.Method == http.MethodPut:
		s.files[r.URL.Path] = string(body)
		w.WriteHeader(http.StatusCreated)
	case !there:
		http.NotFound(w, r)
	case r.Method == http.MethodDelete:
		delete(s.files, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	default:
		io.WriteString(w, text)
	}
}

func TestHTTPS(t *testing.T) {
	s := &shelf{files: map[string]string{}}
	server := httptest.NewTLSServer(s)
	defer server.Close()
	host, text, _ := net.SplitHostPort(server.Listener.Addr().String())
	port, _ := strconv.ParseUint(text, 10, 16)
	at := HTTPSServer{Host: host, Port: uint16(port)}
	sum := sha256.Sum256(server.Certificate().Raw)
	digest := strings.ToUpper(hex.EncodeToString(sum[:]))
	pinned := HTTPSServer{host, uint16(port), strings.Join(pairs(digest), ":")}
	known := x509.NewCertPool()
	known.AddCert(server.Certificate())
	for name, f := range map[string]*Files{
		"by its authority":   {Config: Config{HTTPS: []HTTPSServer{at}}, authorities: known},
		"by its certificate": {Config: Config{HTTPS: []HTTPSServer{pinned}}},
	} {
		t.Run(name, func(t *testing.T) {
			exchange(t, f, server.URL+"/a.xml")
			if err := f.put(t.Context(), strings.Replace(server.URL, "https://", "https://ann:secret@", 1)+"/b.xml", "x"); err != nil {
				t.Error(err)
			}
			if last := s.seen[len(s.seen)-1]; last != "PUT /b.xml ann:secret" {
				t.Errorf("the server saw %s", last)
			}
			for path, want := range map[string]string{"/elsewhere": "307", "/forbidden": "403"} {
				if _, err := f.text(t.Context(), server.URL+path); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("reading %s: %v", path, err)
				}
				if err := f.put(t.Context(), server.URL+path, strings.Repeat("x", 1<<20)); err == nil {
					t.Errorf("%s was written", path)
				}
			}
		})
	}
	pinned.Fingerprint = strings.Repeat("00:", 31) + "00"
	for name, c := range map[string]struct {
		server HTTPSServer
		want   string
	}{
		"nobody vouches for it":      {at, "unknown authority"},
		"it has another certificate": {pinned, "another certificate than the one that is configured, with the SHA-256 digest " + strings.ToLower(digest)},
	} {
		before := len(s.seen)
		f := &Files{Config: Config{HTTPS: []HTTPSServer{c.server}}}
		if err := f.put(t.Context(), server.URL+"/a.xml", "x"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.seen) != before {
			t.Errorf("%s, and was asked", name)
		}
	}
}

func pairs(text string) (list []string) {
	for ; text != ""; text = text[2:] {
		list = append(list, text[:2])
	}
	return list
}

// Whoever does not answer is given up in time, and when the session ends.
func TestTimeout(t *testing.T) {
	silent, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	addr := silent.Addr().(*net.TCPAddr)
	key := signer(t)
	f := &Files{Config: Config{
		HTTPS: []HTTPSServer{{Host: "127.0.0.1", Port: uint16(addr.Port)}}, SFTP: []SFTPServer{{"127.0.0.1", uint16(addr.Port), key.PublicKey().Marshal()}},
		Timeout: 50 * time.Millisecond,
	}}
	for _, url := range []string{"https://" + addr.String() + "/a", "sftp://ann:x@" + addr.String() + "/a"} {
		if _, err := f.text(t.Context(), url); err == nil || err.Error() != "it takes longer than 50ms" {
			t.Errorf("%s: %v", url, err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := errors.New("the session has ended")
		cancel(ended)
		if err := f.put(ctx, url, "x"); !errors.Is(err, ended) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func signer(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sftpServer serves a folder to ann, who has the password secret, and to the holder of a key.
func sftpServer(t *testing.T, host ssh.Signer, friend ssh.PublicKey, dir string) *net.TCPAddr {
	t.Helper()
	config := &ssh.ServerConfig{
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if c.User() == "ann" && string(password) == "secret" {
				return nil, nil
			}
			return nil, errors.New("wrong password")
		},
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) == string(friend.Marshal()) {
				return nil, nil
			}
			return nil, errors.New("unknown key")
		},
	}
	config.AddHostKey(host)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	t.Cleanup(func() { l.Close(); tasks.Wait() })
	tasks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() { serveSFTP(conn, config, dir) })
		}
	})
	return l.Addr().(*net.TCPAddr)
}

func serveSFTP(conn net.Conn, config *ssh.ServerConfig, dir string) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offer := range channels {
		ch, requests, err := offer.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				r.Reply(r.Type == "subsystem", nil)
			}
		}()
		s, err := sftp.NewServer(ch, sftp.WithServerWorkingDirectory(dir))
		if err != nil {
			return
		}
		s.Serve()
		ch.Close()
	}
}

func TestSFTP(t *testing.T) {
	host, identity, dir := signer(t), signer(t), t.TempDir()
	addr := sftpServer(t, host, identity.PublicKey(), dir)
	server := SFTPServer{"127.0.0.1", uint16(addr.Port), host.PublicKey().Marshal()}
	f := &Files{Config: Config{SFTP: []SFTPServer{server}}, Identity: identity}
	exchange(t, f, "sftp://element@"+addr.String()+dir+"/a.xml")
	byPassword := &Files{Config: f.Config}
	exchange(t, byPassword, "sftp://ann:secret@"+addr.String()+dir+"/b.xml")
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the server holds %v, %v", left, err)
	}
	other := server
	other.Key = signer(t).PublicKey().Marshal()
	for name, c := range map[string]struct {
		f         *Files
		url, want string
	}{
		"wrong password":    {byPassword, "sftp://ann:guess@" + addr.String() + dir + "/a.xml", "unable to authenticate"},
		"nobody":            {byPassword, "sftp://" + addr.String() + dir + "/a.xml", "names no user"},
		"another server":    {&Files{Config: Config{SFTP: []SFTPServer{other}}, Identity: identity}, "sftp://ann:secret@" + addr.String() + "/a", "another host key than the one that is configured, SHA256:"},
		"no such folder":    {f, "sftp://ann@" + addr.String() + dir + "/none/a.xml", "no such file"},
		"where a folder is": {f, "sftp://ann@" + addr.String() + dir, "failure"},
	} {
		if err := c.f.put(t.Context(), c.url, "x"); err == nil || !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.want)) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
