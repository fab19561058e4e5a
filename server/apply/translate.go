package apply

import (
	"errors"
	"iter"
	"slices"

	"mooring/dataplane"
	"mooring/gen"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/server/tree"
	"mooring/server/tree/schema"
)

// Config is a committed configuration in native types. Nothing in it is ever changed. Two Configs, of which one was
// translated after the other, share whatever did not change in between: equal pointers mean that there is nothing to do.
type Config struct {
	Mobility  *mobility.Config
	Dataplane *dataplane.Config
	Manage    *Management
	// Accounting is what system/aaa and the LMAs say of it.
	Accounting *aaa.Config

	// What the translation of the next change goes back to.
	root     *tree.Node
	domains  map[string]*domain
	dangling map[string]map[reference]bool // by domain: what profiles name and no LMA of the domain has
	lmas     map[string]*anchor
	pools    localPools
	mags     map[string]*gateway

	instances   *networkInstances
	accessLists *accessLists

	unaccounted []*tree.Error // LMAs whose records, or questions about nodes, have nowhere to go
}

// Translator translates the configurations of one schema. It may be used by several goroutines.
type Translator struct {
	pmipv6, system   *schema.Node
	networkInstances *schema.Node
	acls             *schema.Node // nil: the schema has none

	aaaViews
	settingsView view[gen.MooringPmipv6_Pmipv6_Domain]
	knownLMAView view[gen.MooringPmipv6_Pmipv6_Domain_Lma]
	naiView      view[gen.MooringPmipv6_Pmipv6_Domain_Nai]
	profileView  view[gen.MooringPmipv6_Pmipv6_Domain_Profile]
	lmaView      view[gen.MooringPmipv6_Pmipv6_Lma]
	lmaPeerView  view[gen.MooringPmipv6_Pmipv6_Lma_Mag]
	networkView  view[gen.MooringPmipv6_Pmipv6_Lma_Network]
	customerViews
	magView     view[gen.MooringPmipv6_Pmipv6_Mag]
	magPeerView view[gen.MooringPmipv6_Pmipv6_Mag_Lma]
	linkView    view[gen.MooringPmipv6_Pmipv6_Mag_Interface]
	nodeView    view[gen.MooringPmipv6_Pmipv6_Mag_Interface_Node]
	systemView  view[gen.MooringSystem_System]
	managerView view[gen.MooringSystem_System_Netconf_CallHome]
	httpsView   view[gen.MooringSystem_System_Netconf_Url_HttpsServer]
	sftpView    view[gen.MooringSystem_System_Netconf_Url_SftpServer]
	userKeyView view[gen.MooringSystem_System_User_AuthorizedKey]

	instanceView view[gen.IETFNetworkInstance_NetworkInstances_NetworkInstance_Vrf]
}

// New returns a translator for a schema that holds mooring-pmipv6 and mooring-system. It fails when the generated structs do
// not fit the schema.
func New(s *schema.Schema) (*Translator, error) {
	t := &Translator{
		pmipv6: s.Root.Child("mooring-pmipv6", "pmipv6"), system: s.Root.Child("mooring-system", "system"),
		networkInstances: s.Root.Child("ietf-network-instance", "network-instances"),
		acls:             s.Root.Child("ietf-access-control-list", "acls"),
	}
	b := binder{schema: s}
	bind(&b, &t.settingsView, "/mooring-pmipv6:pmipv6/domain")
	bind(&b, &t.knownLMAView, "/mooring-pmipv6:pmipv6/domain/lma")
	bind(&b, &t.naiView, "/mooring-pmipv6:pmipv6/domain/nai")
	bind(&b, &t.profileView, "/mooring-pmipv6:pmipv6/domain/profile")
	bind(&b, &t.lmaView, "/mooring-pmipv6:pmipv6/lma")
	bind(&b, &t.lmaPeerView, "/mooring-pmipv6:pmipv6/lma/mag")
	bind(&b, &t.networkView, "/mooring-pmipv6:pmipv6/lma/network")
	bind(&b, &t.magView, "/mooring-pmipv6:pmipv6/mag")
	bind(&b, &t.magPeerView, "/mooring-pmipv6:pmipv6/mag/lma")
	bind(&b, &t.linkView, "/mooring-pmipv6:pmipv6/mag/interface")
	bind(&b, &t.nodeView, "/mooring-pmipv6:pmipv6/mag/interface/node")
	bind(&b, &t.systemView, "/mooring-system:system")
	bind(&b, &t.managerView, "/mooring-system:system/netconf/call-home")
	bind(&b, &t.httpsView, "/mooring-system:system/netconf/url/https-server")
	bind(&b, &t.sftpView, "/mooring-system:system/netconf/url/sftp-server")
	bind(&b, &t.userKeyView, "/mooring-system:system/user/authorized-key")
	bind(&b, &t.instanceView, instanceVRF)
	t.aaaViews.bind(&b)
	t.customerViews.bind(&b)
	return t, b.err()
}

// Translate makes the native form of the configuration that changes lead to. old is what the one that they lead from was translated to,
// nil at first; only what changes is translated. The warnings are those that the difference brings, each with its
// Path and with W-REF or W-MIX as AppTag; the error joins a *tree.Error for everything that makes no sense.
func (t *Translator) Translate(old *Config, changes tree.Changes) (*Config, []*tree.Error, error) {
	j := t.translate(old, changes, nil)
	if err := j.err(); err != nil {
		return nil, j.warnings, err
	}
	j.new.Mobility = j.mobility()
	j.new.Accounting = j.accounting()
	j.new.Dataplane = j.dataplane()
	return j.new, j.warnings, nil
}

// Objections is the error of Translate alone, for a configuration that is refused anyway: it need not be valid, and at its gaps
// it is not known. What could be a consequence of a gap is left out.
func (t *Translator) Objections(old *Config, changes tree.Changes, gaps tree.Gaps) error {
	return t.translate(old, changes, gaps).err()
}

func (t *Translator) translate(old *Config, changes tree.Changes, gaps tree.Gaps) *job {
	if old == nil {
		old = &Config{}
	}
	j := &job{
		Translator: t, old: old, changes: changes, gaps: gaps,
		new:      &Config{root: changes.New, domains: map[string]*domain{}, lmas: map[string]*anchor{}, mags: map[string]*gateway{}},
		mentions: map[string]mentions{},
	}
	j.translateDomains()
	j.translateLocalPools()
	j.translateLMAs()
	j.translateMAGs()
	j.translateSystem()
	j.translateInstances()
	j.translateLists()
	j.checkPools()
	j.checkOwners()
	j.checkReferences()
	return j
}

// Warnings yields everything that the configuration accepts though it does not work as it stands.
func (c *Config) Warnings() iter.Seq[*tree.Error] {
	return func(yield func(*tree.Error) bool) {
		for _, list := range c.warningLists() {
			for _, w := range list {
				if !yield(w) {
					return
				}
			}
		}
		for _, name := range sortedKeys(c.domains) {
			if !c.domains[name].danglingProfiles(c.dangling[name], yield) {
				return
			}
		}
	}
}

// warningLists are the warnings that were kept with what was translated.
func (c *Config) warningLists() (lists [][]*tree.Error) {
	for _, name := range sortedKeys(c.domains) {
		lists = append(lists, c.domains[name].settings.warnings)
	}
	for _, name := range sortedKeys(c.lmas) {
		lists = append(lists, c.lmas[name].warnings)
		lists = append(lists, c.lmas[name].peerWarnings()...)
		for _, customer := range sortedKeys(c.lmas[name].ofCustomers) {
			lists = append(lists, c.lmas[name].ofCustomers[customer])
		}
	}
	for _, name := range sortedKeys(c.mags) {
		lists = append(lists, c.mags[name].warnings)
	}
	lists = append(lists, c.unaccounted)
	return lists
}

// job is one translation.
type job struct {
	*Translator
	problems
	old, new *Config
	changes  tree.Changes
	gaps     tree.Gaps

	domainsCame, knownLMAsChanged, networksChanged, localPoolsChanged bool // what others look at
	mentions                                                          map[string]mentions
}

// unsure reports whether something is not known of what stands at places.
func (j *job) unsure(places ...place) bool {
	return slices.ContainsFunc(places, func(p place) bool { return j.gaps.Touch(p.path) })
}

// err joins the errors. None is about a gap: what stands there has been objected to.
func (j *job) err() error {
	return errors.Join(slices.DeleteFunc(j.errs, func(err error) bool { return j.gaps.Touch(err.(*tree.Error).Path) })...)
}

// mobility assembles the configuration of the mobility core from what is enabled.
func (j *job) mobility() *mobility.Config {
	c := &mobility.Config{LMAs: map[string]*mobility.LMA{}, MAGs: map[string]*mobility.MAG{}}
	for name, a := range j.new.lmas {
		if a.enabled {
			c.LMAs[name] = a.native
		}
	}
	for name, g := range j.new.mags {
		if g.enabled {
			c.MAGs[name] = g.native
		}
	}
	if was := j.old.Mobility; was != nil && sameEntries(was.LMAs, c.LMAs) && sameEntries(was.MAGs, c.MAGs) {
		return was
	}
	return c
}

// list is a list below the container pmipv6.
func (j *job) list(name string) place {
	root := place{j.new.root, schema.Path{{Node: j.pmipv6}}}
	root.node = root.node.Child(j.pmipv6)
	return root.child(name)
}

// entries yields the entries of a list by their keys.
func (p place) entries() iter.Seq2[string, place] {
	return func(yield func(string, place) bool) {
		for e := range p.node.Entries() {
			if !yield(e.Keys()[0], p.entry(e)) {
				return
			}
		}
	}
}

// changed yields the entries of a list that are new, different or gone; of the latter the node is nil.
func (j *job) changed(list place) iter.Seq[place] { return entriesIn(j.changes, list) }

// changedOrAll is changed, but yields all entries where none can be taken over.
func (j *job) changedOrAll(list place, may bool) iter.Seq[place] {
	if may {
		return j.changed(list)
	}
	return entriesIn(tree.Diff(nil, j.new.root), list)
}

// entriesIn yields the entries of a list that changes lead to.
func entriesIn(changes tree.Changes, list place) iter.Seq[place] {
	return func(yield func(place) bool) {
		depth := len(list.path)
		last := ""
		for change := range changes.Under(list.path) {
			key := change.Path[depth-1].JoinedKeys()
			if key == last {
				continue
			}
			last = key
			node := change.New // of an entry that came or is gone: it need not be looked up
			if len(change.Path) > depth || change.Reordered {
				node = list.node.Entry(change.Path[depth-1].Keys...)
			}
			if !yield(place{node, change.Path[:depth:depth]}) {
				return
			}
		}
	}
}

// sameOutsideLists reports whether two nodes have the same leaves and containers.
func sameOutsideLists(a, b *tree.Node) bool {
	for _, def := range b.Schema().Children {
		if def.Kind != schema.List && !childOf(a, def).Same(childOf(b, def)) {
			return false
		}
	}
	return true
}
