package gnmi

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"

	"mooring/cmd/mooring/client"
)

const (
	lifetime = anchor + "/bce/lifetime"
	mag      = anchor + "/mag[id=mag1][domain=lab.example]"
)

// scalar is an update with a value that is not JSON.
func scalar(text string, v *gpb.TypedValue) *gpb.SetRequest {
	return &gpb.SetRequest{Update: []*gpb.Update{{Path: at(text), Val: v}}}
}

// writing is what Set is asked for. What succeeds leaves things as they were.
var writing = []exchange{
	{32, &gpb.SetRequest{}, codes.OK, nil},
	{33, &gpb.SetRequest{Prefix: at("mooring/system"), Delete: ats("/user[name=none]"), Replace: updates("/host-name", `"lma1"`), Update: updates("/host-name", `"lma1"`)}, codes.OK,
		[]string{"origin mooring\nDELETE /user[name=none]\nREPLACE /host-name\nUPDATE /host-name\n"}},
	{36, replace(mag, " { } "), codes.InvalidArgument, nil},
	{36, replace(hostName, "null"), codes.InvalidArgument, nil},
	{37, update(anchor+"/mag[id=mag1]", "{}"), codes.InvalidArgument, []string{"update /"}},
	{37, replace(anchor+"/mag[id=mag1]", "{}"), codes.InvalidArgument, []string{"replace /"}},
	{37, update("/system/user[name=*]", "{}"), codes.InvalidArgument, nil},
	{37, update("/system/user[name=reader]", `{"name": "other"}`), codes.InvalidArgument, nil},
	{37, update("/system/user[name=reader]/name", `"other"`), codes.InvalidArgument, nil},
	{38, update(maximum, `"x"`), codes.InvalidArgument, []string{"update " + maximum}},
	{38, update(maximum, "0"), codes.InvalidArgument, []string{"maximum"}},
	{38, update(maximum, "1.5"), codes.InvalidArgument, []string{"maximum"}},
	{38, scalar(maximum, &gpb.TypedValue{Value: &gpb.TypedValue_StringVal{StringVal: "5"}}), codes.InvalidArgument, []string{"maximum"}},
	{38, scalar(maximum, &gpb.TypedValue{Value: &gpb.TypedValue_IntVal{IntVal: -1}}), codes.InvalidArgument, []string{"maximum"}},
	{38, scalar(maximum, nil), codes.InvalidArgument, []string{"maximum"}},
	{38, update("/system/user[name=reader]/password", `"clear"`), codes.InvalidArgument, []string{"password"}},
	{38, update(anchor+"/replay-protection/mode", `"magic"`), codes.InvalidArgument, []string{"mode"}},
	{38, update(anchor+"/enabled", `"true"`), codes.InvalidArgument, []string{"enabled"}},
	{38, update(anchor+"/bce", `{"maximum": 0, "lifetime": "x"}`), codes.InvalidArgument, []string{"maximum", "lifetime"}},
	{38, update(anchor+"/bce", `{"maximum": 7`), codes.InvalidArgument, nil},
	{39, update("/nowhere", "1"), codes.NotFound, nil},
	{39, remove("/nowhere"), codes.NotFound, nil},
	{39, &gpb.SetRequest{Delete: []*gpb.Path{{Elem: []*gpb.PathElem{{}}}}}, codes.InvalidArgument, nil},
	{39, update(bindings+"/binding[id=1]/sequence", "5"), codes.InvalidArgument, []string{"state"}},
	{39, remove(bindings), codes.InvalidArgument, nil},
	{40, remove("/system/user[name=none]", anchor+"/replay-protection", anchor+"/mag[id=none]"), codes.OK, nil},
	{41, update(anchor+"/domain", `"elsewhere"`), codes.FailedPrecondition, []string{"elsewhere"}},
	{41, update(anchor+"/mag[id=none][domain=lab.example]", "{}"), codes.InvalidArgument, []string{"a MAG needs an IPv4 or an IPv6 address"}},
	{41, update(anchor+"/mag[id=spare][domain=lab.example]/ipv6-address", `"2001:db8:a::11"`), codes.FailedPrecondition, []string{"ipv6-address"}},
	{41, update("/pmipv6/lma[name=two]", "{}"), codes.InvalidArgument, []string{"mandatory"}},
	{41, update("/system/aaa/accounting/mobile[name=x]", `{"group": ["radius", "a", "b", "c", "d"]}`), codes.FailedPrecondition, []string{"group"}},
	{43, unite("mooring"+hostName, `"a"`, "mooring-system"+hostName, `"b"`), codes.InvalidArgument, []string{`"a"`, `"b"`}},
	{43, &gpb.SetRequest{UnionReplace: updates(hostName, `"a"`), Delete: ats(hostName)}, codes.InvalidArgument, []string{"union_replace"}},
	{43, &gpb.SetRequest{UnionReplace: updates(hostName, `"a"`), Update: updates(hostName, `"a"`)}, codes.InvalidArgument, []string{"union_replace"}},
	{43, unite("mooring"+hostName, `"lma1"`, "mooring-system"+hostName, `"lma1"`), codes.OK, []string{"UNION_REPLACE"}},
	{45, scalar(hostName, &gpb.TypedValue{Value: &gpb.TypedValue_AsciiVal{AsciiVal: "x"}}), codes.Unimplemented, []string{"ascii_val"}},
	{45, scalar(hostName, &gpb.TypedValue{Value: &gpb.TypedValue_AnyVal{AnyVal: &anypb.Any{}}}), codes.Unimplemented, []string{"any_val"}},
	{45, scalar(hostName, &gpb.TypedValue{Value: &gpb.TypedValue_ProtoBytes{ProtoBytes: []byte("x")}}), codes.Unimplemented, []string{"proto_bytes"}},
}

// set is a Set that succeeds.
func (c *conformer) set(r *gpb.SetRequest) {
	c.t.Helper()
	if _, err := c.Set(c.t.Context(), r); err != nil {
		c.t.Fatalf("%v: %v", r, err)
	}
}

// config is the configuration at a path; "" when there is none.
func (c *conformer) config(text string) string {
	c.t.Helper()
	answer, err := c.ask(but(get(text), kind(gpb.GetRequest_CONFIG)))
	if err != nil {
		c.refuses(err, codes.NotFound)
		return ""
	}
	return answer
}

// has checks what the configuration at a path contains.
func (c *conformer) has(text string, says ...string) {
	c.t.Helper()
	exchange{0, but(get(text), kind(gpb.GetRequest_CONFIG)), codes.OK, says}.check(c.t, c)
}

// writings are what takes more than one Set.
var writings = map[int]course{
	29: func(t *testing.T, _ *running, c *conformer) {
		c.set(&gpb.SetRequest{Update: updates(maximum, "3", maximum, "4"), Replace: updates(anchor+"/bce", `{"maximum": 2, "lifetime": 700}`), Delete: ats(anchor + "/bce")})
		c.has(anchor+"/bce", `maximum":4`, `lifetime":700`)
		c.set(remove(anchor + "/bce"))
	},
	30: func(t *testing.T, _ *running, c *conformer) {
		before := c.config("/")
		exchange{30, update(maximum, "5", hostName, `"other"`, anchor+"/domain", `"elsewhere"`), codes.FailedPrecondition, nil}.check(t, c)
		if after := c.config("/"); before == "" || !sameAnswer(before, after) {
			t.Errorf("it was\n%s\nand is\n%s", before, after)
		}
	},
	31: func(t *testing.T, _ *running, c *conformer) { // of what is refused nobody is told
		s := c.subscribe(streaming, nil, maximum).sync()
		exchange{31, update(maximum, "5", anchor+"/domain", `"elsewhere"`), codes.FailedPrecondition, nil}.check(t, c)
		c.set(update(maximum, "6"))
		if s.next(); s.told[maximum] != "6" {
			t.Errorf("told is %v", s.told)
		}
		c.set(remove(maximum))
	},
	34: func(t *testing.T, _ *running, c *conformer) {
		c.set(update("/system/user", `[{"name": "new"}]`, anchor+"/bce", `{"lifetime": 800}`))
		c.set(update(anchor+"/bce", `{"maximum": 7}`))
		c.has("/system/user", "operator", "reader", "new")
		c.has(anchor+"/bce", "800", "7")
		c.set(remove("/system/user[name=new]", anchor+"/bce"))
	},
	35: func(t *testing.T, _ *running, c *conformer) {
		c.set(update(anchor+"/bce", `{"lifetime": 800}`, anchor+"/replay-protection/mode", `"ignore"`, "/system/user[name=reader]/authorized-key", keyOf("a")))
		c.set(replace(anchor+"/bce", `{"maximum": 7}`, anchor+"/replay-protection", `{}`, "/system/user[name=reader]/authorized-key", keyOf("b")))
		exchange{35, get(lifetime), codes.OK, []string{"3600"}}.check(t, c)
		exchange{35, get(anchor + "/replay-protection/mode"), codes.NotFound, nil}.check(t, c)
		c.has("/system/user[name=reader]", `"b"`, `!"a"`)
		c.set(remove(anchor+"/bce", "/system/user[name=reader]/authorized-key"))
	},
	40: func(t *testing.T, _ *running, c *conformer) {
		c.set(update(anchor+"/mag[id=spare][domain=lab.example]/ipv6-address", `"2001:db8:a::12"`, anchor+"/mag[id=extra][domain=lab.example]/ipv6-address", `"2001:db8:a::13"`,
			"/system/user[name=reader]/authorized-key", keyOf("a"), "/system/user[name=leaver]/authorized-key", keyOf("a")))
		c.set(remove(anchor+"/mag[id=spare]", "/system/user[name=*]/authorized-key"))
		c.has(anchor, "extra", "!spare", "mag1")
		c.has("/system/user", "reader", "!authorized-key")
		c.set(remove(anchor + "/mag[id=extra][domain=*]"))
		c.has(anchor, "!extra", "mag1")
	},
	42: func(t *testing.T, _ *running, c *conformer) {
		exchange{42, update("mooring-system"+hostName, `"other"`, "mooring-pmipv6"+maximum, "0"), codes.InvalidArgument, nil}.check(t, c)
		c.has(hostName, `"lma1"`)
		c.set(update("mooring-system"+hostName, `"other"`, "mooring-pmipv6"+maximum, "8"))
		c.has(hostName, `"other"`)
		c.set(replace("mooring-system/system/host-name", `"lma1"`)) // what has another origin stays
		c.has(maximum, " 8\n")
		c.set(remove(maximum))
	},
	43: func(t *testing.T, _ *running, c *conformer) {
		c.set(unite("mooring"+anchor+"/bce", `{"maximum": 7}`, "mooring-pmipv6"+anchor+"/bce", `{"lifetime": 900, "maximum": 7}`))
		c.has(anchor+"/bce", "7", "900")
		c.set(remove(anchor + "/bce"))
	},
	44: func(t *testing.T, r *running, c *conformer) {
		var turns sync.WaitGroup
		for i := range 8 {
			turns.Go(func() {
				if _, err := c.Set(t.Context(), update(maximum, fmt.Sprint(1000+i), fmt.Sprintf("/system/user[name=turn%d]", i), "{}")); err != nil {
					t.Error(err)
				}
			})
		}
		turns.Wait()
		for i := range 8 {
			c.has("/system/user", fmt.Sprintf(`"turn%d"`, i))
			c.set(remove(fmt.Sprintf("/system/user[name=turn%d]", i)))
		}
		holder, err := (&client.Target{StateDir: r.stateDir}).Manage(t.Context())
		check(t, err)
		check(t, holder.Do(`<lock><target><running/></target></lock>`, nil))
		exchange{44, update(maximum, "9"), codes.FailedPrecondition, []string{"locked", "session"}}.check(t, c)
		check(t, holder.Do(`<unlock><target><running/></target></unlock>`, nil))
		check(t, holder.Close())
		c.set(remove(maximum))
	},
	46: func(t *testing.T, _ *running, c *conformer) {
		for i := range 20 {
			check(t, c.load(uint64(i+1)))
			if got := c.leaf(maximum); got != fmt.Sprint(i+1) {
				t.Errorf("after %d: %s", i+1, got)
			}
		}
		c.set(remove(maximum))
	},
}

// commitOverNETCONF sets the maximum of bindings as another protocol does.
func (r *running) commitOverNETCONF(t *testing.T, bindings string) {
	t.Helper()
	s, err := (&client.Target{StateDir: r.stateDir}).Manage(t.Context())
	check(t, err)
	defer s.Close()
	check(t, s.Do(`<edit-config><target><candidate/></target><config><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><lma><name>lma1</name><bce><maximum>`+bindings+
		`</maximum></bce></lma></pmipv6></config></edit-config>`, nil))
	check(t, s.Do("<commit/>", nil))
}

// keyData is a public key of ssh-ed25519.
var keyData = append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), make([]byte, 32)...)

func keyOf(name string) string {
	return fmt.Sprintf(`[{"name": "%s", "algorithm": "ssh-ed25519", "key-data": "%s"}]`, name, base64.StdEncoding.EncodeToString(keyData))
}

// sameAnswer compares two answers of which the order of what a list of the system has may differ.
func sameAnswer(a, b string) bool {
	return len(a) == len(b) && sortLines(strings.ReplaceAll(a, ",", "\n")) == sortLines(strings.ReplaceAll(b, ",", "\n"))
}
