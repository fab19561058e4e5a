package apply

import (
	"maps"
	"slices"

	"mooring/gen"
	"mooring/mobility"
	"mooring/mobility/trie"
	"mooring/server/tree"
)

// profiles is the policy store of a domain. With each change of the configuration there is another one, which shares the
// profiles that stayed.
type profiles struct {
	entries  trie.Map[*mobility.Profile] // by identity: user@realm and @realm
	named    trie.Map[*mobility.Profile]
	networks trie.Map[int] // how many of both name each network
}

// Node implements mobility.Profiles.
func (p *profiles) Node(nai []byte) *mobility.Profile {
	if len(nai) == 0 || nai[0] == '@' {
		return nil
	}
	found, _ := p.entries.GetBytes(nai)
	return found
}

// Realm implements mobility.Profiles.
func (p *profiles) Realm(realm []byte) *mobility.Profile {
	if len(realm) == 0 || realm[0] != '@' {
		return nil
	}
	found, _ := p.entries.GetBytes(realm)
	return found
}

// Named implements mobility.Profiles: a profile of that name, or else the entry that is called so.
func (p *profiles) Named(name string) *mobility.Profile {
	found, ok := p.named.Get(name)
	if !ok {
		found, _ = p.entries.Get(name)
	}
	return found
}

// put puts one profile in the place of another; either may be nil.
func (p *profiles) put(in *trie.Map[*mobility.Profile], old, new *mobility.Profile, own *trie.Owner) {
	if old != nil {
		p.count(old.Network, -1, own)
		if new == nil {
			*in = in.Without(old.Name)
		}
	}
	if new != nil {
		p.count(new.Network, +1, own)
		*in = in.With(new.Name, new, own)
	}
}

func (p *profiles) count(network string, by int, own *trie.Owner) {
	if network == "" {
		return
	}
	n, _ := p.networks.Get(network)
	if n += by; n == 0 {
		p.networks = p.networks.Without(network)
		return
	}
	p.networks = p.networks.With(network, n, own)
}

// profiles translates the entries that changed in the lists nai and profile of a domain.
func (j *job) profiles(was *profiles, at place) *profiles {
	store, own := *was, new(trie.Owner)
	seen := mentions{}
	for e := range j.changed(at.child("nai")) {
		old, _ := store.entries.Get(e.path.Last().Keys[0])
		store.put(&store.entries, old, j.nai(e), own)
		seen.note(e)
	}
	for e := range j.changed(at.child("profile")) {
		old, _ := store.named.Get(e.path.Last().Keys[0])
		store.put(&store.named, old, j.profile(e), own)
		seen.note(e)
	}
	if store == *was {
		return was
	}
	j.mentions[at.path.Last().Keys[0]] = seen
	return &store
}

func (j *job) nai(at place) *mobility.Profile {
	if at.node == nil {
		return nil
	}
	x, err := j.naiView.of(at.node)
	j.check(at, err)
	p := profile(x.GetId(), x)
	p.NoCustomer = !x.GetMobileLocalLoop()
	if x.AuthOption != nil {
		p.Key = j.key(at.child("auth-option"), x.AuthOption)
	}
	return p
}

func (j *job) profile(at place) *mobility.Profile {
	if at.node == nil {
		return nil
	}
	x, err := j.profileView.of(at.node)
	j.check(at, err)
	return profile(x.GetName(), x)
}

// entitlement is what the structs of the two lists have in common.
type entitlement interface {
	GetNetwork() string
	GetService() gen.E_MooringPmipv6Types_Service
	GetLma() string
	GetCustomer() string
}

func profile(name string, x entitlement) *mobility.Profile {
	p := &mobility.Profile{Name: name, Network: x.GetNetwork(), Anchor: x.GetLma(), Customer: x.GetCustomer()}
	switch x.GetService() {
	case gen.MooringPmipv6Types_Service_ipv4:
		p.Service = mobility.ServiceIPv4
	case gen.MooringPmipv6Types_Service_ipv6:
		p.Service = mobility.ServiceIPv6
	case gen.MooringPmipv6Types_Service_dual:
		p.Service = mobility.ServiceDual
	}
	return p
}

// mentions are, by network, the changed profiles that name it.
type mentions map[string]*mention

type mention struct {
	count int
	first []place // at most maxReported
}

func (m mentions) note(at place) {
	if at.node == nil {
		return
	}
	network, ok := at.node.Leaf("network")
	if !ok {
		return
	}
	if m[network] == nil {
		m[network] = &mention{}
	}
	m[network].count++
	if len(m[network].first) < maxReported {
		m[network].first = append(m[network].first, at)
	}
}

// checkNetworkNames warns of profiles that name a network which no LMA of their domain has. Where the domain has no LMA here,
// another element knows the networks.
func (j *job) checkNetworkNames() {
	j.new.dangling = map[string]map[string]bool{}
	for name, d := range j.new.domains {
		before, seen := j.old.dangling[name], j.mentions[name]
		if seen == nil && !j.networksChanged {
			j.new.dangling[name] = before
			continue
		}
		j.new.dangling[name] = j.danglingNetworks(d)
		j.reportDangling(d, j.new.dangling[name], before, seen)
	}
}

// danglingNetworks costs the number of networks that are named, not of the profiles that name them.
func (j *job) danglingNetworks(d *domain) map[string]bool {
	known, anchored := map[string]bool{}, false
	for _, a := range j.new.lmas {
		if a.native.Domain == d.native {
			anchored = true
			for network := range a.native.Networks {
				known[network] = true
			}
			for _, c := range a.native.Customers {
				for network := range c.Networks {
					known[network] = true
				}
			}
		}
	}
	if !anchored {
		return nil
	}
	var dangling map[string]bool
	for network := range d.store.networks.All() {
		if !known[network] {
			if dangling == nil {
				dangling = map[string]bool{}
			}
			dangling[network] = true
		}
	}
	return dangling
}

// reportDangling warns of the profiles that have changed and of those whose network is gone.
func (j *job) reportDangling(d *domain, dangling, before map[string]bool, seen mentions) {
	orphaned := map[string]bool{}
	for _, network := range sortedKeys(dangling) {
		now := seen[network]
		if all, _ := d.store.networks.Get(network); !before[network] && (now == nil || now.count < all) {
			orphaned[network] = true
			continue
		}
		if now != nil {
			for _, at := range now.first {
				j.warnings = append(j.warnings, danglingNetwork(at, network))
			}
		}
	}
	if len(orphaned) == 0 {
		return
	}
	n := 0
	d.namingProfiles(func(at place, network string) bool {
		if orphaned[network] {
			n++
			j.warnings = append(j.warnings, danglingNetwork(at, network))
		}
		return n < maxReported
	})
}

func danglingNetwork(at place, network string) *tree.Error {
	return warning(at.child("network"), BadReference, "no LMA of the domain has network %s; registrations that need it are refused", network)
}

// danglingProfiles yields a warning for each profile whose network no LMA has.
func (d *domain) danglingProfiles(dangling map[string]bool, yield func(*tree.Error) bool) bool {
	if len(dangling) == 0 {
		return true
	}
	return d.namingProfiles(func(at place, network string) bool {
		return !dangling[network] || yield(danglingNetwork(at, network))
	})
}

// namingProfiles yields the entries of both lists that name a network, in the order of the configuration. It reports whether it went to
// the end.
func (d *domain) namingProfiles(yield func(at place, network string) bool) bool {
	for _, name := range []string{"nai", "profile"} {
		list := d.at.child(name)
		for e := range list.node.Entries() {
			if network, ok := e.Leaf("network"); ok && !yield(list.entry(e), network) {
				return false
			}
		}
	}
	return true
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// sameEntries reports whether two maps have the same pointers.
func sameEntries[V any](a, b map[string]*V) bool { return maps.Equal(a, b) }
