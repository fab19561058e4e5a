package plane

import (
	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// SourceOp is an operation on a source, and the VRF of its link. Of one that is removed, the key counts.
type SourceOp struct {
	Remove bool
	VRF    string
	dataplane.SourceRoute
}

// Carrier makes tunnels of one kind, and knows what leads into them. Its methods are called one at a time, and are idempotent; Tunnels
// and Lost may be called at any time.
type Carrier interface {
	// Attach tells of the network of a VRF, before anything else that names the VRF, and again when that has become another one. The host
	// stays open until the carrier is detached, or closed.
	Attach(vrf string, host *netlink.Host) error
	// Detach says that the VRF goes. It fails while anything of the carrier's is in it.
	Detach(vrf string) error

	// PutPolicy is told of the policies of all tunnels that there may be, whoever has them.
	PutPolicy(dataplane.Policy) error
	RemovePolicy(dataplane.PolicyKey) error
	// Matches returns what the rules of access lists have decided about, of the policies that there are.
	Matches() map[dataplane.MatchKey]dataplane.Matches

	PutTunnel(dataplane.Tunnel) error
	// RemoveTunnel fails while something leads into the tunnel.
	RemoveTunnel(dataplane.TunnelID) error

	// Lead returns the index of the device that packets of a VRF are to be routed to, so that they go into the path.
	Lead(vrf string, path dataplane.Path) (index int, err error)
	// Enter says that a route for the prefix leads to the device of the path: what the peer sends from there may pass.
	Enter(at dataplane.VRFPrefix, path dataplane.Path) error
	// Leave says that no route for the prefix leads to a device of the carrier any more: there is none, or it leads elsewhere.
	Leave(at dataplane.VRFPrefix, elsewhere bool) error

	// ApplySources is told of sources on access links alone, in the order in which they change, and returns what became of each. What cannot
	// be done does not keep the others from being done.
	ApplySources([]SourceOp) []error
	// Uplink returns the device for what arrives on an access link and is not led into a tunnel otherwise; none where that is discarded.
	Uplink(dataplane.Link) (device string, err error)
	// ReleaseUplink says that the device of Uplink is not needed any more.
	ReleaseUplink(link string) error
	// RemoveLink forgets an access link with all its sources.
	RemoveLink(name string) error

	// Look reads off the host what is there, mends what no object stands for, and returns tunnels, sources, and the keys of policies and
	// adoptions that an earlier process has left and nobody has put since. After it, Found is called for every route of ours that led to a device
	// when routes were listed, which was before, and then Tidy. Other calls come between these.
	Look() ([]dataplane.Object, error)
	Found(at dataplane.VRFPrefix, device string) (path dataplane.Path, ok bool)
	// Tidy removes what has turned out not to be needed.
	Tidy() error

	// Made reports whether a device in a network is one that the carrier has made, and still has.
	Made(network *netlink.Host, device string) bool
	// Altered reports whether somebody has changed a device that the carrier has made.
	Altered(device string) bool
	// Owns reports whether a device of this name is the carrier's, or was.
	Owns(device string) bool
	// Lost reports whether the carrier misses a device that is not up, or not in its VRF: one of its own, or one that it has adopted.
	Lost(device string) bool

	// Tunnels is as in dataplane.Plane.
	Tunnels() (map[dataplane.TunnelID]dataplane.TunnelState, dataplane.Drops)
	// Close ends what depends on the process.
	Close() error
}
