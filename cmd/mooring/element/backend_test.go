package element

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/kernel"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
	"mooring/server/apply"
	"mooring/server/tree"
)

func TestMain(m *testing.M) { netns.Main(m) }

// A start is planned that asks for tunnels which the kernel does not have: it is refused as a commit is. Who may not find that out is told so.
func TestStartPlanOfBackendThatTheHostLacks(t *testing.T) {
	k := kernel.Kinds()[0]
	for name, c := range map[string]struct {
		asked   apply.Backend
		adopts  []dataplane.Adoption
		lacks   map[kernel.Kind]error
		err     error
		path    bool
		unknown bool
	}{
		"all is there":            {asked: apply.KernelBackend},
		"something is missing":    {asked: apply.KernelBackend, lacks: map[kernel.Kind]error{k: errors.New("modprobe sit")}, path: true},
		"it is not needed":        {asked: apply.AnyBackend, lacks: map[kernel.Kind]error{k: errors.New("modprobe sit")}},
		"no namespace":            {asked: apply.KernelBackend, err: unix.EPERM, unknown: true},
		"nothing in it":           {asked: apply.KernelBackend, lacks: map[kernel.Kind]error{k: unix.EPERM}, unknown: true},
		"no namespace, no matter": {asked: apply.UserspaceBackend, err: unix.EPERM},
		"to adopt, no namespace":  {asked: apply.AnyBackend, adopts: []dataplane.Adoption{{Device: "tunnel-ip97"}}, err: unix.EPERM, unknown: true},
		"to adopt, one of all":    {asked: apply.AnyBackend, adopts: []dataplane.Adoption{{Device: "tunnel-ip97"}}, lacks: map[kernel.Kind]error{k: errors.New("modprobe sit")}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &StartPlan{wanted: &apply.Config{Manage: &apply.Management{Backend: c.asked}, Dataplane: &dataplane.Config{Adoptions: c.adopts}}}
			err := p.check(func() (map[kernel.Kind]error, error) { return c.lacks, c.err })
			refusal, ok := errors.AsType[*tree.Error](err)
			if ok != c.path || ok && (refusal.Path.String() != "/mooring-system:system/dataplane/backend" || !strings.Contains(refusal.Message, "modprobe sit")) {
				t.Errorf("refused with %v", err)
			}
			if unknown := errors.Is(err, ErrPrivilege); unknown != c.unknown || err != nil && !unknown && !ok {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// A commit that asks for tunnels that the kernel does not have is refused, and says what to load. One that may not be refused is obeyed,
// and the state says the same.
func TestBackendThatTheHostLacks(t *testing.T) {
	plane, err := backend.Open(backend.Options{Probe: func() map[kernel.Kind]error {
		return map[kernel.Kind]error{kernel.Kinds()[0]: errors.New("modprobe sit")}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer plane.Close()
	e := &Element{Options: Options{Log: slog.New(slog.DiscardHandler)}, plane: plane, reconciler: reconcile.New(plane, reconcile.Options{})}
	config := &apply.Config{Manage: &apply.Management{Backend: apply.KernelBackend}, Dataplane: &dataplane.Config{}}
	_, err = e.choose(t.Context(), config)
	refusal, ok := errors.AsType[*tree.Error](err)
	if !ok || refusal.Path.String() != "/mooring-system:system/dataplane/backend" || !strings.Contains(refusal.Message, "modprobe sit") {
		t.Fatalf("refused with %v", err)
	}
	if shown := e.backend(); shown.InUse != "userspace" {
		t.Errorf("after the refusal: %+v", shown)
	}
	e.forced = true
	prepared, err := e.choose(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	prepared.Apply()
	if shown := e.backend(); shown.InUse != "kernel" || !strings.Contains(shown.Reason, "modprobe sit") {
		t.Errorf("after a change that may not be refused: %+v", shown)
	}
	e.forced = false
	if _, err := e.choose(t.Context(), config); err != nil {
		t.Errorf("a later change is refused for what it does not change: %v", err)
	}
}
