package kernel

import (
	"errors"
	"fmt"
	"net/netip"

	"mooring/dataplane"
	"mooring/dataplane/netlink"
)

// Check finds out, in a namespace that it makes for that, what this host lacks for the plane; nil if nothing. Each error names a
// kernel module or a privilege. A host without tunnels over UDP passes: they are refused one by one.
func Check() error {
	ns, err := netlink.NewNamespace()
	if err != nil {
		return err
	}
	defer ns.Close()
	host, err := netlink.Open(ns)
	if err != nil {
		return err
	}
	defer host.Close()
	var errs []error
	for _, ends := range [][2]string{{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8::2"}} {
		for _, encap := range []dataplane.Encap{dataplane.EncapIP, dataplane.EncapGRE} {
			path := dataplane.Path{Tunnel: dataplane.TunnelID{
				Local: netip.MustParseAddr(ends[0]), Peer: netip.MustParseAddr(ends[1]), Encap: encap,
			}}
			errs = append(errs, host.AddTunnel(nameOf(path), path))
		}
	}
	f, err := openFilter(ns)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	defer f.close()
	if err := f.rebuild(nil, nil); err != nil {
		errs = append(errs, fmt.Errorf("%w; the kernel needs the modules nf_tables, nft_fib_inet and nft_objref", err))
	}
	return errors.Join(errs...)
}
