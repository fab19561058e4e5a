package netconf

import (
	"context"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/binding"
	"mooring/mobility/lma"
	"mooring/mobility/pool"
	"mooring/server/model"
	"mooring/server/state"
	"mooring/yang"
)

// ncclient subscribes to bindings and to the configuration (RFC 8641), and yanglint finds nothing wrong with what it is sent.
func TestNcclientPush(t *testing.T) {
	bindings := binding.New()
	e := serveWith(t, model.Sources(), func(s *state.State) {
		anchors := []state.LMA{{Name: "lma1", Table: bindings, Session: func(id dataplane.SessionID) dataplane.SessionID { return id },
			Peers: func(context.Context) ([]lma.PeerState, error) { return nil, nil }, Networks: func(context.Context) (map[string][]pool.Usage, error) { return nil, nil }}}
		check(t, s.MountElement(state.Sources{LMAs: func() []state.LMA { return anchors }}))
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	defer func() { stop(); <-done }()
	go func() { // a node is registered again and again, another one comes and goes
		defer close(done)
		for i := uint16(0); ctx.Err() == nil; i++ {
			bindings.Put(registered(1, i))
			bindings.Put(registered(2, i))
			time.Sleep(20 * time.Millisecond)
			bindings.Delete(2)
		}
	}()
	folder := t.TempDir()
	out, err := run(t, "", python, absolute(t, "testdata/ncclient_push.py"), e.addr.Addr().String(), port(e), user, password, folder)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
	validateNotifications(t, folder)
}

func registered(id dataplane.SessionID, sequence uint16) *mobility.Binding {
	care := netip.MustParseAddr("2001:db8::11")
	return &mobility.Binding{
		ID: id, Ends: unique.Make(mobility.Ends{CareOf: care, Remote: netip.AddrPortFrom(care, 0), Peer: "mag1"}),
		Lifetime: 600 * time.Second, Expires: mobility.At(time.Now().Add(600 * time.Second)), Updated: mobility.At(time.Now()),
		Sequence: sequence, State: mobility.StateActive, Install: mobility.Installed,
		Holding: &mobility.Holding{
			Node: mobility.NAI("camera@example.net"), Prefixes: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64")},
			Created: mobility.At(time.Now()),
		},
	}
}

// validateNotifications has yanglint check every message in a folder against the modules that are served.
func validateNotifications(t *testing.T, folder string) {
	t.Helper()
	modules := t.TempDir()
	check(t, os.CopyFS(modules, yang.FS))
	args := []string{"-p", filepath.Join(modules, "ietf"), "-p", filepath.Join(modules, "mooring"), "-t", "nc-notif"}
	for _, m := range yang.Modules {
		if m.Implement {
			found, err := fs.Glob(yang.FS, "*/"+m.Name+".yang")
			check(t, err)
			args = append(args, "-F", m.Name+":"+strings.Join(m.Features, ","), filepath.Join(modules, found[0]))
		}
	}
	messages, err := filepath.Glob(filepath.Join(folder, "*.xml"))
	check(t, err)
	if len(messages) < 10 {
		t.Fatalf("ncclient kept %d messages", len(messages))
	}
	for _, message := range messages {
		if out, err := run(t, "", "yanglint", append(args, message)...); err != nil || out != "" {
			text, _ := os.ReadFile(message)
			t.Errorf("%v %s\n%s", err, out, text)
		}
	}
	if out, err := run(t, "", "yanglint", append(args, file(t, `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-11-22T10:00:00Z</eventTime>`+
		`<push-change-update xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"><id>1</id><datastore-changes><yang-patch><patch-id>0</patch-id><edit><edit-id>1</edit-id>`+
		`<operation>change</operation><target>/</target></edit></yang-patch></datastore-changes></push-change-update></notification>`))...); err == nil {
		t.Errorf("yanglint accepts everything: %s", out)
	}
}
