package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"mooring/dataplane"
	"mooring/dataplane/backend"
	"mooring/dataplane/netns"
	"mooring/mobility"
)

const customersHelp = `Measure what the refreshes of one customer's nodes wait for while another customer is removed from an anchor that is a process of
its own, with store, dataplane and authentication. Each customer has a VRF; the one who is removed has --gateways, with a tunnel each. One refresh
is under way at a time. With --backend kernel where the kernel has no tunnels, all of it is measured in a virtual machine of one
processor, whose clock takes a nanosecond for each instruction.

  customers-alone   refreshes while nothing else happens: wall_s is the longest wait
  customers-remove  the bindings of the other customer, until neither the anchor nor the dataplane has them any more
  customers-beside  refreshes meanwhile: wall_s is the longest wait, and the ratio that to the 50 ms that it may take`

const (
	removedAddress, keptAddress = "127.0.0.2", "127.0.0.6" // the anchor's, for each customer
	keptNodes                   = 100
	longestWait                 = 0.05 // s
)

func customersCommand() *cobra.Command {
	o, gateways := lmaOptions{}, 0
	cmd := &cobra.Command{
		Use:   "customers",
		Short: "Measure what one customer's refreshes wait for while another is removed",
		Long:  customersHelp,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			wish, err := backend.Parse(o.backend)
			if err != nil {
				return err
			}
			if wish == backend.Kernel && lacking(cmd.ErrOrStderr()) {
				return runInMachine(cmd, fastMachine, true)
			}
			if err := netns.Enter(); err != nil {
				return err
			}
			results, err := runCustomers(o, gateways)
			if err != nil {
				return err
			}
			return printResults(cmd, results)
		},
	}
	cmd.Flags().IntVar(&o.bindings, "bindings", 10_000, "of the customer who is removed")
	cmd.Flags().IntVar(&gateways, "gateways", 20, "how many the nodes of the customer who is removed are behind")
	cmd.Flags().StringVar(&o.backend, "backend", "userspace", "`BACKEND` of the dataplane: auto, kernel or userspace")
	cmd.Flags().DurationVar(&o.length, "time", 3*time.Second, "how long refreshes are measured while nothing else happens")
	return cmd
}

// customersConfig has a customer who may be removed and one who stays.
func customersConfig(o lmaOptions, removed bool) *mobility.Config {
	config := lmaConfig(o.bindings + keptNodes)
	l := config.LMAs["lma"]
	l.Addresses, l.Networks = nil, nil
	l.Customers = map[string]*mobility.Customer{
		"kept": customerOf("kept", keptAddress, "2001:db9::", "11.0.0.2"), "removed": customerOf("removed", removedAddress, "2001:db8::", "10.0.0.2"),
	}
	if removed {
		delete(l.Customers, "removed")
	}
	return config
}

// customerOf is the same every time that it is asked for.
func customerOf(name, address, six, four string) *mobility.Customer {
	start := netip.MustParseAddr(four)
	return &mobility.Customer{
		Name: name, VRF: name, Transports: []mobility.VRFAddr{{Addr: netip.MustParseAddr(address)}},
		Networks: map[string]*mobility.Network{"net": {Name: "net", Pools: []mobility.Pool{
			{Start: netip.MustParseAddr(six), Bits: 32, Unit: 64}, {Start: start, Bits: 8, Unit: 32, Router: start.Prev()},
		}}},
	}
}

// customersVRFs are those of the customers.
func customersVRFs(removed bool) dataplane.Config {
	vrfs := []dataplane.VRF{{Name: "kept"}, {Name: "removed"}}
	if removed {
		vrfs = vrfs[:1]
	}
	return dataplane.Config{VRFs: vrfs}
}

func runCustomers(o lmaOptions, gateways int) (results []Result, err error) {
	switch {
	case gateways <= 0 || gateways > 250:
		return nil, errors.New("--gateways: there are 1 to 250")
	case o.bindings < gateways:
		return nil, errors.New("--bindings: there has to be one at least behind each of --gateways")
	}
	if o.stateDir, err = os.MkdirTemp("", "mooring-bench"); err != nil {
		return nil, err
	}
	defer os.RemoveAll(o.stateDir)
	h, err := netns.NewHost("lma")
	if err != nil {
		return nil, err
	}
	defer h.Close()
	all, err := processors()
	if err != nil {
		return nil, err
	}
	anchor, err := startLMA(h, "customers", o, all)
	if err != nil {
		return nil, err
	}
	defer anchor.kill()
	if err := registerRemoved(h, o.bindings, gateways); err != nil {
		return nil, err
	}
	kept, err := newAskingMAG(h, otherAddress, lmaSecret)
	if err != nil {
		return nil, err
	}
	defer kept.conn.Close()
	kept.to = lmaEndpoint(keptAddress)
	if err := kept.ask(keptNodes, keptNodes); err != nil {
		return nil, err
	}
	return measureRemoval(anchor, kept, o)
}

// registerRemoved registers the nodes of the customer who is to go, behind so many gateways, as evenly as can be.
func registerRemoved(h *netns.Host, bindings, gateways int) error {
	for g := range gateways {
		m, err := newAskingMAG(h, fmt.Sprintf("127.0.1.%d", g+1), lmaSecret)
		if err != nil {
			return err
		}
		defer m.conn.Close() // it hears of the end of its bindings, and says nothing
		first, after := g*bindings/gateways, (g+1)*bindings/gateways
		if g == 0 {
			if _, err := m.untilAnswered(time.Minute, 1); err != nil {
				return err
			}
		}
		m.node = first
		if err := m.ask(after-first, bindings); err != nil {
			return fmt.Errorf("register behind gateway %d: %w", g+1, err)
		}
	}
	return nil
}

func measureRemoval(anchor *lmaProcess, kept *askingMAG, o lmaOptions) ([]Result, error) {
	if err := anchor.settle(); err != nil {
		return nil, err
	}
	until := time.Now().Add(o.length)
	alone, err := longestRefresh("customers-alone", kept, func() (bool, error) { return time.Now().After(until), nil })
	if err != nil {
		return nil, err
	}
	counted, err := anchor.count()
	if err != nil || counted.Bindings != o.bindings+keptNodes {
		return nil, cmp.Or(err, fmt.Errorf("there are %d bindings", counted.Bindings))
	}
	var beside Result
	gone, err := costOf("customers-remove", "binding", anchor, o.bindings, func() (err error) {
		if _, err = fmt.Fprintln(anchor.orders, "remove"); err != nil {
			return err
		}
		beside, err = longestRefresh("customers-beside", kept, func() (bool, error) {
			c, err := anchor.count()
			return c.Bindings == keptNodes && c.Pending == 0, err
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	alone.Ratio, beside.Ratio, gone.Ratio = alone.Wall/longestWait, beside.Wall/longestWait, 1
	return []Result{alone, gone, beside}, nil
}

// longestRefresh refreshes nodes one after the other until over, and returns how long the longest took.
func longestRefresh(name string, m *askingMAG, over func() (bool, error)) (Result, error) {
	r := Result{Name: name}
	m.node = 0
	for done := false; !done; r.N++ {
		start := time.Now()
		if err := m.ask(1, keptNodes); err != nil {
			return r, fmt.Errorf("%s: refresh %d: %w", name, r.N, err)
		}
		r.Wall = max(r.Wall, time.Since(start).Seconds())
		var err error
		if done, err = over(); err != nil {
			return r, err
		}
	}
	if m.different > 0 {
		return r, fmt.Errorf("%d nodes were given another prefix", m.different)
	}
	return r, nil
}
