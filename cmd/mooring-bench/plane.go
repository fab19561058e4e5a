package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netlink"
)

// planeCommand is one end of the tunnel, in the namespace that it is started in, until its standard input ends.
func planeCommand() *cobra.Command {
	var name, carrier string
	var anchor bool
	cmd := &cobra.Command{
		Use:    "plane",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i := slices.IndexFunc(variants, func(v variant) bool { return v.name == name })
			if i < 0 {
				return fmt.Errorf("no variant %q", name)
			}
			wish, err := backend.Parse(carrier)
			if err != nil {
				return err
			}
			return runPlane(cmd.Context(), variants[i], anchor, wish)
		},
	}
	cmd.Flags().StringVar(&name, "variant", "", "encapsulation")
	cmd.Flags().StringVar(&carrier, "backend", "", "what carries the tunnel")
	cmd.Flags().BoolVar(&anchor, "anchor", false, "be the anchor")
	return cmd
}

func runPlane(ctx context.Context, v variant, anchor bool, wish backend.Wish) error {
	p, err := backend.Open(backend.Options{UserSpaceOnly: v.slow})
	if err != nil {
		return err
	}
	defer p.Close()
	if err := errors.Join(p.Check(wish), p.Use(wish)); err != nil {
		return err
	}
	if inUse, _ := p.State(); inUse == backend.Kernel {
		v.slow = true // which says nothing of user space
	}
	if reason := p.FastPath(); reason != nil && !v.slow {
		fmt.Fprintf(os.Stderr, "%s: no fast path: %v\n", v.name, reason)
	}
	if ctx == nil {
		ctx = context.Background()
	}
	if err := errors.Join(p.Apply(ctx, operations(v, anchor))...); err != nil {
		return err
	}
	for !settled(p) {
		time.Sleep(10 * time.Millisecond)
	}
	if v.bare {
		if err := withoutRules(); err != nil {
			return err
		}
	}
	if folder := os.Getenv("MOORING_BENCH_PROFILE"); folder != "" {
		file, err := os.Create(fmt.Sprintf("%s/%s-anchor-%t.pprof", folder, v.name, anchor))
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// settled reports whether every tunnel has the fast path that it can have.
func settled(p *backend.Plane) bool {
	tunnels, _ := p.Tunnels()
	for id, state := range tunnels {
		if !state.Fast && id.Encap != dataplane.EncapUDP && p.FastPath() == nil {
			return false
		}
	}
	return true
}

// operations are what the binding of the node wants at one end.
func operations(v variant, anchor bool) []dataplane.Op {
	id := dataplane.TunnelID{Local: netip.MustParseAddr(mag4), Peer: netip.MustParseAddr(lma4), Encap: v.encap}
	if v.v6 {
		id.Local, id.Peer = netip.MustParseAddr(mag6), netip.MustParseAddr(lma6)
	}
	if anchor {
		id.Local, id.Peer = id.Peer, id.Local
	}
	if v.encap == dataplane.EncapUDP {
		id.Port = netlink.PortData
	}
	objects := []dataplane.Object{dataplane.Tunnel{ID: id}}
	if !anchor {
		objects = append(objects, dataplane.Link{Name: accessLink})
	}
	path := dataplane.Path{Tunnel: id}
	for _, node := range []string{node4, node6} {
		addr := netip.MustParseAddr(node)
		prefix := netip.PrefixFrom(addr, addr.BitLen())
		if anchor {
			objects = append(objects, dataplane.Route{
				VRFPrefix: dataplane.VRFPrefix{Prefix: prefix}, Via: dataplane.Target{Path: path},
			})
			continue
		}
		objects = append(objects, dataplane.SourceRoute{Link: accessLink, Source: prefix, Path: path})
	}
	var batch []dataplane.Op
	for _, o := range objects {
		batch = append(batch, dataplane.Op{Object: o})
	}
	return batch
}
