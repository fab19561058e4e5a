package access

import (
	"encoding/base64"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/server/model"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// element compiles the modules of a Mooring element.
func element(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := model.Schema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func config(t testing.TB, s *schema.Schema, text string) *tree.Node {
	t.Helper()
	n, err := tree.DecodeJSON(strings.NewReader(text), s.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func path(t testing.TB, s *schema.Schema, text string) schema.Path {
	t.Helper()
	p, err := schema.ParsePath(s, text, s.Module)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPassword(t *testing.T) {
	s := element(t)
	hash, err := HashPassword("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	root := config(t, s, `{"mooring-system:system": {"user": [{"name": "alice", "password": "`+hash+`"}, {"name": "keyed"}]}}`)
	u := &Users{Running: func() *tree.Node { return root }}
	got, err := u.Password("alice", "correct horse", "192.0.2.1:5", SSH)
	if err != nil || got.Name != "alice" || got.Origin != SSH || got.IsAdmin() {
		t.Errorf("right password: %+v, %v", got, err)
	}
	for _, c := range [][2]string{{"alice", "correct horsf"}, {"alice", ""}, {"bob", "correct horse"}, {"keyed", ""}} {
		if _, err := u.Password(c[0], c[1], "", SSH); !errors.Is(err, ErrDenied) {
			t.Errorf("user %s password %q: %v", c[0], c[1], err)
		}
	}
}

// TestVerify takes its hashes from crypt(3) of another implementation.
func TestVerify(t *testing.T) {
	for _, c := range []struct {
		hash, password string
		want           bool
	}{
		{"$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!", true},
		{"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1", "Hello world!", true},
		{"$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1", "Hello world", false},
		{unknownUser, "nobody-knows-this", true}, // it is a real hash, so that comparing takes as long
		{"$1$salt$qJH7.N4xYta3aEG/dfqo/0", "password", false},
		{"$0$clear", "clear", false},
		{"", "", false},
	} {
		if got := verify(c.hash, c.password); got != c.want {
			t.Errorf("verify(%q, %q) = %v", c.hash, c.password, got)
		}
	}
}

func TestPublicKeyAndCertificate(t *testing.T) {
	s := element(t)
	key := []byte("\x00\x00\x00\x0bssh-ed25519 and the rest")
	der := []byte("a certificate")
	root := config(t, s, `{"mooring-system:system": {
		"user": [{"name": "alice", "authorized-key": [{"name": "laptop", "algorithm": "ssh-ed25519", "key-data": "`+base64.StdEncoding.EncodeToString(key)+`"}]}],
		"client-certificate": [{"fingerprint": "`+strings.ToLower(Fingerprint(der))+`", "user": "alice"}]}}`)
	u := &Users{Running: func() *tree.Node { return root }}
	if got, err := u.PublicKey("alice", "ssh-ed25519", key, "r"); err != nil || got.Name != "alice" {
		t.Errorf("known key: %+v, %v", got, err)
	}
	if _, err := u.PublicKey("alice", "ssh-rsa", key, "r"); err == nil {
		t.Error("a key of another type was accepted")
	}
	if _, err := u.PublicKey("bob", "ssh-ed25519", key, "r"); err == nil {
		t.Error("the key of another user was accepted")
	}
	if got, err := u.Certificate(der, "r"); err != nil || got.Name != "alice" || got.Origin != TLS {
		t.Errorf("known certificate: %+v, %v", got, err)
	}
	if _, err := u.Certificate([]byte("another"), "r"); err == nil {
		t.Error("an unknown certificate was accepted")
	}
}

func TestPeer(t *testing.T) {
	for _, uid := range []uint32{0, 1000} {
		if u, err := peer(uid, 1000); err != nil || !u.IsAdmin() || u.Origin != Local {
			t.Errorf("user id %d: %+v, %v", uid, u, err)
		}
	}
	if _, err := peer(1001, 1000); !errors.Is(err, ErrDenied) {
		t.Errorf("a stranger: %v", err)
	}
}

func TestKeysAreMadeOnceAndKept(t *testing.T) {
	dir, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	first, err := LoadKeys(dir, "lma1", now)
	if err != nil {
		t.Fatalf("first start: %v", err)
	}
	second, err := LoadKeys(dir, "lma1", now)
	if err != nil {
		t.Fatalf("second start: %v", err)
	}
	if first.HostFingerprint != second.HostFingerprint || first.CertificateFingerprint != second.CertificateFingerprint {
		t.Error("the identity changed between two starts")
	}
	if err := second.Certificate.Leaf.VerifyHostname("127.0.0.1"); err != nil {
		t.Error(err)
	}
	info, err := dir.Stat(keysDir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("keys/ has mode %v, %v", info.Mode(), err)
	}
	for _, name := range []string{hostKeyFile, tlsKeyFile, tlsCertFile} {
		if info, err := dir.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	if err := writeFile(dir, hostKeyFile, []byte("broken")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys(dir, "lma1", now); err == nil || !strings.Contains(err.Error(), hostKeyFile) {
		t.Errorf("a broken host key: %v", err)
	}
}

// readable walks a configuration as a user and lists the leaves that come through.
func readable(t testing.TB, c *Control, u User, root *tree.Node) string {
	t.Helper()
	filter, ok := c.For(u).Reader(nil)
	if !ok {
		return ""
	}
	var b strings.Builder
	w := tree.NewJSONWriter(&b, "")
	w.Begin()
	(&tree.Walk{Writer: w, Filter: filter}).Node(root)
	if err := w.End(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func tags(err error) (list []string) {
	for _, e := range tree.Errors(err) {
		list = append(list, string(e.Tag)+" "+e.Path.String())
	}
	slices.Sort(list)
	return list
}

const people = `"mooring-system:system": {"user": [{"name": "alice", "password": "$6$a$` + hash86 + `"}, {"name": "bob"}]}`

const hash86 = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestFirstNACM(t *testing.T) {
	s := element(t)
	root := config(t, s, `{`+people+`, "ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["alice"]}]}}}`)
	c := NewControl(func() *tree.Node { return root })
	alice, bob := User{Name: "alice", Origin: SSH}, User{Name: "bob", Origin: SSH}
	p := path(t, s, "/mooring-system:system/user[name='bob']")
	if !c.For(alice).Read(p) || c.For(alice).Exec("ietf-netconf", "edit-config", nil) != nil {
		t.Error("a member of admin is refused")
	}
	if c.For(bob).Read(p) || c.For(bob).Exec("ietf-netconf", "get-config", nil) == nil {
		t.Error("somebody else is let in before NACM is configured")
	}
	if got := readable(t, c, bob, root); got != "{}" {
		t.Errorf("somebody else reads %s", got)
	}
	if c.For(bob).Exec("ietf-netconf", "close-session", nil) != nil {
		t.Error("close-session is refused")
	}
	if !c.For(Element).Read(p) {
		t.Error("the element itself is refused")
	}
}

// TestRules goes through section 3.4.5 of RFC 8341 rule by rule.
func TestRules(t *testing.T) {
	s := element(t)
	root := config(t, s, `{`+people+`, "ietf-netconf-acm:nacm": {"write-default": "deny",
		"groups": {"group": [{"name": "admin", "user-name": ["root"]}, {"name": "staff", "user-name": ["alice", "bob"]}]},
		"rule-list": [
			{"name": "1", "group": ["admin"], "rule": [{"name": "all", "action": "permit"}]},
			{"name": "2", "group": ["staff"], "rule": [
				{"name": "own", "path": "/mooring-system:system/user[name=$USER]", "access-operations": "read update create", "action": "permit"},
				{"name": "no-users", "path": "/mooring-system:system/user", "access-operations": "read", "action": "deny"},
				{"name": "gnmi", "path": "/mooring-system:system/gnmi", "access-operations": "create update delete", "action": "permit"},
				{"name": "no-port", "path": "/mooring-system:system/netconf/ssh/port", "access-operations": "read", "action": "deny"},
				{"name": "no-commit", "module-name": "ietf-netconf", "rpc-name": "commit", "access-operations": "exec", "action": "deny"}]}]}}`)
	root, err := tree.Apply(root, tree.Edit{Op: tree.Merge, Node: config(t, s, `{"mooring-system:system": {"netconf": {"ssh": {"port": 831, "enabled": true}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	c := NewControl(func() *tree.Node { return root })
	alice, admin, guest := User{Name: "alice", Origin: SSH}, User{Name: "root", Origin: TLS}, User{Name: "guest", Origin: SSH}

	want := `{"mooring-system:system":{"netconf":{"ssh":{"enabled":true}},"user":[{"name":"alice","password":"$6$a$` + hash86 + `"}]}}`
	if got := readable(t, c, alice, root); got != want {
		t.Errorf("alice reads\n%s, want\n%s", got, want)
	}
	if got := readable(t, c, admin, root); got != jsonText(t, root) {
		t.Errorf("an admin reads\n%s", got)
	}
	want = `{"mooring-system:system":{"netconf":{"ssh":{"port":831,"enabled":true}},"user":[{"name":"alice"},{"name":"bob"}]}}`
	if got := readable(t, c, guest, root); !sameMembers(got, want) {
		t.Errorf("who is in no group reads\n%s, want\n%s", got, want)
	}
	if c.For(alice).Exec("ietf-netconf", "commit", nil) == nil || c.For(alice).Exec("ietf-netconf", "lock", nil) != nil {
		t.Error("rules for operations")
	}
	if c.For(guest).Exec("ietf-netconf", "kill-session", nil) == nil || c.For(admin).Exec("ietf-netconf", "kill-session", nil) != nil {
		t.Error("kill-session is denied unless a rule permits it")
	}
	edited, err := tree.Apply(root, tree.Edit{Op: tree.Merge, Node: config(t, s, `{"mooring-system:system": {
		"user": [{"name": "bob", "authorized-key": [{"name": "k", "algorithm": "ssh-ed25519", "key-data": "AA=="}]}],
		"gnmi": {"port": 9340}, "netconf": {"ssh": {"port": 832}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	got := tags(c.For(alice).Changes(tree.Diff(root, edited)))
	denied := []string{
		"access-denied /mooring-system:system/netconf/ssh/port",
		"access-denied /mooring-system:system/user[name='bob']/authorized-key[name='k']",
	}
	if !slices.Equal(got, denied) {
		t.Errorf("alice is denied %q, want %q", got, denied)
	}
	if err := c.For(admin).Changes(tree.Diff(root, edited)); err != nil {
		t.Errorf("an admin is denied %v", err)
	}
	if n := c.Denied.DataWrites.Load(); n != 2 {
		t.Errorf("%d writes counted as denied, want 2", n)
	}
}

func jsonText(t testing.TB, n *tree.Node) string {
	t.Helper()
	var b strings.Builder
	if err := tree.WriteJSON(&b, n, ""); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// sameMembers compares JSON whose objects may be in another order: the order of the schema is not what is tested.
func sameMembers(a, b string) bool {
	x, y := strings.Split(a, ""), strings.Split(b, "")
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// trace notes which paths a filter lets through.
type trace struct {
	tree.Filter
	at   schema.Path
	seen map[string]bool
}

func (f *trace) Enter(n *tree.Node) bool {
	if !f.Filter.Enter(n) {
		return false
	}
	f.at = append(f.at, n.Step())
	f.seen[f.at.String()] = true
	return true
}

func (f *trace) Leave() {
	f.at = f.at[:len(f.at)-1]
	f.Filter.Leave()
}

type collect struct{}

func (*collect) Open(*schema.Node)               {}
func (*collect) Close()                          {}
func (*collect) Leaf(*schema.Node, string, bool) {}
