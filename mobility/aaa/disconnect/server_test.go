package disconnect

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc3162"

	"mooring/mobility/aaa"
)

var (
	now    = time.Unix(1_800_000_000, 0)
	server = netip.MustParseAddrPort("192.0.2.9:4000")
)

// cleared is what a server was told to clear.
type cleared struct {
	list []Selection
	n    int
	err  error
}

func newServer(c *cleared) *Server {
	s := New(Options{Clear: func(_ context.Context, sel *Selection) (int, error) {
		c.list = append(c.list, *sel)
		return c.n, c.err
	}})
	s.config.Store(&aaa.Disconnect{Enabled: true, Clients: []aaa.Client{{Addr: server.Addr(), Secret: "cisco"}}})
	return s
}

// ask makes a request with an Event-Timestamp of at, unless that is zero.
func ask(t *testing.T, code radius.Code, at time.Time, list ...*radius.AVP) []byte {
	t.Helper()
	p := &radius.Packet{Code: code, Identifier: 7, Secret: []byte("cisco"), Attributes: list}
	if !at.IsZero() {
		p.Add(rfc2869.EventTimestamp_Type, radius.NewInteger(uint32(at.Unix())))
	}
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func avp(t radius.Type, value ...byte) *radius.AVP {
	return &radius.AVP{Type: t, Attribute: radius.Attribute(value)}
}

// pair is a text of vendor 9, type 1.
func pair(text string) *radius.AVP {
	return avp(rfc2865.VendorSpecific_Type, append([]byte{0, 0, 0, 9, 1, byte(2 + len(text))}, text...)...)
}

func named(t radius.Type, value string) *radius.AVP { return avp(t, []byte(value)...) }

// said writes an answer: its code and its Error-Cause.
func said(t *testing.T, request, answer []byte) string {
	t.Helper()
	if answer == nil {
		return "nothing"
	}
	if !radius.IsAuthenticResponse(answer, request, []byte("cisco")) {
		t.Error("the answer is not authentic")
	}
	p, err := radius.Parse(answer, []byte("cisco"))
	if err != nil {
		t.Fatal(err)
	}
	text := p.Code.String()
	if cause, ok := p.Lookup(errorCauseType); ok {
		n, _ := radius.Integer(cause)
		text += fmt.Sprint(" ", n)
	}
	return text
}

// RAD-10: which requests are obeyed, refused and discarded.
func TestRAD10Requests(t *testing.T) {
	user := named(rfc2865.UserName_Type, "n@x")
	for _, c := range []struct {
		what    string
		request []byte
		cleared cleared
		want    string
	}{
		{"a node", ask(t, 40, now, user), cleared{n: 1}, "Disconnect-ACK"},
		{"a session", ask(t, 40, now, named(rfc2866.AcctSessionID_Type, "x")), cleared{n: 1}, "Disconnect-ACK"},
		{"nobody there", ask(t, 40, now, user), cleared{}, "Disconnect-NAK 503"},
		{"another NAS", ask(t, 40, now, user), cleared{err: ErrOtherNAS}, "Disconnect-NAK 403"},
		{"an element that stops", ask(t, 40, now, user), cleared{err: errors.New("stopped")}, "Disconnect-NAK 506"},
		{"nobody in particular", ask(t, 40, now, named(rfc2865.NASIdentifier_Type, "lma")), cleared{n: 1}, "Disconnect-NAK 402"},
		{"an attribute that nobody knows", ask(t, 40, now, user, avp(250, 1)), cleared{n: 1}, "Disconnect-NAK 401"},
		{"a customer's node", ask(t, 40, now, user, pair("customer=CUST1")), cleared{n: 1}, "Disconnect-ACK"},
		{"a pair that nobody knows", ask(t, 40, now, user, pair("colour=red")), cleared{n: 1}, "Disconnect-NAK 401"},
		{"a node without a name", ask(t, 40, now, named(rfc2865.UserName_Type, "")), cleared{n: 1}, "Disconnect-NAK 407"},
		{"a session without an identifier", ask(t, 40, now, named(rfc2866.AcctSessionID_Type, "")), cleared{n: 1}, "Disconnect-NAK 407"},
		{"sessions without an identifier", ask(t, 40, now, named(rfc2866.AcctMultiSessionID_Type, "")), cleared{n: 1}, "Disconnect-NAK 407"},
		{"a station without octets", ask(t, 40, now, user, named(rfc2865.CallingStationID_Type, "")), cleared{n: 1}, "Disconnect-NAK 407"},
		{"a NAS without a name", ask(t, 40, now, user, named(rfc2865.NASIdentifier_Type, "")), cleared{n: 1}, "Disconnect-NAK 407"},
		{"a customer without a name", ask(t, 40, now, user, pair("customer=")), cleared{n: 1}, "Disconnect-NAK 407"},
		{"a VRF without a name", ask(t, 40, now, user, pair("vrf-id")), cleared{n: 1}, "Disconnect-NAK 407"},
		{"no address", ask(t, 40, now, avp(rfc2865.FramedIPAddress_Type)), cleared{n: 1}, "Disconnect-NAK 407"},
		{"half an address", ask(t, 40, now, avp(rfc2865.FramedIPAddress_Type, 10, 0)), cleared{n: 1}, "Disconnect-NAK 407"},
		{"a NAS with half an address", ask(t, 40, now, user, avp(rfc3162.NASIPv6Address_Type, 0x20, 1)), cleared{n: 1}, "Disconnect-NAK 407"},
		{"a prefix of 129 bits", ask(t, 40, now, avp(rfc3162.FramedIPv6Prefix_Type, 0, 129, 0x20, 1)), cleared{n: 1}, "Disconnect-NAK 407"},
		{"no prefix", ask(t, 40, now, avp(rfc3162.FramedIPv6Prefix_Type)), cleared{n: 1}, "Disconnect-NAK 407"},
		{"all of a customer", ask(t, 40, now, pair("customer=CUST1")), cleared{n: 1}, "Disconnect-NAK 402"},
		{"authorize only", ask(t, 40, now, user, avp(rfc2865.ServiceType_Type, 0, 0, 0, 17)), cleared{n: 1}, "Disconnect-NAK 405"},
		{"a change of authorization", ask(t, 43, now, user), cleared{n: 1}, "CoA-NAK 406"},
		{"an old one", ask(t, 40, now.Add(-Window-time.Second), user), cleared{n: 1}, "nothing"},
		{"one of tomorrow", ask(t, 40, now.Add(Window+time.Second), user), cleared{n: 1}, "nothing"},
		{"one without a time", ask(t, 40, time.Time{}, user), cleared{n: 1}, "nothing"},
		{"another kind of packet", ask(t, 4, now, user), cleared{n: 1}, "nothing"},
		{"half of one", ask(t, 40, now, user)[:30], cleared{n: 1}, "nothing"},
		{"nothing at all", nil, cleared{n: 1}, "nothing"},
	} {
		got := said(t, c.request, newServer(&c.cleared).handle(now, server, c.request))
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
		if obeyed := len(c.cleared.list) > 0; obeyed && (c.want == "nothing" || strings.HasSuffix(c.want, " 407")) {
			t.Errorf("%s was obeyed: %+v", c.what, c.cleared.list)
		}
	}
}

// What is not authentic, or comes from somebody else, has no answer; not one octet of a request may be changed.
func TestRAD10Authentication(t *testing.T) {
	good := ask(t, 40, now, named(rfc2865.UserName_Type, "n@x"))
	for i := range good {
		for bit := range 8 {
			var c cleared
			bad := append([]byte(nil), good...)
			bad[i] ^= 1 << bit
			if newServer(&c).handle(now, server, bad); len(c.list) > 0 {
				t.Errorf("with bit %d of octet %d changed it was obeyed", bit, i)
			}
		}
	}
	var c cleared
	if answer := newServer(&c).handle(now, netip.MustParseAddrPort("192.0.2.10:4000"), good); answer != nil || len(c.list) > 0 {
		t.Error("a stranger was obeyed")
	}
	if answer := newServer(&cleared{n: 1}).handle(now, netip.MustParseAddrPort("[::ffff:192.0.2.9]:4000"), good); answer == nil {
		t.Error("an IPv4 server that a socket of both versions hears was not obeyed")
	}
}

// RFC 5176 section 3.4: a Message-Authenticator that is there has to be right.
func TestRAD10MessageAuthenticator(t *testing.T) {
	request := func(spoil byte) []byte {
		p := &radius.Packet{Code: 40, Identifier: 1, Secret: []byte("cisco")}
		p.Add(rfc2865.UserName_Type, radius.Attribute("n@x"))
		p.Add(rfc2869.EventTimestamp_Type, radius.NewInteger(uint32(now.Unix())))
		p.Add(messageAuthenticator, make([]byte, 16))
		b, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(md5.New, p.Secret)
		mac.Write(b)
		sum := mac.Sum(nil)
		sum[0] ^= spoil
		p.Set(messageAuthenticator, sum)
		if b, err = p.Encode(); err != nil {
			t.Fatal(err)
		}
		return b
	}
	for spoil, want := range map[byte]string{0: "Disconnect-ACK", 1: "nothing"} {
		octets := request(spoil)
		if got := said(t, octets, newServer(&cleared{n: 1}).handle(now, server, octets)); got != want {
			t.Errorf("spoilt by %d: %s, want %s", spoil, got, want)
		}
	}
}

// RFC 5176 sections 2.3 and 6.3: a repetition has the same answer and does nothing, from whatever port and for as long as its time is accepted.
func TestRAD10Replay(t *testing.T) {
	c := cleared{n: 1}
	s := newServer(&c)
	request := ask(t, 40, now, named(rfc2865.UserName_Type, "n@x"))
	first := s.handle(now, server, request)
	for after := time.Duration(0); after < 3*Window; after += time.Second {
		from := netip.AddrPortFrom(server.Addr(), uint16(5000+after/time.Second))
		if again := s.handle(now.Add(after), from, request); again != nil && string(again) != string(first) {
			t.Fatalf("after %v the answer was another one", after)
		}
	}
	if len(c.list) != 1 {
		t.Errorf("it was obeyed %d times", len(c.list))
	}
}

// Everything that a request names has to fit, and Proxy-State goes back.
func TestRAD10Selection(t *testing.T) {
	var c cleared
	request := ask(t, 40, now,
		named(rfc2865.UserName_Type, "n@x"), named(rfc2866.AcctMultiSessionID_Type, "m"), named(rfc2865.CallingStationID_Type, "02"),
		avp(rfc2865.FramedIPAddress_Type, 10, 0, 0, 1), avp(rfc3162.FramedIPv6Prefix_Type, 0, 64, 0x20, 0x01, 0x0d, 0xb8, 0, 1),
		named(rfc2865.NASIdentifier_Type, "lma"), avp(rfc2865.NASIPAddress_Type, 192, 0, 2, 1), pair("customer=C=1"), pair("vrf-id=V"), avp(rfc2865.ProxyState_Type, 1, 2, 3))
	answer := newServer(&c).handle(now, server, request)
	want := Selection{
		User: "n@x", Multi: "m", Station: "02", Home: netip.MustParseAddr("10.0.0.1"),
		Prefix: []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64")}, Anchor: "lma", Address: netip.MustParseAddr("192.0.2.1"),
		Customer: "C=1", VRF: "V",
	}
	if len(c.list) != 1 || fmt.Sprint(c.list[0]) != fmt.Sprint(want) {
		t.Errorf("selected was %+v, want %+v", c.list, want)
	}
	p, err := radius.Parse(answer, []byte("cisco"))
	if err != nil || string(p.Get(rfc2865.ProxyState_Type)) != "\x01\x02\x03" {
		t.Errorf("the answer is %v, %v", p, err)
	}
}

// The server listens when it is told to, and not before; a port that is taken is an error and changes nothing.
func TestRAD10Listens(t *testing.T) {
	free, err := net.ListenUDP("udp", nil)
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(free.LocalAddr().(*net.UDPAddr).Port)
	s := New(Options{Clear: func(context.Context, *Selection) (int, error) { return 1, nil }})
	defer s.Close()
	cfg := aaa.Disconnect{Enabled: true, Port: port, Clients: []aaa.Client{{Addr: netip.MustParseAddr("127.0.0.1"), Secret: "cisco"}}}
	if _, err := s.Prepare(cfg); err == nil || s.Addr() != nil {
		t.Errorf("a port that is taken: %v, and it listens at %v", err, s.Addr())
	}
	free.Close()
	change, err := s.Prepare(cfg)
	if err != nil {
		t.Fatal(err)
	}
	change.Apply()
	conn, err := net.Dial("udp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := ask(t, 40, time.Now(), named(rfc2865.UserName_Type, "n@x"))
	conn.Write([]byte("rubbish"))
	conn.Write(request)
	conn.SetReadDeadline(time.Now().Add(time.Minute))
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	if got := said(t, request, answer[:n]); got != "Disconnect-ACK" || s.Received.Load() != 2 || s.Discarded.Load() != 1 {
		t.Errorf("%s; %d came and %d were discarded", got, s.Received.Load(), s.Discarded.Load())
	}
	off, err := s.Prepare(aaa.Disconnect{})
	if err != nil {
		t.Fatal(err)
	}
	off.Apply()
	if s.Addr() != nil {
		t.Error("it still listens")
	}
}

// Whatever comes is answered with something that can be read, or not at all.
func FuzzRequest(f *testing.F) {
	for _, list := range [][]*radius.AVP{{named(rfc2865.UserName_Type, "n@x")}, {avp(messageAuthenticator)}, {avp(rfc2865.ProxyState_Type, 1)}} {
		p := &radius.Packet{Code: 40, Attributes: list}
		b, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[20:])
	}
	f.Fuzz(func(t *testing.T, attributes []byte) {
		p := &radius.Packet{Code: 40, Secret: []byte("cisco")}
		p.Attributes, _ = radius.ParseAttributes(attributes)
		p.Add(rfc2869.EventTimestamp_Type, radius.NewInteger(uint32(now.Unix())))
		request, err := p.Encode()
		if err != nil {
			return
		}
		if answer := newServer(&cleared{n: 1}).handle(now, server, request); answer != nil {
			said(t, request, answer)
		}
	})
}
