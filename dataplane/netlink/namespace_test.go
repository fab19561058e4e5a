package netlink_test

import (
	"os"
	"sync"
	"testing"

	"mooring/dataplane/netlink"
)

// Who moves an interface into the namespace of a process, by its number, moves it into that of the main thread. No number of namespaces made leads that astray.
func TestNamespaceOfTheProcessStays(t *testing.T) {
	own := func() string {
		name, err := os.Readlink("/proc/self/ns/net")
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	before := own()
	var makers sync.WaitGroup
	for range 64 {
		makers.Go(func() {
			ns, err := netlink.NewNamespace()
			if err != nil {
				t.Error(err)
				return
			}
			ns.Close()
		})
	}
	makers.Wait()
	if after := own(); after != before {
		t.Errorf("the process was in %s and is in %s", before, after)
	}
}
