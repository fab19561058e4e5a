package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestConfig(t *testing.T) {
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			cmd := command()
			out := new(bytes.Buffer)
			cmd.SetOut(out)
			cmd.SetArgs([]string{"config", "--json", "--list", l.name, "--entries", "10,100", "--rounds", "2"})
			if err := cmd.Execute(); err != nil {
				t.Fatal(err)
			}
			var names []string
			for line := range strings.Lines(out.String()) {
				var r Result
				if err := json.Unmarshal([]byte(line), &r); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				if r.N <= 0 || r.CPU <= 0 || r.Wall <= 0 || r.RSS <= 0 || strings.HasSuffix(r.Name, "-10") != (r.Ratio == 1) {
					t.Errorf("%+v", r)
				}
				names = append(names, r.Name)
			}
			want := "load-10 commit-all-10 get-all-10 first-byte-10 commit-leaf-10 confirmed-commit-10 cancel-commit-10 get-one-10 " +
				"load-100 commit-all-100 get-all-100 first-byte-100 commit-leaf-100 confirmed-commit-100 cancel-commit-100 get-one-100"
			if got := strings.Join(names, " "); got != want {
				t.Errorf("lines %s, want %s", got, want)
			}
		})
	}
}

// The entries have as many leaves as is said of them.
func TestListLeaves(t *testing.T) {
	for _, l := range lists {
		xml := l.key(7) + l.leaves(7, 0)
		leaves := strings.Count(xml, "</") - strings.Count(xml, "</auth-option>")
		if !strings.Contains(l.what, fmt.Sprintf(" %d leaves", leaves)) {
			t.Errorf("%s has %d leaves, and is said to be %s", l.name, leaves, l.what)
		}
	}
	if _, err := listNamed("longest"); err == nil {
		t.Error("a list that is not there was found")
	}
}

// serve starts "config" with these arguments; it is interrupted when the test ends, and leaves nothing.
func serve(t *testing.T, arguments ...string) served {
	t.Helper()
	temp := t.TempDir()
	cmd := exec.Command("/proc/self/exe", append([]string{"config", "--json"}, arguments...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("%v left behind, %v", left, err)
		}
	})
	var at served
	if err := json.NewDecoder(out).Decode(&at); err != nil {
		t.Fatal(err)
	}
	return at
}

func get(t *testing.T, at served) string {
	t.Helper()
	client, err := dialNETCONF(at.NETCONF, at.User, at.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var reply bytes.Buffer
	if err := client.read(&reply, `<get-config><source><running/></source></get-config>`); err != nil {
		t.Fatal(err)
	}
	return reply.String()
}

func TestServeEntries(t *testing.T) {
	at := serve(t, "--serve", "7")
	if n := strings.Count(get(t, at), "<nai>"); n != 7 {
		t.Errorf("%d entries, want 7", n)
	}
}

const acme = `module acme {
  yang-version 1.1;
  namespace "urn:acme";
  prefix a;
  import acme-types { prefix t; }
  container plant { leaf colour { type t:colour; } leaf height { type uint8; } }
}
`

const acmeTypes = `module acme-types {
  yang-version 1.1;
  namespace "urn:acme:types";
  prefix t;
  typedef colour { type enumeration { enum red; enum green; } }
}
`

const acmeDeviations = `module acme-deviations {
  yang-version 1.1;
  namespace "urn:acme:deviations";
  prefix d;
  import acme { prefix a; }
  deviation "/a:plant/a:height" { deviate not-supported; }
}
`

func TestServeForeignModules(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"acme.yang": acme, "acme-types.yang": acmeTypes, "acme-deviations.yang": acmeDeviations} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := serve(t, "--yang", filepath.Join(dir, "acme.yang"), "--yang", filepath.Join(dir, "acme-deviations.yang"))
	client, err := dialNETCONF(at.NETCONF, at.User, at.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.edit(strings.NewReader(`<plant xmlns="urn:acme"><colour>blue</colour></plant>`)); err == nil {
		t.Error("a colour that the module lacks was accepted")
	}
	if err := client.edit(strings.NewReader(`<plant xmlns="urn:acme"><colour>green</colour></plant>`)); err != nil {
		t.Fatal(err)
	}
	if err := client.ok("<commit/>"); err != nil {
		t.Fatal(err)
	}
	if reply := get(t, at); !strings.Contains(reply, "<colour>green</colour>") || strings.Contains(reply, "pmipv6") {
		t.Error(reply)
	}
	var library bytes.Buffer
	if err := client.read(&library, `<get><filter><modules-state xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library">`+
		`<module><name>acme</name></module></modules-state></filter></get>`); err != nil {
		t.Fatal(err)
	}
	if want := "<deviation><name>acme-deviations</name><revision/></deviation>"; !strings.Contains(library.String(), want) {
		t.Errorf("the deviation, which has no revision, is missing: %s", library.String())
	}
	if err := client.ok(`<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>`); err != nil {
		t.Errorf("nobody can subscribe: %v", err)
	}
}

func TestCounterAcrossWrites(t *testing.T) {
	const text = "</nai>x</nai></na</nai>i>"
	for size := 1; size <= len(text); size++ {
		c := &counter{text: "</nai>"}
		for rest := text; rest != ""; rest = rest[min(size, len(rest)):] {
			c.Write([]byte(rest[:min(size, len(rest))]))
		}
		if c.n != 3 {
			t.Errorf("%d in writes of %d octets, want 3", c.n, size)
		}
	}
}
