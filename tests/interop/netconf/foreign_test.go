package netconf

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	nemith "nemith.io/netconf"
	"nemith.io/netconf/rpc"
	"nemith.io/netconf/transport"
	overssh "nemith.io/netconf/transport/ssh"
	overtls "nemith.io/netconf/transport/tls"
)

const suiteFile = "testdata/foreign/suite.txt"

// foreign is "mooring-bench config" with the modules of a vendor.
type foreign struct {
	NETCONF, User, Password string
	TLS                     string `json:"netconf-tls"`
}

// serveForeign starts it; it is interrupted when the test ends.
func serveForeign(t *testing.T) (at foreign) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "mooring-bench")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "mooring/cmd/mooring-bench").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(program, "config", "--json", "--yang", "testdata/foreign/vendor-depot.yang", "--yang", "testdata/foreign/vendor-depot-gates.yang")
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil || complaints.Len() > 0 {
			t.Errorf("mooring-bench: %v\n%s", err, complaints.String())
		}
	})
	if err := json.NewDecoder(out).Decode(&at); err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	return at
}

func TestForeignSuiteByNcclient(t *testing.T) {
	at := serveForeign(t)
	host, port, err := net.SplitHostPort(at.NETCONF)
	check(t, err)
	out, err := run(t, "", python, absolute(t, "testdata/ncclient_suite.py"), host, port, at.User, at.Password, absolute(t, suiteFile))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
}

func TestForeignSuiteByNemith(t *testing.T) {
	for name, over := range map[string]func(foreign, *testing.T) func() transport.Transport{"ssh": foreign.overSSH, "tls": foreign.overTLS} {
		t.Run(name, func(t *testing.T) {
			at := serveForeign(t)
			s := &suite{t: t, dial: over(at, t), verbs: map[string]string{}, sessions: map[string]*manager{}, kept: map[string]string{}}
			text, err := os.ReadFile(suiteFile)
			check(t, err)
			for line := range strings.Lines(string(text)) {
				s.line(strings.TrimSuffix(line, "\n"))
			}
			s.settle()
			if s.steps < 200 {
				t.Errorf("only %d operations were run", s.steps)
			}
		})
	}
}

// overSSH connects by password.
func (at foreign) overSSH(t *testing.T) func() transport.Transport {
	return func() transport.Transport {
		conn, err := overssh.Dial(t.Context(), "tcp", at.NETCONF,
			&ssh.ClientConfig{User: at.User, Auth: []ssh.AuthMethod{ssh.Password(at.Password)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: time.Minute})
		check(t, err)
		return conn
	}
}

// overTLS connects by a certificate, which is configured over SSH.
func (at foreign) overTLS(t *testing.T) func() transport.Transport {
	t.Helper()
	var e element
	fingerprint := e.certify(t)
	own, err := tls.LoadX509KeyPair(e.certFile, e.certKeyFile)
	check(t, err)
	m := manage(t, at.overSSH(t)())
	m.must(rpc.EditConfig{Target: rpc.Candidate, Config: `<system xmlns="urn:mooring:yang:mooring-system"><client-certificate><fingerprint>` + fingerprint +
		`</fingerprint><user>` + at.User + `</user></client-certificate></system>`}, rpc.Commit{})
	check(t, m.Close(t.Context()))
	return func() transport.Transport {
		conn, err := overtls.Dial(t.Context(), "tcp", at.TLS, &tls.Config{Certificates: []tls.Certificate{own}, InsecureSkipVerify: true})
		check(t, err)
		return conn
	}
}

// suite runs the lines of a vendor's suite, which says itself what they mean.
type suite struct {
	t        *testing.T
	dial     func() transport.Transport
	defines  []string // what is replaced by what
	verbs    map[string]string
	sessions map[string]*manager
	kept     map[string]string // session-ids, and what replies told
	title    string
	steps    int

	request  string   // the operation that was run last; "" for none
	inner    string   // what stands in its reply
	errors   []string // of the reply that have not been asked for yet
	expected bool     // something was said of the reply
}

func (s *suite) line(line string) {
	switch {
	case line == "" || strings.HasPrefix(line, "#"):
	case strings.HasPrefix(line, "define "):
		a, b, _ := strings.Cut(line[len("define "):], " = ")
		s.defines = append(s.defines, a, b)
	case strings.HasPrefix(line, "verb "):
		a, b, _ := strings.Cut(line[len("verb "):], " = ")
		s.verbs[a] = b
	case strings.HasPrefix(line, "== "):
		s.settle()
		for _, m := range s.sessions {
			m.Close(s.t.Context())
		}
		clear(s.sessions)
		s.title = line[len("== "):]
	case strings.HasPrefix(line, "= "):
		s.expect(line[len("= "):])
	default:
		s.settle()
		s.do(line)
	}
}

// settle ends a step: what nothing was said of is ok, and all errors have been asked for.
func (s *suite) settle() {
	s.t.Helper()
	if s.request != "" && (!s.expected && s.inner != "<ok/>" || s.expected && len(s.errors) > 0) {
		s.fail("nothing that was not asked for")
	}
	s.request, s.expected, s.errors = "", false, nil
}

func (s *suite) fail(want string) {
	s.t.Helper()
	s.t.Errorf("%s: %s\nwant %s\ngot  %s %s", s.title, s.request, want, s.inner, strings.Join(s.errors, "; "))
}

var name = regexp.MustCompile(`\$(\w+)`)

func (s *suite) expand(text string) string {
	for i := 0; i < len(s.defines); i += 2 {
		text = strings.ReplaceAll(text, s.defines[i], s.defines[i+1])
	}
	return name.ReplaceAllStringFunc(text, func(n string) string { return s.kept[n[1:]] })
}

func (s *suite) session(letter string) *manager {
	s.t.Helper()
	m := s.sessions[letter]
	if m == nil {
		m = manage(s.t, s.dial())
		s.sessions[letter] = m
		s.kept[letter] = fmt.Sprint(m.SessionID())
	}
	return m
}

// do runs "SESSION VERB ARGUMENT".
func (s *suite) do(line string) {
	s.t.Helper()
	letter, rest, _ := strings.Cut(line, " ")
	verb, argument, _ := strings.Cut(rest, " ")
	m := s.session(letter)
	switch verb {
	case "told":
		m.notified(s.expand(argument))
		return
	case "close":
		check(s.t, m.Close(s.t.Context()))
		delete(s.sessions, letter)
		return
	}
	s.steps++
	s.request = line
	var reply struct {
		Text string `xml:",innerxml"`
	}
	err := m.Exec(s.t.Context(), s.expand(strings.ReplaceAll(s.verbs[verb], "%", argument)), &reply)
	s.inner = reply.Text
	list, refused := err.(nemith.RPCErrors)
	if err != nil && !refused {
		s.t.Fatalf("%s: %v", line, err)
	}
	for _, e := range list {
		s.errors = append(s.errors, short(e))
	}
}

func (s *suite) expect(line string) {
	s.t.Helper()
	s.expected = true
	kind, text, _ := strings.Cut(line, " ")
	text = s.expand(text)
	ok := true
	switch kind {
	case "error":
		at := -1
		for i, e := range s.errors {
			if e == text {
				at = i
			}
		}
		if ok = at >= 0; ok {
			s.errors = append(s.errors[:at], s.errors[at+1:]...)
		}
	case "exactly":
		ok = s.inner == text || s.inner == strings.ReplaceAll(text, "<data/>", "<data></data>")
	case "has":
		ok = strings.Contains(s.inner, text)
	case "lacks":
		ok = !strings.Contains(s.inner, text)
	case "keep":
		name, element, _ := strings.Cut(text, " ")
		_, after, _ := strings.Cut(s.inner, "<"+element)
		_, after, _ = strings.Cut(after, ">")
		s.kept[name], _, ok = strings.Cut(after, "<")
	default:
		s.t.Fatalf("no such expectation: %s", line)
	}
	if !ok {
		s.fail(line)
	}
}

// short is an error in a line.
func short(e nemith.RPCError) string {
	parts := []string{string(e.Type), string(e.Tag)}
	if e.AppTag != "" {
		parts = append(parts, e.AppTag)
	}
	if e.Path == "" {
		e.Path = "-"
	}
	parts = append(parts, e.Path)
	var info struct {
		Elements []struct {
			XMLName xml.Name
			Text    string `xml:",chardata"`
		} `xml:",any"`
	}
	if err := xml.Unmarshal([]byte("<i>"+string(e.Info)+"</i>"), &info); err != nil {
		return err.Error()
	}
	for _, i := range info.Elements {
		parts = append(parts, i.XMLName.Local+"="+i.Text)
	}
	return strings.Join(parts, " ")
}
