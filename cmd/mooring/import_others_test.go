package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"mooring/server/access"
)

const (
	lmaText = "ipv6 mobile pmipv6-domain d\nipv6 mobile pmipv6-lma l domain d\n"
	lmaNode = `<lma><name>l</name>%s</lma>`
)

// printed is what the element holds, as text.
func (p *process) printed() string {
	p.t.Helper()
	o := complete(p.t, p.host, privileged, "import", "--state-dir", p.dir, "--to", "ios-xr")
	o.expect(p.t, 0)
	text, _, _ := strings.Cut(o.out, "! mooring: ")
	return text
}

// TestImportAmongOthers imports while somebody else holds locks, works on the candidate, or has made a commit that waits: what is refused says by whom
// and what to do, and changes nothing; what is theirs stays theirs.
func TestImportAmongOthers(t *testing.T) {
	p, s := managed(t)
	importing := func(line string, args ...string) outcome {
		t.Helper()
		file := write(t, "router.cfg", lmaText+" "+line+"\n")
		return complete(t, p.host, privileged, append([]string{"import", "--state-dir", p.dir, "--from", "ios-xr", file, "--target", "local"}, args...)...)
	}
	taken := func(line string, args ...string) {
		t.Helper()
		o := importing(line, args...)
		if o.expect(t, 0); !strings.Contains(o.out, "\ncommitted\n") || !strings.Contains(p.printed(), " "+line+"\n") {
			t.Errorf("%q: it says\n%s\nand the element has\n%s", line, o.out, p.printed())
		}
	}
	refused := func(line string, says ...string) {
		t.Helper()
		before := p.printed()
		o := importing(line)
		if o.expect(t, 1, append(says, "nothing was committed")...); strings.Contains(o.out, "\ncommitted") || p.printed() != before {
			t.Errorf("%q: it says\n%s\nand the element has\n%s", line, o.out, p.printed())
		}
	}
	taken("bce lifetime 300")

	s.must("<lock><target><running/></target></lock>")
	refused("bce lifetime 301", "running is locked by session 1 of user ann", "wait until it unlocks")
	s.must("<unlock><target><running/></target></unlock>")

	s.must("<lock><target><candidate/></target></lock>") // which is not the one that an import makes
	taken("bce lifetime 302")
	s.must("<unlock><target><candidate/></target></unlock>")

	got := s.ask(`<partial-lock xmlns="urn:ietf:params:xml:ns:netconf:partial-lock:1.0"><select xmlns:pm="urn:mooring:yang:mooring-pmipv6">/pm:pmipv6/pm:lma</select></partial-lock>`)
	if !strings.Contains(got, "<lock-id") {
		t.Fatal(got)
	}
	refused("bce lifetime 303", "lma[name='l'] is locked by session 1 of user ann", "wait until it unlocks")
	s.must(`<partial-unlock xmlns="urn:ietf:params:xml:ns:netconf:partial-lock:1.0"><lock-id>1</lock-id></partial-unlock>`)

	s.edit(fmt.Sprintf(lmaNode, `<bce><maximum>700</maximum></bce>`)) // something else
	taken("bce lifetime 304")
	s.must("<commit/>")
	if text := p.printed(); !strings.Contains(text, "bce maximum 700") || !strings.Contains(text, "bce lifetime 304") {
		t.Errorf("of two changes there is\n%s", text)
	}
	s.edit(fmt.Sprintf(lmaNode, `<bce><lifetime>700</lifetime></bce>`)) // the same
	taken("bce lifetime 305")
	if got := s.ask("<commit/>"); !strings.Contains(got, "changed the same since the candidate was edited") {
		t.Errorf("whose change was overtaken is told %s", got)
	}
	s.must("<discard-changes/>")

	s.edit(fmt.Sprintf(lmaNode, `<bce><maximum>701</maximum></bce>`))
	s.must("<commit><confirmed/></commit>")
	refused("bce lifetime 306", "a commit of session 1 of user ann waits to be confirmed; wait until it is")
	s.must("<commit/>")

	o := importing("bce lifetime 307\n bce maximum 9\n hnp maximum 4", "--partial")
	if o.expect(t, 0); !strings.Contains(o.out, "maximum takes 1..3, not 4") || !strings.Contains(p.printed(), "bce lifetime 307") || strings.Contains(p.printed(), "hnp") {
		t.Errorf("in part, it says\n%s\nand the element has\n%s", o.out, p.printed())
	}
	p.end(syscall.SIGKILL)
	importing("bce lifetime 308").expect(t, 5, "no element answers in "+p.dir, "mooring run --state-dir")
}

// TestImportIntoCandidate leaves texts in the candidate, where nobody else has changes, for somebody to commit; on the local socket, and over SSH.
func TestImportIntoCandidate(t *testing.T) {
	hash, err := access.HashPassword("correct horse")
	must(t, err)
	h, dir := newHost(t, "h"), t.TempDir()
	p := run(t, h, dir, "--netconf", "127.0.0.1:830", "--startup", write(t, "users.json", fmt.Sprintf(`{"mooring-system:system": {"user": [{"name": "alice", "password": %q}]}}`, hash)))
	s := p.manage()
	must(t, p.merge(`{"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "admin", "user-name": ["alice", "ann"]}]}}}`))
	overSSH := []string{"--target", "127.0.0.1", "--user", "alice", "--password-file", write(t, "password", "correct horse\n"), "--fingerprint", p.said("SSH host key")}
	importing := func(text string, args ...string) outcome {
		t.Helper()
		return complete(t, h, privileged, append([]string{"import", "--state-dir", dir, "--from", "ios-xr", write(t, "router.cfg", text), "--candidate"}, args...)...)
	}
	left := func(text, after string, args ...string) {
		t.Helper()
		before := p.printed()
		o := importing(text, args...)
		if o.expect(t, 0); !strings.Contains(o.out, "\nin the candidate; nothing is committed yet\n") || p.printed() != before {
			t.Errorf("%q: it says\n%s\nand the element has\n%s", text, o.out, p.printed())
		}
		importing(lmaText, args...).expect(t, 1, "the candidate holds changes that nobody has committed: have them committed or discarded first")
		s.must("<commit/>")
		if got := p.printed(); got != after {
			t.Errorf("%q becomes\n%s\nwant\n%s", text, got, after)
		}
	}
	const domain = "ipv6 mobile pmipv6-domain d\n!\nipv6 mobile pmipv6-lma l domain d\n"
	left(lmaText+" bce lifetime 300\n address ipv4 192.0.2.1\n", domain+" address ipv4 192.0.2.1\n bce lifetime 300\n!\n", "--target", "local")
	left(lmaText+" no bce lifetime\n no address ipv4 192.0.2.1\n bce maximum 128000\n", domain+" bce maximum 128000\n!\n", overSSH...)
	left(lmaText+" bce maximum 17\n hnp maximum 4\n", domain+" bce maximum 17\n!\n", append(overSSH, "--partial")...)

	o := importing(lmaText+" bce maximum 18\n hnp maximum 4\n", "--target", "local")
	o.expect(t, 2, "nothing was applied")
	importing("no ipv6 mobile pmipv6-domain d\n", "--target", "local").expect(t, 2, "nothing was applied")
	o = importing(lmaText+" bce maximum 18\n", "--target", "local", "--dry-run")
	if o.expect(t, 0); !strings.Contains(o.out, "valid; nothing was committed") {
		t.Errorf("a dry run says\n%s", o.out)
	}
	s.must("<lock><target><candidate/></target></lock>") // which is to be had only while there are no changes
	importing(lmaText+" bce maximum 18\n", overSSH...).expect(t, 1, "nothing was put into the candidate", "candidate is locked by session", "of user ann; wait until it unlocks")
	s.must("<unlock><target><candidate/></target></unlock>")
	p.end(syscall.SIGKILL)
	importing(lmaText, "--target", "local").expect(t, 5, "no element answers in "+dir)
}
