package element

import (
	"context"
	"os"
	"path/filepath"

	"mooring/server/apply"
	"mooring/server/datastore"
)

// reserve comes before signalling, whose sockets need VRFs to be there.
func (e *Element) reserve(_ context.Context, config *apply.Config) (datastore.Prepared, error) {
	release, err := e.plane.ReserveVRFs(config.Dataplane.VRFs)
	if err != nil {
		return nil, err
	}
	return reservation(release), nil
}

// reservation is of VRFs. What is applied is wanted by the reconciler from then on.
type reservation func()

func (reservation) Apply()   {}
func (r reservation) Abort() { r() }

// renewed has signalling listen again in a VRF that somebody had removed.
func (e *Element) renewed(vrf string) {
	e.parts.Go(func() error {
		e.sockets.Reopen(vrf)
		return nil
	})
}

// vrfNames is the folder for VRFs that are network namespaces. Only the element that has the machine's own network (of a container, the
// container's) leaves them there for the next process: the networks of others go with what started them.
func (e *Element) vrfNames() string {
	own, err := os.Readlink("/proc/self/ns/net")
	first, err2 := os.Readlink("/proc/1/ns/net")
	if err != nil || err2 != nil || own != first {
		return ""
	}
	return filepath.Join(e.StateDir, "vrf")
}
