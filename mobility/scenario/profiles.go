package scenario

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"mooring/mobility"
)

// Profiles is a policy store for tests: entries by user@realm, @realm or name.
type Profiles map[string]*mobility.Profile

// Node implements mobility.Profiles.
func (p Profiles) Node(nai []byte) *mobility.Profile { return p[string(nai)] }

// Realm implements mobility.Profiles.
func (p Profiles) Realm(realm []byte) *mobility.Profile { return p[string(realm)] }

// Named implements mobility.Profiles.
func (p Profiles) Named(name string) *mobility.Profile { return p[name] }

// Rehomed implements mobility.Profiles.
func (p Profiles) Rehomed(was mobility.Profiles) iter.Seq[string] {
	return func(yield func(string) bool) {
		old, _ := was.(Profiles)
		names := maps.Clone(old)
		if names == nil {
			names = Profiles{}
		}
		maps.Copy(names, p)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			if p[name].Rehomes(old[name]) && !yield(name) {
				return
			}
		}
	}
}

// Add reads "mn1@example.com network=net1 service=dual lma=lma1 apn=web key=SPI:SECRET".
func (p Profiles) Add(words []string) error {
	profile := &mobility.Profile{Name: words[0], Service: mobility.ServiceDual}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "network":
			profile.Network = value
		case "customer":
			profile.Customer = value
		case "no-customer":
			profile.NoCustomer = true
		case "lma":
			profile.Anchor = value
		case "apn":
			profile.APN = value
		case "gre": // UPLINK,DOWNLINK
			if _, err := fmt.Sscanf(value, "%d,%d", &profile.GREKeys.Uplink, &profile.GREKeys.Downlink); err != nil {
				return err
			}
		case "key":
			var err error
			if profile.Key, err = ParseKey(value); err != nil {
				return err
			}
		case "service":
			service, ok := map[string]mobility.Service{"ipv4": mobility.ServiceIPv4, "ipv6": mobility.ServiceIPv6, "dual": mobility.ServiceDual}[value]
			if !ok {
				return fmt.Errorf("service %q", value)
			}
			profile.Service = service
		default:
			return fmt.Errorf("a profile has no %q", key)
		}
	}
	p[words[0]] = profile
	return nil
}

// ParseKey reads "SPI:SECRET".
func ParseKey(s string) (*mobility.Key, error) {
	spi, secret, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(spi, 0, 32)
	return &mobility.Key{SPI: uint32(n), Secret: []byte(secret)}, err
}
