package element

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/kernel"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
	"mooring/server/apply"
	"mooring/server/model"
	"mooring/server/tree"
)

const withAdoption = `{"mooring-system:system": {"dataplane": {"backend": "BACKEND"}}, "mooring-pmipv6:pmipv6": {"domain": [{"name": "d"}], "lma": [{"name": "l", "domain": "d",
	"address": {"ipv4": ["192.0.2.1"]}, "mag": [{"id": "m1", "domain": "d", "ipv4-address": "192.0.2.11", "tunnel-interface": "lo"},
		{"id": "m2", "domain": "d", "ipv4-address": "192.0.2.12", "tunnel-interface": "tunnel-ip97"}]}]}}`

// A commit that names an interface as a tunnel is refused where user space carries tunnels, with what to do, and warned of where the host
// does not have the interface as it has to be. The plan of a start refuses the same. A change that may not be refused is not, and a later one not for what it does not change.
func TestPEER05_Commit(t *testing.T) {
	s, err := model.Schema()
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	translator, err := apply.New(s)
	must(err)
	lacks := map[kernel.Kind]error{}
	for _, k := range kernel.Kinds() {
		lacks[k] = errors.New("modprobe ip_gre")
	}
	for backendName, kernelHas := range map[string]bool{"userspace": true, "auto": false, "kernel": true} {
		probe := lacks
		if kernelHas {
			probe = nil
		}
		host, err := netns.NewHost("host")
		must(err)
		plane, err := backend.Open(backend.Options{Namespace: host.Namespace, Probe: func() map[kernel.Kind]error { return probe }})
		must(err)
		defer plane.Close()
		e := &Element{Options: Options{Log: slog.New(slog.DiscardHandler)}, plane: plane, reconciler: reconcile.New(plane, reconcile.Options{})}
		e.running.Store(&apply.Config{Dataplane: &dataplane.Config{}})
		text := strings.Replace(withAdoption, "BACKEND", backendName, 1)
		config, _, err := translator.Translate(nil, tree.Diff(tree.NewRoot(s), decoded(t, s.Root, text)))
		must(err)
		_, err = e.choose(t.Context(), config)
		atStart := (&StartPlan{wanted: config}).check(func() (map[kernel.Kind]error, error) { return probe, nil })
		if fmt.Sprint(atStart) != fmt.Sprint(err) {
			t.Errorf("%s: a start is planned with %v, a commit refused with %v", backendName, atStart, err)
		}
		warnings := e.unfit(e.running.Load(), config)
		if backendName == "kernel" {
			if err != nil || len(warnings) != 2 || warnings[0].AppTag != apply.Mismatch || !strings.Contains(warnings[0].Message, "interface lo is of kind device") ||
				warnings[1].AppTag != apply.BadReference || warnings[1].Message != "the host has no interface tunnel-ip97; until then there is no tunnel" ||
				warnings[1].Path.String() != "/mooring-pmipv6:pmipv6/lma[name='l']/mag[id='m2'][domain='d']/tunnel-interface" {
				t.Errorf("kernel: %v, %v", err, warnings)
			}
			continue
		}
		refusals := tree.Errors(err)
		if len(refusals) != 2 || len(warnings) != 0 || refusals[0].Tag != tree.NotSupported || refusals[0].Path.String() != "/mooring-pmipv6:pmipv6/lma[name='l']/mag[id='m1'][domain='d']/tunnel-interface" ||
			!strings.Contains(refusals[1].Message, "interface tunnel-ip97 can be the tunnel only where the kernel carries it") || !strings.Contains(refusals[1].Message, "have the dataplane backend be kernel") {
			t.Errorf("%s: %v, %v", backendName, err, warnings)
		}
		e.forced = true
		prepared, err := e.choose(t.Context(), config)
		must(err)
		prepared.Apply()
		e.forced = false
		e.running.Store(config)
		if _, err := e.choose(t.Context(), config); err != nil {
			t.Errorf("%s: a later change is refused: %v", backendName, err)
		}
	}
}
