package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
	netlib "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"mooring/dataplane/netlink"
	"mooring/dataplane/netns"
)

// node is the mobile node: the kernel's own network stack, which configures itself from router advertisements, and a DHCP client.
// Neither knows anything of mobility.
type node struct {
	host   *netns.Host
	client *nclient4.Client
	lease  *nclient4.Lease
}

// newNode starts the DHCP client of a node. Its link has to be there.
func newNode(host *netns.Host) (*node, error) {
	n := &node{host: host}
	err := host.Do(func() (err error) {
		n.client, err = nclient4.New(nodeLink, nclient4.WithTimeout(time.Second), nclient4.WithRetry(10))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the node's DHCP client: %w", err)
	}
	return n, nil
}

func (n *node) close() { n.client.Close() }

// configure waits until the node has an address of each family, and returns them: the IPv4 one first.
func (n *node) configure(ctx context.Context) ([]netip.Addr, error) {
	lease, err := n.client.Request(ctx)
	if err != nil {
		return nil, fmt.Errorf("the node asked by DHCP: %w", err)
	}
	n.lease = lease
	if err := n.obey(lease.ACK); err != nil {
		return nil, fmt.Errorf("the node's lease %s: %w", lease.ACK.YourIPAddr, err)
	}
	for {
		addresses, err := n.addresses()
		if err != nil {
			return nil, err
		}
		if len(addresses) > 1 && addresses[1].Is6() {
			return addresses, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the node formed no IPv6 address, it has %v: %w", addresses, context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// obey does with a lease what DHCP clients do.
func (n *node) obey(ack *dhcpv4.DHCPv4) error {
	link, err := n.host.Net.LinkByName(nodeLink)
	if err != nil {
		return err
	}
	if mtu, err := dhcpv4.GetUint16(dhcpv4.OptionInterfaceMTU, ack.Options); err == nil {
		if err := n.host.Net.LinkSetMTU(link, int(mtu)); err != nil {
			return fmt.Errorf("MTU %d: %w", mtu, err)
		}
	}
	address := &netlib.Addr{IPNet: &net.IPNet{IP: ack.YourIPAddr, Mask: ack.SubnetMask()}}
	if err := n.host.Net.AddrReplace(link, address); err != nil {
		return err
	}
	if len(ack.Router()) == 0 {
		return errors.New("there is no router in it")
	}
	return n.host.Net.RouteReplace(&netlib.Route{
		LinkIndex: link.Attrs().Index, Gw: ack.Router()[0], Protocol: unix.RTPROT_DHCP,
		Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)},
	})
}

// renew prolongs the lease as clients do when half of it has passed: by unicast from the address to the server (RFC 2131 section
// 4.4.5). It fails when another address comes back.
func (n *node) renew(ctx context.Context) error {
	own, server := n.lease.ACK.YourIPAddr, n.lease.ACK.ServerIdentifier()
	var client *nclient4.Client
	err := n.host.Do(func() (err error) {
		client, err = nclient4.New(nodeLink, nclient4.WithTimeout(time.Second), nclient4.WithRetry(10),
			nclient4.WithUnicast(&net.UDPAddr{IP: own, Port: nclient4.ClientPort}),
			nclient4.WithServerAddr(&net.UDPAddr{IP: server, Port: nclient4.ServerPort}))
		return err
	})
	if err != nil {
		return fmt.Errorf("the node's DHCP client: %w", err)
	}
	defer client.Close()
	renewed, err := client.Renew(ctx, n.lease)
	if err != nil {
		return fmt.Errorf("the node renewed its lease of %s: %w", own, err)
	}
	if !renewed.ACK.YourIPAddr.Equal(own) {
		return fmt.Errorf("the node renewed its lease of %s and was given %s", own, renewed.ACK.YourIPAddr)
	}
	n.lease = renewed
	return nil
}

// addresses are those that the node can use beyond its link, in the order of the kernel: IPv4 comes first.
func (n *node) addresses() ([]netip.Addr, error) {
	link, err := n.host.Net.LinkByName(nodeLink)
	if err != nil {
		return nil, fmt.Errorf("the node's link: %w", err)
	}
	all, err := netlink.Dump(func() ([]netlib.Addr, error) { return n.host.Net.AddrList(link, netlib.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("the node's addresses: %w", err)
	}
	const unusable = unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED
	var found []netip.Addr
	for _, a := range all {
		addr, _ := netip.AddrFromSlice(a.IP)
		if addr = addr.Unmap(); a.Flags&unusable == 0 && !addr.IsLinkLocalUnicast() {
			found = append(found, addr)
		}
	}
	return found, nil
}
