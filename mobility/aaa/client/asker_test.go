package client

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"mooring/mobility"
	"mooring/mobility/aaa"
)

// oracle is a RADIUS server at the other end of a pipe that knows users by their names: what is not "denied" is accepted with that name as APN.
type oracle struct {
	mu   sync.Mutex
	up   bool
	bare bool // answers have no Message-Authenticator
	got  []string
}

func (o *oracle) serve(conn net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return
		}
		p, err := radius.Parse(buffer[:n], []byte("cisco"))
		if err != nil {
			continue
		}
		name := rfc2865.UserName_GetString(p)
		o.mu.Lock()
		o.got = append(o.got, name)
		up, bare := o.up, o.bare
		o.mu.Unlock()
		if up {
			conn.Write(verdictOn(p, name, bare))
		}
	}
}

// verdictOn makes an answer.
func verdictOn(request *radius.Packet, name string, bare bool) []byte {
	p := request.Response(radius.CodeAccessAccept)
	if strings.HasPrefix(name, "denied") {
		p.Code = radius.CodeAccessReject
	}
	p.Add(146, radius.Attribute(name))
	if !bare {
		p.Add(rfc2869.MessageAuthenticator_Type, make([]byte, 16))
		octets, _ := p.MarshalBinary()
		mac := hmac.New(md5.New, p.Secret)
		mac.Write(octets)
		p.Set(rfc2869.MessageAuthenticator_Type, mac.Sum(nil))
	}
	octets, _ := p.Encode()
	return octets
}

func (o *oracle) set(up bool) {
	o.mu.Lock()
	o.up = up
	o.mu.Unlock()
}

// names returns who was asked about since the last call.
func (o *oracle) names() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	got := o.got
	o.got = nil
	return got
}

// inquirer is an Asker with the answers that came.
type inquirer struct {
	*Asker
	mu      sync.Mutex
	answers []string
	changes []string
}

func newInquirer(t *testing.T, oracles map[string]*oracle) *inquirer {
	q := &inquirer{}
	q.Asker = NewAsker(AskerOptions{
		Dial: func(_ context.Context, to *aaa.Target) (net.Conn, error) {
			o := oracles[to.Name]
			if o == nil {
				return nil, errors.New("no way there")
			}
			here, there := net.Pipe()
			go o.serve(there)
			return here, nil
		},
		Changed: func(server string, up bool) {
			q.mu.Lock()
			q.changes = append(q.changes, fmt.Sprint(server, " ", up))
			q.mu.Unlock()
		},
	})
	t.Cleanup(q.Close)
	return q
}

func (q *inquirer) about(name string) {
	q.Ask("lma", mobility.Question{Node: mobility.NAI(name), Until: time.Now().Add(30 * time.Second)}, func(a *mobility.Authorization) {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.answers = append(q.answers, fmt.Sprintf("%s %d %s", name, a.Verdict, a.APN))
	})
}

// told returns the answers that came since the last call.
func (q *inquirer) told() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	got := q.answers
	q.answers = nil
	return got
}

// asking names servers that are tried three times, two seconds each.
func askingOf(names ...string) aaa.Authorization {
	return aaa.Authorization{Targets: lanes(names...)[0].Targets, DeadTime: time.Minute}
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// AAA-04, RAD-08: one server after another is asked; one that does not answer is passed over, until its time is over, by whoever asks; when all are, the
// preferred one is asked all the same. No answer comes later than it is waited for.
func TestRAD08_Failover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := &oracle{}, &oracle{up: true}
		q := newInquirer(t, map[string]*oracle{"one": one, "two": two})
		q.about("early@x") // before anybody knows whom to ask
		synctest.Wait()
		q.Configure(askingOf("one", "two"))
		time.Sleep(6*time.Second + 1)
		synctest.Wait()
		same(t, "the first server", one.names(), "early@x", "early@x", "early@x")
		same(t, "the second server", two.names(), "early@x")
		same(t, "told", q.told(), "early@x 2 early@x")
		q.about("denied@x")
		synctest.Wait()
		same(t, "the first server is passed over", one.names())
		same(t, "told", q.told(), "denied@x 1 ")
		two.set(false)
		q.about("a@x")
		time.Sleep(7 * time.Second)
		same(t, "nobody answers", q.told(), "a@x 0 ")
		one.names()
		one.set(true)
		q.about("b@x")
		synctest.Wait()
		same(t, "the preferred server is back", q.told(), "b@x 2 b@x")
		same(t, "changes", q.changes, "one false", "two false", "one true")
		s := q.Servers()
		if s[0].Requests != 2 || s[0].Retransmissions != 2 || s[0].Timeouts != 1 || s[0].Accepts != 1 || s[0].Rejects != 0 || s[0].Down ||
			s[1].Requests != 3 || s[1].Accepts != 1 || s[1].Rejects != 1 || s[1].Timeouts != 1 || !s[1].Down {
			t.Errorf("the counters are %+v", s)
		}
	})
}

// RAD-08: an answer that anybody could have made is none.
func TestRAD08_BareAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &oracle{up: true, bare: true}
		q := newInquirer(t, map[string]*oracle{"one": one})
		q.Configure(askingOf("one"))
		q.about("a@x")
		time.Sleep(7 * time.Second)
		same(t, "told", q.told(), "a@x 0 ")
		if s := q.Servers()[0]; s.BadResponses != 3 || s.Accepts != 0 || s.Timeouts != 1 {
			t.Errorf("the counters are %+v", s)
		}
		lax := askingOf("one")
		lax.AcceptUnsealed = true
		q.Configure(lax)
		q.about("a@x")
		synctest.Wait()
		same(t, "who trusts the network", q.told(), "a@x 2 a@x")
	})
}

// EXT-21: who waits while the servers become others is asked about again there, and a server that takes longer than anybody waits is down, too.
func TestEXT21_OtherServersMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := &oracle{}, &oracle{up: true}
		q := newInquirer(t, map[string]*oracle{"one": one, "two": two})
		slow := askingOf("one")
		slow.Targets[0].Timeout = 20 * time.Second
		q.Configure(slow)
		q.about("a@x")
		time.Sleep(31 * time.Second)
		same(t, "nobody answers", q.told(), "a@x 0 ")
		same(t, "changes", q.changes, "one false")
		q.about("b@x")
		time.Sleep(time.Second)
		same(t, "nothing yet", q.told())
		q.Configure(slow) // nothing new
		q.Configure(askingOf("two"))
		synctest.Wait()
		same(t, "the other server", q.told(), "b@x 2 b@x")
		q.Configure(askingOf())
		q.about("c@x")
		synctest.Wait()
		same(t, "no server", q.told(), "c@x 0 ")
		q.Configure(askingOf("nowhere"))
		q.about("d@x")
		synctest.Wait()
		same(t, "no way there", q.told(), "d@x 0 ")
	})
}

// EXT-21: a flood of questions is answered, however few identifiers a socket has (RFC 2865 section 3).
func TestEXT21_Flood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one := &oracle{up: true}
		q := newInquirer(t, map[string]*oracle{"one": one})
		q.Configure(askingOf("one"))
		for i := range 2000 {
			q.about(fmt.Sprintf("n%d@x", i))
		}
		synctest.Wait()
		if n := len(q.told()); n != 2000 {
			t.Errorf("%d answers came", n)
		}
		if s := q.Servers()[0]; s.Requests != 2000 || s.Accepts != 2000 || s.Retransmissions+s.BadResponses != 0 {
			t.Errorf("the counters are %+v", s)
		}
	})
}
