package element

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"mooring/server/apply"
	"mooring/server/datastore"
)

// reserve comes before signalling, whose sockets need VRFs to be there. What the host refuses is no reason to refuse the configuration: its
// status says so, and it is tried again.
func (e *Element) reserve(_ context.Context, config *apply.Config) (datastore.Prepared, error) {
	return reservation(e.plane.ReserveVRFs(config.Dataplane.VRFs)), nil
}

// reservation is of VRFs. What is applied is wanted by the reconciler from then on.
type reservation func()

func (reservation) Apply()   {}
func (r reservation) Abort() { r() }

// renewed has signalling listen in a VRF that has come late, or that somebody had removed.
func (e *Element) renewed(vrf string) {
	e.parts.Go(func() error {
		e.sockets.Reopen(vrf)
		return nil
	})
}

// vrfKind is what a VRF is on the host, in the words of the model.
func (e *Element) vrfKind(vrf string) string {
	switch device, there := e.plane.VRFIsDevice(vrf); {
	case !there:
		return ""
	case device:
		return "vrf-interface"
	}
	return "namespace"
}

// vrfNames is the folder for VRFs that are network namespaces, for the next process. Only an element whose own network outlives it leaves them
// there: the machine's (of a container, the container's), or one that somebody has given a name. The networks of others go with what started them.
func (e *Element) vrfNames() string {
	const own = "/proc/self/ns/net"
	named, _ := filepath.Glob("/run/netns/*") // ip-netns(8)
	mine, err := os.Stat(own)
	lasts := func(name string) bool {
		other, err2 := os.Stat(name)
		return err == nil && err2 == nil && os.SameFile(mine, other)
	}
	if !slices.ContainsFunc(append(named, "/proc/1/ns/net"), lasts) {
		return ""
	}
	return filepath.Join(e.StateDir, "vrf")
}
