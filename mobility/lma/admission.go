package lma

import (
	"bytes"
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/wire"
)

// request is a Proxy Binding Update on its way through the machine.
type request struct {
	now    time.Time
	in     *mobility.Inbound
	via    *transport // that it came by
	update *wire.BindingUpdate
	late   bool                    // it waited: what depends on the time was checked when it came
	turn   uint64                  // of those that were asked about; 0: it was not
	answer *mobility.Authorization // of AAA servers; nil: they were not asked

	careOf   netip.Addr // Proxy-CoA that the MAG states
	peer     *peer      // by its address, and then by what it proves to be; nil: not known
	profile  *mobility.Profile
	source   mobility.ProfileSource
	sign     mobility.Signature // of the answer
	hash     mobility.HomeAddressHash
	stamp    wire.Opt[wire.Timestamp] // that orders requests
	sessions []*mobility.Binding      // that the node has

	encap   dataplane.Encap
	greKey  bool // the tunnel has GRE keys
	plainly bool // an offered GRE key is turned down, status 2
	noTLV   bool // an offered TLV header is turned down, status 3
}

// wants says which IP versions the request is about.
func (r *request) wants() (v mobility.Service) {
	if len(r.update.HNPs) > 0 {
		v |= mobility.ServiceIPv6
	}
	if len(r.update.IPv4HoARequests) > 0 {
		v |= mobility.ServiceIPv4
	}
	return v
}

func (r *request) overIPv4() bool { return r.in.To.Addr.Addr().Is4() }

// discard counts a request that is not answered.
func (r *request) discard(why mobility.DropReason) { r.via.discard(r.peer, why) }

// careOf is the Proxy-CoA that the MAG states: the source of the request, or what it names in place of that (RFC 5213 section 5.3.1).
func careOf(in *mobility.Inbound, u *wire.BindingUpdate) netip.Addr {
	return u.AltCareOf.Or(u.AltIPv4CareOf.Or(in.From.Addr.Addr()))
}

// isUnicast says whether an address can be a care-of address. A Binding Update for another one is discarded silently (RFC 6275
// section 6.1.7).
func isUnicast(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsMulticast() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// Requests with a wrong authenticator that are answered, of everybody together: RFC 4285 section 5.1.1 wants each to be, but their senders
// may choose at whom the answers, which cost more than the verification, are aimed.
const (
	refusalsPerSecond = 1000
	refusalsAtOnce    = 1000
)

// authenticate finds out who speaks: the node, its profile, the MAG and the key between us (RFC 4285; the nearest key counts:
// the node's, the MAG's, the customer's, the domain's). It reports whether the request may go on; nothing but a counter has changed if not.
func (m *Machine) authenticate(r *request, out *mobility.Effects) bool {
	u := r.update
	sender := r.peer
	if sender == nil {
		r.peer = m.sender(r.via, r.careOf)
	}
	if u.MNID.Set {
		r.profile, r.source = m.profileOf(u.MNID.Value)
	}
	key := m.keyFor(r, sender)
	if key == nil {
		r.peer = sender // without a key, what it states proves nothing
		if len(u.Auth) > 0 && !r.late {
			m.notAuthentic(r.now, r.via, r.in, u.Auth, out)
			r.discard(mobility.DropNoKey)
			return false
		}
		return true
	}
	r.sign = mobility.Signature{By: m.authenticator(key), CareOf: r.careOf}
	switch err := r.sign.By.Verify(r.in.Octets, r.careOf, r.hash.Home(u.HNPs)); {
	case err == nil || r.late:
		return true
	case errors.Is(err, wire.ErrNotAuthenticated):
		r.discard(mobility.DropUnauthenticated)
	case errors.Is(err, wire.ErrUnknownSPI):
		r.discard(mobility.DropNoKey)
	case !m.forged.Allow(r.now):
		r.discard(mobility.DropUnauthenticated)
	default:
		m.refuse(r, wire.StatusAuthFail, out)
	}
	m.notAuthentic(r.now, r.via, r.in, u.Auth, out)
	return false
}

// notAuthentic notes that a message is not by whom it says.
func (m *Machine) notAuthentic(now time.Time, via *transport, in *mobility.Inbound, auth []wire.AuthOption, out *mobility.Effects) {
	m.failures.Note(now, in.From.Addr, auth, out)
	m.inVain(now, via, in.From.Addr.Addr(), out)
}

// keyFor finds the key of a request. sender is who has the address that it came from: only that one is forgiven to be without.
func (m *Machine) keyFor(r *request, sender *peer) *mobility.Key {
	var configured *mobility.Peer
	if r.peer != nil {
		configured = r.peer.cfg
	}
	if configured != nil {
		r.hash = configured.Hash
	}
	switch {
	case r.profile != nil && r.profile.Key != nil:
		return r.profile.Key
	case configured != nil && configured.Key != nil:
		return configured.Key
	case sender.forgives(mobility.Unauthenticated):
		return nil
	}
	return m.key(r.via)
}

func (m *Machine) authenticator(key *mobility.Key) *wire.Authenticator {
	a := m.keys[key]
	if a == nil {
		a = wire.NewAuthenticator(key.SPI, key.Secret)
		m.keys[key] = a
	}
	return a
}

// profileOf looks a node up in the policy store: its own entry, then its realm's, then the default profile. One whose identifier is no text has the
// profile that is called like it is shown.
func (m *Machine) profileOf(id wire.MNID) (*mobility.Profile, mobility.ProfileSource) {
	store := m.cfg.Domain.Profiles
	switch {
	case id.Subtype != wire.IDNAI:
	case !mobility.IsText(id.ID):
		if p := store.Named(mobility.NodeIDOf(id).String()); p != nil {
			return p, mobility.ProfileExact
		}
	default:
		if p := store.Node(id.ID); p != nil {
			return p, mobility.ProfileExact
		}
		if at := bytes.LastIndexByte(id.ID, '@'); at >= 0 {
			if p := store.Realm(id.ID[at:]); p != nil {
				return p, mobility.ProfileRealm
			}
		}
	}
	if m.cfg.Domain.AskForProfiles && id.Subtype == wire.IDNAI && mobility.IsText(id.ID) {
		return presumed, mobility.ProfileAAA
	}
	if m.cfg.DefaultProfile != "" {
		if p := store.Named(m.cfg.DefaultProfile); p != nil {
			return p, mobility.ProfileDefault
		}
	}
	return nil, mobility.ProfileNone
}

// admit makes the checks of RFC 5213 section 5.3.1 and RFC 5844 section 3.1.2.1 up to the look-up of the binding, and answers a
// request that fails one.
func (m *Machine) admit(r *request, out *mobility.Effects) bool {
	status := m.check(r)
	if status != wire.StatusAccepted {
		m.refuse(r, status, out)
		return false
	}
	return true
}

func (m *Machine) check(r *request) wire.Status {
	u := r.update
	if !u.MNID.Set || len(u.MNID.Value.ID) == 0 {
		return wire.StatusMissingMNID
	}
	r.sessions = slices.AppendSeq(r.sessions, m.table.ByMNID(u.MNID.Value))
	if len(m.customers) > 0 { // a node of another customer may be called the same
		r.sessions = slices.DeleteFunc(r.sessions, func(b *mobility.Binding) bool { return !r.via.owns(b) })
	}
	if status := m.checkEntitlement(r); status != wire.StatusAccepted {
		return status
	}
	r.forgive()
	if m.ignoresHome(r) {
		u.HNPs, u.IPv4HoARequests = u.HNPs[:0], u.IPv4HoARequests[:0]
	}
	if status := m.checkOrder(r); status != wire.StatusAccepted {
		return status
	}
	switch {
	case r.wants() == 0 && !(m.ignoresHome(r) && (r.asksNetworks() || r.update.Lifetime == 0)):
		return wire.StatusMissingHNP
	case !u.Handoff.Set || u.Handoff.Value == wire.HandoffReserved:
		return wire.StatusMissingHandoff
	case !u.AccessType.Set || u.AccessType.Value == wire.AccessReserved:
		return wire.StatusMissingAccessType
	}
	if status := checkService(r); status != wire.StatusAccepted {
		return status
	}
	switch {
	case len(u.IPv4HoARequests) > 1:
		return wire.StatusMultipleIPv4HoA
	case u.MultipathBinding.Set && !r.endsItsOwn(): // a session has one path: the MAG may ask again without the option (RFC 8278 section 4.4)
		return wire.StatusCannotSupportMultipath
	}
	return m.agreeOnTunnel(r)
}

// endsItsOwn says whether a MAG wants to end what it has registered itself. It may, whatever the configuration says by now of the node, its services
// and the MAG: a refusal would leave a node with its addresses, forwarded to and accounted, that has gone.
func (r *request) endsItsOwn() bool {
	return r.update.Lifetime == 0 && slices.ContainsFunc(r.sessions, r.fromMAGOf)
}

// checkEntitlement says whether the MAG may register nodes, and whether this one is served here.
func (m *Machine) checkEntitlement(r *request) wire.Status {
	switch {
	case r.endsItsOwn():
		return wire.StatusAccepted
	case !m.mayServe(r.peer):
		return wire.StatusMAGNotAuthorized
	case r.profile == nil, r.isOpaque() && !r.peer.forgives(mobility.BinaryIdentifiers):
		return wire.StatusProxyRegNotEnabled
	}
	return m.checkAnchor(r)
}

// checkAnchor says whether the node is served here, and by the transport that it came by.
func (m *Machine) checkAnchor(r *request) wire.Status {
	switch {
	case r.profile.Anchor != "" && r.profile.Anchor != m.cfg.Name:
		return wire.StatusNotLMAForThisMN
	case !r.via.serves(r.profile):
		return wire.StatusProhibited
	}
	return wire.StatusAccepted
}

func checkService(r *request) wire.Status {
	if r.endsItsOwn() {
		return wire.StatusAccepted
	}
	switch wants, may := r.wants(), r.profile.Service; {
	case wants&mobility.ServiceIPv6 != 0 && may&mobility.ServiceIPv6 == 0:
		return wire.StatusNotAuthorizedForIPv6
	case wants&mobility.ServiceIPv4 != 0 && may&mobility.ServiceIPv4 == 0:
		return wire.StatusNotAuthorizedForIPv4
	}
	return wire.StatusAccepted
}

// isGiven says whether the tunnel is an interface that somebody has made for all nodes of the MAG: keys could not tell them apart.
func (m *Machine) isGiven(r *request, from *mobility.Peer) bool {
	return r.via == m.own && from != nil && from.Device != ""
}

// agreeOnTunnel settles the encapsulation (RFC 5844 section 4, RFC 5845 section 3.3). A de-registration needs none.
func (m *Machine) agreeOnTunnel(r *request) wire.Status {
	u := r.update
	var configured *mobility.Peer
	if r.peer != nil {
		configured = r.peer.cfg
	}
	demanded := configured.For(m.cfg.Domain, r.overIPv4())
	forced := u.Flags&wire.UpdateF != 0 && r.overIPv4()
	r.encap = dataplane.EncapIP
	switch {
	case u.Lifetime == 0:
	case u.GREKey.Set && (demanded == 0 || demanded == dataplane.EncapGRE):
		r.encap, r.noTLV = dataplane.EncapGRE, u.Flags&wire.UpdateT != 0
		if m.isGiven(r, configured) {
			return wire.StatusAccepted
		}
		r.greKey = u.GREKey.Value.Keyed
		return m.agreeOnKeys(r)
	case demanded == dataplane.EncapGRE:
		return wire.StatusGREKeyRequired
	case forced && !m.cfg.AcceptForcedUDP && demanded != dataplane.EncapUDP:
		return wire.StatusProhibited
	case forced:
		r.encap, r.plainly = dataplane.EncapUDP, u.GREKey.Set
	default:
		r.plainly = u.GREKey.Set
	}
	return wire.StatusAccepted
}

// agreeOnKeys looks at the key that a MAG offers for packets to it. Where an operator has fixed one for both ends, there is no other.
func (m *Machine) agreeOnKeys(r *request) wire.Status {
	fixed, offered := m.fixedKeys(r), r.update.GREKey.Value
	switch {
	case fixed != (mobility.FixedKeys{}) && !offered.Keyed:
		return wire.StatusGREKeyRequired
	case fixed.Downlink != 0 && fixed.Downlink != offered.Key:
		return wire.StatusProhibited
	case fixed.Uplink == 0 && m.cfg.GREKeys.Unmade:
		r.greKey = false
	}
	return wire.StatusAccepted
}

// fixedKeys are those of the node or else of its customer (features EXT-04, EXT-20).
func (m *Machine) fixedKeys(r *request) (keys mobility.FixedKeys) {
	if r.profile != nil {
		keys = r.profile.GREKeys
	}
	if c := r.via.customer; c != nil {
		keys = keys.Or(mobility.FixedKeys{Uplink: c.cfg.GREKey, Downlink: c.cfg.GREKey})
	}
	return keys
}

// uplinkKey is the key of packets from the MAG: ours to choose, it stays for the life of the session (RFC 5845 section 3.3.2).
func (m *Machine) uplinkKey(r *request, b *mobility.Binding) uint32 {
	return cmp.Or(m.fixedKeys(r).Uplink, uint32(b.ID))
}
