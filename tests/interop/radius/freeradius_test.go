package radius

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/netns"
)

// program is Debian's FreeRADIUS (package freeradius).
const program = "/usr/sbin/freeradius"

// server is a FreeRADIUS that writes down every record that it takes.
type server struct {
	t      *testing.T
	host   *netns.Host
	folder string
	addr   netip.AddrPort
	stop   func() // kills it
}

const configuration = `
name = freeradius
logdir = %[1]s
run_dir = %[1]s
libdir = /usr/lib/freeradius
pidfile = %[1]s/pid
max_requests = 1024
client element { ipaddr = %[4]s secret = cisco }
modules { detail { filename = %[1]s/detail header = "%%t" permissions = 0600 } }
server default {
	listen { type = acct ipaddr = %[2]s port = %[3]d }
	preacct { }
	accounting { detail }
}
`

// newServer makes a server at an address of a host, for an element at another.
func newServer(t *testing.T, host *netns.Host, at, element string) *server {
	t.Helper()
	s := &server{t: t, host: host, folder: t.TempDir(), addr: netip.MustParseAddrPort(at)}
	text := strings.NewReplacer("{ ", "{\n", " }", "\n}", " secret", "\nsecret", " ipaddr", "\nipaddr", " port", "\nport", " header", "\nheader",
		" permissions", "\npermissions").Replace(fmt.Sprintf(configuration, s.folder, s.addr.Addr(), s.addr.Port(), element))
	must(t,
		os.WriteFile(filepath.Join(s.folder, "radiusd.conf"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(s.folder, "dictionary"), []byte("$INCLUDE /usr/share/freeradius/dictionary\n"), 0o600))
	return s
}

// start lets the server answer, and returns when it does.
func (s *server) start() {
	s.t.Helper()
	var log bytes.Buffer
	cmd := exec.Command(program, "-f", "-l", "stdout", "-d", s.folder, "-n", "radiusd")
	cmd.Stdout, cmd.Stderr = &log, &log
	kill, ended := background(s.t, s.host, cmd)
	s.stop = kill
	eventually(s.t, "FreeRADIUS listens", func() bool {
		select {
		case <-ended:
			s.t.Fatalf("FreeRADIUS ended:\n%s", log.String())
		default:
		}
		var listens bool
		must(s.t, s.host.Do(func() error {
			text, err := os.ReadFile("/proc/thread-self/net/udp")
			listens = strings.Contains(string(text), s.procName())
			return err
		}))
		return listens
	})
}

// procName is how the kernel writes the address in its list of sockets: each half of it is a number of the machine.
func (s *server) procName() string {
	ip := s.addr.Addr().As4()
	return fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(ip[:]), s.addr.Port())
}

// record is what FreeRADIUS has understood of a record: the values by the names of the attributes.
type record map[string][]string

func (r record) get(name string) string { return strings.Join(r[name], ",") }

func (r record) number(t *testing.T, name string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(r.get(name), 10, 64)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return n
}

// records reads the detail file.
func (s *server) records() (list []record) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.folder, "detail"))
	if os.IsNotExist(err) {
		return nil
	}
	must(s.t, err)
	for line := range strings.Lines(string(text)) {
		name, value, isAttribute := strings.Cut(strings.TrimSpace(line), " = ")
		switch {
		case !isAttribute && strings.TrimSpace(line) != "":
			list = append(list, record{}) // the time, which begins a record
		case isAttribute && len(list) > 0:
			r := list[len(list)-1]
			r[name] = append(r[name], strings.Trim(value, `"`))
		}
	}
	return list
}

// await waits for a record of some kind that fits, and returns it.
func (s *server) await(kind string, fits func(record) bool) (found record) {
	s.t.Helper()
	eventually(s.t, kind+" at the server "+s.addr.String(), func() bool {
		for _, r := range s.records() {
			if r.get("Acct-Status-Type") == kind && fits(r) {
				found = r
			}
		}
		return found != nil
	})
	return found
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// eventually waits long enough for a slow machine.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	within(t, time.Minute, what, is)
}

// within waits for what comes later than at once.
func within(t *testing.T, patience time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited until: %s", what)
		}
	}
}
