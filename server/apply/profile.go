package apply

import (
	"iter"
	"maps"
	"slices"

	"mooring/gen"
	"mooring/mobility"
	"mooring/mobility/trie"
)

// profiles is the policy store of a domain. With each change of the configuration there is another one, which shares the
// profiles that stayed.
type profiles struct {
	entries trie.Map[*mobility.Profile] // by identity: user@realm and @realm
	named   trie.Map[*mobility.Profile]

	networks, customers trie.Map[int] // how many of both name each
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

// Rehomed implements mobility.Profiles.
func (p *profiles) Rehomed(was mobility.Profiles) iter.Seq[string] {
	return func(yield func(string) bool) {
		old, ok := was.(*profiles)
		if !ok {
			old = &profiles{}
		}
		for _, of := range [][2]trie.Map[*mobility.Profile]{{old.entries, p.entries}, {old.named, p.named}} {
			for change := range trie.Changes(of[0], of[1]) {
				if change.New.Rehomes(change.Old) && !yield(change.Key) {
					return
				}
			}
		}
	}
}

// put puts one profile in the place of another; either may be nil.
func (p *profiles) put(in *trie.Map[*mobility.Profile], old, new *mobility.Profile, own *trie.Owner) {
	if old != nil {
		p.count(old, -1, own)
		if new == nil {
			*in = in.Without(old.Name)
		}
	}
	if new != nil {
		p.count(new, +1, own)
		*in = in.With(new.Name, new, own)
	}
}

// count notes that there are so many more profiles that name what a profile does.
func (p *profiles) count(profile *mobility.Profile, more int, own *trie.Owner) {
	p.networks = countedWith(p.networks, profile.Network, more, own)
	p.customers = countedWith(p.customers, profile.Customer, more, own)
}

func countedWith(names trie.Map[int], name string, more int, own *trie.Owner) trie.Map[int] {
	if name == "" {
		return names
	}
	n, _ := names.Get(name)
	if n += more; n == 0 {
		return names.Without(name)
	}
	return names.With(name, n, own)
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
	if keys := x.GreKey; keys != nil {
		p.GREKeys = mobility.FixedKeys{Uplink: keys.GetUplink(), Downlink: keys.GetDownlink()}
	}
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
	GetApn() string
}

func profile(name string, x entitlement) *mobility.Profile {
	p := &mobility.Profile{Name: name, Network: x.GetNetwork(), Anchor: x.GetLma(), Customer: x.GetCustomer(), APN: x.GetApn()}
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

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// sameEntries reports whether two maps have the same pointers.
func sameEntries[V any](a, b map[string]*V) bool { return maps.Equal(a, b) }
