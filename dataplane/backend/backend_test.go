package backend

import (
	"fmt"
	"os"
	"testing"

	"mooring/dataplane/netlink"
	"mooring/dataplane/planetest"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(carrying); task != "" {
		if err := carry(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	planetest.Main(m, openAuto)
}

func openIn(ns *netlink.Namespace) (*Plane, error) {
	return Open(Options{Namespace: ns})
}

func openAuto(ns *netlink.Namespace) (planetest.Plane, error) {
	p, err := openIn(ns)
	if err != nil {
		return nil, err
	}
	return p, p.Use(Auto)
}

func TestPlane(t *testing.T) {
	planetest.Test(t, func(t *testing.T) *planetest.Host { return planetest.InNamespace(t, openAuto) })
}

func TestForward(t *testing.T) { planetest.Forward(t, openAuto) }

// What nobody has of the pools goes nowhere.
func TestLMA28_UnassignedSpaceIsDiscarded(t *testing.T) {
	planetest.Pools(t, openAuto)
}

// ACL-01, ACL-02, ACL-03, ACL-04, ACL-05, TUN-01, TUN-02 and TUN-03 with packets, by whatever carries them.
func TestPolicies(t *testing.T) { planetest.Policies(t, openAuto) }

// Every discarded packet is counted by its reason, of its tunnel.
func TestOPS18_DropsByTunnel(t *testing.T) { planetest.Drops(t, openAuto) }

// What the host refuses for want of privileges has a status that says so, and is tried again.
func TestPrivileges(t *testing.T) { planetest.Privileges(t, openAuto) }

func TestNames(t *testing.T) {
	for _, w := range []Wish{Auto, Kernel, Userspace} {
		if got, err := Parse(w.String()); got != w || err != nil {
			t.Errorf("%s is %s, %v", w, got, err)
		}
	}
	if _, err := Parse("ebpf"); err == nil {
		t.Error("there is a backend ebpf")
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
