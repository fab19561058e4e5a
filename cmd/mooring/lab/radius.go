package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"mooring/dataplane/netns"
)

// radius is a FreeRADIUS that writes down every record that it takes.
type radius struct {
	folder string
	cmd    *exec.Cmd
	ended  chan struct{}
	log    bytes.Buffer
}

// radiusPrograms are the names that distributions give to FreeRADIUS.
var radiusPrograms = []string{"freeradius", "/usr/sbin/freeradius", "radiusd", "/usr/sbin/radiusd"}

// radiusConfiguration has a folder, the address and port to listen at, and the address and secret of the client.
const radiusConfiguration = `name = radius
logdir = %[1]s
run_dir = %[1]s
pidfile = %[1]s/pid
max_requests = 1024
client element {
	ipaddr = %[4]s
	secret = %[5]s
}
modules {
	detail {
		filename = %[1]s/detail
		header = "%%t"
		permissions = 0600
	}
}
server default {
	listen {
		type = acct
		ipaddr = %[2]s
		port = %[3]d
	}
	preacct {
	}
	accounting {
		detail
	}
}
`

// startRADIUS starts the server, and returns when it listens.
func startRADIUS(ctx context.Context, h *netns.Host, folder, address string, port int, client, secret string) (*radius, error) {
	program, err := radiusProgram()
	if err != nil {
		return nil, err
	}
	r := &radius{folder: filepath.Join(folder, "radius"), ended: make(chan struct{})}
	text := fmt.Sprintf(radiusConfiguration, r.folder, address, port, client, secret)
	err = errors.Join(os.Mkdir(r.folder, 0o700),
		os.WriteFile(filepath.Join(r.folder, "radiusd.conf"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(r.folder, "dictionary"), []byte("$INCLUDE /usr/share/freeradius/dictionary\n"), 0o600))
	if err != nil {
		return nil, err
	}
	r.cmd = exec.Command(program, "-f", "-l", "stdout", "-d", r.folder, "-n", "radiusd")
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started := make(chan error)
	go func() {
		err := h.Start(r.cmd)
		started <- err
		if err == nil {
			r.cmd.Wait()
		}
		close(r.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return r, r.ready(ctx, h, port)
}

func radiusProgram() (string, error) {
	for _, name := range radiusPrograms {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", &Unfit{errors.New("there is no FreeRADIUS, which takes the accounting: install the package freeradius")}
}

// radiusFiles are the files that the server consists of on Debian, which the virtual machine is made of, beside its shared libraries.
func radiusFiles() ([]string, error) {
	if _, err := radiusProgram(); err != nil {
		return nil, err
	}
	return []string{"/usr/sbin/freeradius", "/usr/lib/freeradius/rlm_detail.so", "/usr/share/freeradius/dictionary*", "/usr/lib/*/ossl-modules/legacy.so"}, nil
}

// ready waits until the server listens.
func (r *radius) ready(ctx context.Context, h *netns.Host, port int) error {
	for {
		var sockets []byte
		err := h.Do(func() (err error) {
			sockets, err = os.ReadFile("/proc/thread-self/net/udp")
			return err
		})
		if err != nil {
			return err
		}
		if strings.Contains(string(sockets), fmt.Sprintf(":%04X ", port)) {
			return nil
		}
		select {
		case <-r.ended:
			return fmt.Errorf("FreeRADIUS ended: %s", r.log.String())
		case <-ctx.Done():
			return fmt.Errorf("FreeRADIUS does not listen: %w", context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *radius) close() {
	r.cmd.Process.Kill() // it has nothing to lose
	<-r.ended
}

// record is what FreeRADIUS has understood of a record: the values by the names of the attributes.
type record map[string]string

// records are those that the server has taken, from number n on.
func (r *radius) records(n int) (list []record) {
	text, _ := os.ReadFile(filepath.Join(r.folder, "detail")) // there is none before the first
	for _, paragraph := range strings.Split(string(text), "\n\n") {
		one := record{}
		for line := range strings.Lines(paragraph) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
				name, value = strings.TrimSuffix(name, ":0"), strings.Trim(value, `"`) // the tag of RFC 2868 is 0: there is one tunnel
				if one[name] != "" {
					value = one[name] + " " + value
				}
				one[name] = value
			}
		}
		if one["Timestamp"] != "" { // complete: it is the last line
			list = append(list, one)
		}
	}
	return list[min(n, len(list)):]
}

// about says what a record is: Start or Stop of a node or a tunnel, and whose.
func (r record) about() string {
	kind := r["Acct-Status-Type"]
	switch {
	case r["User-Name"] != "":
		return kind + ofNode(r["User-Name"]) + ", " + r["Cisco-AVPair"]
	case r["Tunnel-Server-Endpoint"] != "":
		return kind + ofTunnel(r["Tunnel-Server-Endpoint"], r["Tunnel-Client-Endpoint"]) + ", " + r["Cisco-AVPair"]
	}
	return kind
}

func ofNode(nai string) string               { return " of node " + nai }
func ofTunnel(anchor, gateway string) string { return " of tunnel " + anchor + " to " + gateway }

// telling are the attributes of a record that are shown.
var telling = []string{"Framed-IP-Address", "Framed-IPv6-Prefix", "Framed-Route", "Delegated-IPv6-Prefix", "Tunnel-Type",
	"Acct-Session-Time", "Acct-Input-Octets", "Acct-Output-Octets", "Acct-Terminate-Cause"}

// String is what is shown of a record.
func (r record) String() string {
	text := r.about()
	for _, name := range telling {
		if r[name] != "" {
			text += ", " + name + " " + r[name]
		}
	}
	return text
}
