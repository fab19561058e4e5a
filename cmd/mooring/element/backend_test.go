package element

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/kernel"
	"mooring/dataplane/netns"
	"mooring/dataplane/reconcile"
	"mooring/server/apply"
	"mooring/server/tree"
)

func TestMain(m *testing.M) { netns.Main(m) }

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
