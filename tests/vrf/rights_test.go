package vrf

import (
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"mooring/dataplane/netns"
)

// startConfined starts an element that has the privileges that elements are to have (decision 25), and no other, whoever it is.
func startConfined(t *testing.T, h *netns.Host, folder, startup string) (p *process) {
	t.Helper()
	started, ended := make(chan error), make(chan bool)
	go func() {
		runtime.LockOSThread() // what it drops are a thread's, which ends with this; and with the thread that started it, the element
		err := dropAllBut(unix.CAP_NET_ADMIN, unix.CAP_NET_RAW)
		if err == nil {
			p, err = launch(t, h.StartAsThread, folder, startup)
		}
		started <- err
		<-ended
	}()
	t.Cleanup(func() { close(ended) })
	must(t, <-started)
	p.await()
	return p
}

// dropAllBut keeps what this thread executes from having other privileges.
func dropAllBut(kept ...uintptr) error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if c == kept[0] || c == kept[1] {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != unix.EINVAL { // which this kernel does not know
			return err
		}
	}
	return nil
}

// An element without the privileges of root makes VRFs where they are interfaces. Where they would be namespaces, their state says what is
// missing, and everything else is as if they were not wanted.
func TestMLL02_VRFsWithoutRoot(t *testing.T) {
	lma, others := host(t, "lma"), host(t, "others")
	for _, name := range []string{"c1", "c2", "op1", "op2"} {
		must(t, netns.Connect(lma, name, others, name))
	}
	devices := takeNames(t, lma).devices
	anchor := startConfined(t, lma, t.TempDir(), anchorYANG(t, map[string]string{"CUST1": "OP1", "CUST2": "OP2"}))
	for _, name := range []string{"VRF1", "OP1"} {
		var v vrf
		t.Cleanup(func() { t.Logf("%s is %+v", name, v) })
		eventually(t, "VRF "+name+" is there, or says why it is not", func() bool {
			v = anchor.vrf(name)
			if devices {
				return v == vrf{Kind: "vrf-interface", OperStatus: "up"}
			}
			return v.OperStatus == "down" && v.NextRetry != "" && strings.Contains(v.StatusReason, "CAP_SYS_ADMIN")
		})
	}
}
