package scenario

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"mooring/mobility"
	"mooring/mobility/wire"
)

// Arrival is a message that a scenario lets arrive.
type Arrival struct {
	From, To  netip.AddrPort
	VRF       string // of both
	Message   wire.Message
	Sign      mobility.Signature
	Raw       []byte // in place of Message
	CodePoint uint8
}

// Inbound encodes the message, receives it as a transport would, and returns what the machine gets to see.
func (a Arrival) Inbound() (*mobility.Inbound, error) {
	octets := a.Raw
	if octets == nil {
		var sent mobility.Effects
		if err := sent.Message(mobility.Endpoint{Addr: a.From}, mobility.Endpoint{Addr: a.To}, a.Message, a.Sign, a.CodePoint); err != nil {
			return nil, err
		}
		octets = sent.Send[0].Octets
	}
	in := &mobility.Inbound{From: mobility.Endpoint{VRF: a.VRF, Addr: a.From}, To: mobility.Endpoint{VRF: a.VRF, Addr: a.To}, CodePoint: a.CodePoint, Octets: octets}
	if in.Err = wire.VerifyChecksum(a.From.Addr(), a.To.Addr(), octets); in.Err == nil {
		in.Message, in.Err = wire.Parse(octets)
	}
	return in, nil
}

// ParseArrival reads "from=ADDR to=ADDR sign=SPI:SECRET pbu seq=1 ...". to is the default for a missing to=, vrf= is where both are. The addresses that
// are signed are from and ::, unless careof= and homehash= say otherwise. dscp= is the code point that the packet is marked with.
//
// The words of a message: seq= life= flags= status= idtype= id= hi= att= ll= hnp= hoa= home= router= lla= dmnp= mnp= alt= alt4= gre= nat= refresh=
// ts=, which counts from now, restart= and unknown=, an option type; of a revocation trigger=. The word hex= gives the octets themselves.
func ParseArrival(now time.Time, to netip.AddrPort, words []string) (Arrival, error) {
	a := Arrival{To: to}
	var fields []string
	careOf, home := netip.Addr{}, netip.IPv6Unspecified()
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		var err error
		switch {
		case key == "from":
			a.From, err = parseEndpoint(value)
			careOf = a.From.Addr()
		case key == "to":
			a.To, err = parseEndpoint(value)
		case key == "vrf":
			a.VRF = value
		case key == "careof":
			careOf, err = netip.ParseAddr(value)
		case key == "homehash":
			home, err = netip.ParseAddr(value)
		case key == "sign":
			a.Sign, err = parseSignature(value)
		case key == "dscp":
			err = setNumber(&a.CodePoint, value)
		case key == "hex":
			_, err = fmt.Sscanf(value, "%x", &a.Raw)
		case !ok && messages[word] != nil:
			a.Message = messages[word]()
		default:
			fields = append(fields, word)
		}
		if err != nil {
			return a, fmt.Errorf("%s: %w", word, err)
		}
	}
	a.Sign.CareOf, a.Sign.Home = careOf, home
	for _, word := range fields {
		if err := setField(a.Message, now, word); err != nil {
			return a, fmt.Errorf("%s: %w", word, err)
		}
	}
	return a, nil
}

// messages makes a message of each kind by its word.
var messages = map[string]func() wire.Message{
	"pbu":       func() wire.Message { return &wire.BindingUpdate{Flags: wire.UpdateA | wire.UpdateP} },
	"pba":       func() wire.Message { return &wire.BindingAck{Flags: wire.AckP} },
	"heartbeat": func() wire.Message { return &wire.Heartbeat{} },
	"bri":       func() wire.Message { return &wire.Revocation{Flags: wire.RevocationP} },
	"bra":       func() wire.Message { return &wire.RevocationAck{Flags: wire.RevocationP} },
	"be":        func() wire.Message { return &wire.BindingError{HomeAddress: netip.IPv6Unspecified()} },
}

func parseEndpoint(s string) (netip.AddrPort, error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(addr, 0), nil
	}
	return netip.ParseAddrPort(s)
}

func parseSignature(s string) (mobility.Signature, error) {
	spi, secret, _ := strings.Cut(s, ":")
	n, err := strconv.ParseUint(spi, 0, 32)
	return mobility.Signature{By: wire.NewAuthenticator(uint32(n), []byte(secret))}, err
}

func setField(m wire.Message, now time.Time, word string) error {
	key, value, _ := strings.Cut(word, "=")
	switch m := m.(type) {
	case *wire.BindingUpdate:
		switch key {
		case "seq":
			return setNumber(&m.Seq, value)
		case "life":
			return setLifetime(&m.Lifetime, value)
		case "flags":
			return setLetters(&m.Flags, value, map[rune]wire.UpdateFlags{'A': wire.UpdateA, 'H': wire.UpdateH, 'P': wire.UpdateP, 'F': wire.UpdateF, 'T': wire.UpdateT})
		}
		return setOption(&m.Options, now, key, value)
	case *wire.BindingAck:
		switch key {
		case "seq":
			return setNumber(&m.Seq, value)
		case "life":
			return setLifetime(&m.Lifetime, value)
		case "status":
			return setNumber(&m.Status, value)
		case "flags":
			return setLetters(&m.Flags, value, map[rune]wire.AckFlags{'P': wire.AckP})
		}
		return setOption(&m.Options, now, key, value)
	case *wire.Heartbeat:
		switch key {
		case "seq":
			return setNumber(&m.Seq, value)
		case "flags":
			return setLetters(&m.Flags, value, map[rune]wire.HeartbeatFlags{'U': wire.HeartbeatU, 'R': wire.HeartbeatR})
		}
		return setOption(&m.Options, now, key, value)
	case *wire.BindingError:
		return setNumber(&m.Status, value)
	}
	return setRevocation(m, now, key, value)
}

func setRevocation(m wire.Message, now time.Time, key, value string) error {
	flags := map[rune]wire.RevocationFlags{'P': wire.RevocationP, 'V': wire.RevocationV, 'G': wire.RevocationG}
	switch m := m.(type) {
	case *wire.Revocation:
		switch key {
		case "seq":
			return setNumber(&m.Seq, value)
		case "trigger":
			return setNumber(&m.Trigger, value)
		case "flags":
			return setLetters(&m.Flags, value, flags)
		}
		return setOption(&m.Options, now, key, value)
	case *wire.RevocationAck:
		switch key {
		case "seq":
			return setNumber(&m.Seq, value)
		case "status":
			return setNumber(&m.Status, value)
		case "flags":
			return setLetters(&m.Flags, value, flags)
		}
		return setOption(&m.Options, now, key, value)
	}
	return fmt.Errorf("%T has no field %s", m, key)
}

func setOption(o *wire.Options, now time.Time, key, value string) (err error) {
	switch key {
	case "id":
		o.MNID = wire.Some(wire.MNID{Subtype: cmp.Or(o.MNID.Value.Subtype, wire.IDNAI), ID: []byte(value)})
	case "idhex":
		var octets []byte
		octets, err = hex.DecodeString(value)
		o.MNID = wire.Some(wire.MNID{Subtype: wire.IDNAI, ID: octets})
	case "idtype": // before id=
		err = setNumber(&o.MNID.Value.Subtype, value)
	case "hi":
		o.Handoff.Set = true
		err = setNumber(&o.Handoff.Value, value)
	case "att":
		o.AccessType.Set = true
		err = setNumber(&o.AccessType.Value, value)
	case "ll":
		var mac net.HardwareAddr
		mac, err = net.ParseMAC(value)
		o.LinkLayerID = wire.Some(wire.LinkLayerID(mac))
	case "hnp", "hoa", "home", "dmnp", "mnp":
		err = setPrefix(o, key, value)
	case "homestatus":
		err = setNumber(&o.IPv4HoAReply.Value.Status, value)
	case "router":
		err = setAddr(&o.DefaultRouter, value)
	case "lla":
		err = setAddr(&o.LinkLocal, value)
	case "alt":
		err = setAddr(&o.AltCareOf, value)
	case "alt4":
		err = setAddr(&o.AltIPv4CareOf, value)
	case "gre":
		o.GREKey = wire.Some(wire.GREKey{})
		if value != "" {
			o.GREKey.Value.Keyed = true
			err = setNumber(&o.GREKey.Value.Key, value)
		}
	case "nat":
		o.NATDetection = wire.Some(wire.NATDetection{ForceUDP: true, Refresh: wire.NoKeepalive})
	case "heartbeat-control": // INTERVAL,DELAY,RETRANSMISSIONS
		var c wire.HeartbeatControl
		_, err = fmt.Sscanf(value, "%d,%d,%d", &c.Interval, &c.RetransmissionDelay, &c.MaxRetransmissions)
		o.LCMP = wire.Some(wire.LCMP{Heartbeat: wire.Some(c)})
	case "multipath": // BID
		o.MultipathBinding.Set = true
		err = setNumber(&o.MultipathBinding.Value.BID, value)
	case "mag":
		o.MAGID = wire.Some(wire.MAGID{Subtype: wire.IDNAI, ID: []byte(value)})
	case "refresh":
		o.RefreshAdvice.Set = true
		err = setLifetime(&o.RefreshAdvice.Value, value)
	case "restart":
		o.RestartCounter.Set = true
		err = setNumber(&o.RestartCounter.Value, value)
	case "ts":
		var d time.Duration
		d, err = time.ParseDuration(value)
		o.Timestamp = wire.Some(wire.TimestampOf(now.Add(d)))
	case "service":
		o.ServiceSelection = wire.Some(wire.ServiceSelection(value))
	case "labels": // of a service
		o.ServiceSelection = wire.Some(wire.AppendService(nil, value, true))
	case "unknown":
		raw := wire.RawOption{Data: []byte{1, 2, 3}}
		err = setNumber(&raw.Type, value)
		o.Extra = append(o.Extra, raw)
	default:
		err = fmt.Errorf("there is no such word")
	}
	return err
}

func setPrefix(o *wire.Options, key, value string) error {
	p, err := netip.ParsePrefix(value)
	switch key {
	case "hnp":
		o.HNPs = append(o.HNPs, wire.HNP{Prefix: p})
	case "hoa":
		o.IPv4HoARequests = append(o.IPv4HoARequests, wire.IPv4HoARequest{Prefix: p})
	case "dmnp":
		o.DMNPs = append(o.DMNPs, wire.DMNP{Prefix: p})
	case "mnp":
		o.MobileNetworks = append(o.MobileNetworks, p)
	case "home":
		o.IPv4HoAReply = wire.Some(wire.IPv4HoAReply{Prefix: p})
	}
	return err
}

func setAddr(o *wire.Opt[netip.Addr], value string) (err error) {
	o.Set = true
	o.Value, err = netip.ParseAddr(value)
	return err
}

func setNumber[T ~uint8 | ~uint16 | ~uint32](n *T, value string) error {
	v, err := strconv.ParseUint(value, 0, 32)
	*n = T(v)
	return err
}

func setLifetime(l *wire.Lifetime, value string) error {
	d, err := time.ParseDuration(value)
	*l = wire.LifetimeOf(d)
	return err
}

// setLetters sets the flags that letters stand for, and no others.
func setLetters[F ~uint8 | ~uint16](f *F, letters string, known map[rune]F) error {
	*f = 0
	for _, letter := range letters {
		flag, ok := known[letter]
		if !ok {
			return fmt.Errorf("flag %c is not known here", letter)
		}
		*f |= flag
	}
	return nil
}
