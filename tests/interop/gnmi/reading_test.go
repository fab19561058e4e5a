package gnmi

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
	"github.com/openconfig/ygot/ygot"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

const (
	anchor   = "/pmipv6/lma[name=lma1]"
	usage    = anchor + "/network[name=home]/pool/mobile-node/ipv4/usage"
	hostName = "/system/host-name"
)

// reading is what paths and Get are asked for.
var reading = []exchange{
	{9, get("/"), codes.OK, []string{`"lma1"`, "mooring-system:system"}},
	{10, but(get(maximum), prefix("x", "")), codes.OK, []string{"target x\n"}},
	{10, but(update(hostName, `"lma1"`), func(r *gpb.SetRequest) { r.Prefix = &gpb.Path{Target: "x"} }), codes.OK, []string{"target x\n"}},
	{10, listBut(subscribing(once, maximum), func(l *gpb.SubscriptionList) { l.Prefix = &gpb.Path{Target: "x"} }), codes.OK, []string{"target x\n"}},
	{10, get(maximum), codes.OK, []string{"!target"}},
	{10, update(hostName, `"lma1"`), codes.OK, []string{"!target"}},
	{10, subscribing(once, maximum), codes.OK, []string{"!target"}},
	{11, &gpb.GetRequest{Path: []*gpb.Path{{Target: "x"}}}, codes.InvalidArgument, []string{"target"}},
	{11, &gpb.SetRequest{Delete: []*gpb.Path{{Target: "x", Elem: at(maximum).Elem}}}, codes.InvalidArgument, []string{"target"}},
	{11, listBut(subscribing(once, maximum), func(l *gpb.SubscriptionList) { l.Subscription[0].Path.Target = "x" }), codes.InvalidArgument, []string{"target"}},
	{12, but(get("mooring"+maximum), prefix("", "mooring/")), codes.InvalidArgument, []string{"origin"}},
	{12, but(get("mooring-pmipv6/name", "mooring/enabled"), prefix("", anchor)), codes.InvalidArgument, []string{"origins"}},
	{12, &gpb.SetRequest{Prefix: at("/system"), Delete: ats("mooring-system/netconf", "mooring/gnmi")}, codes.InvalidArgument, []string{"origins"}},
	{13, get("openconfig/system"), codes.Unimplemented, []string{"openconfig", "mooring"}},
	{13, remove("openconfig/system"), codes.Unimplemented, []string{"openconfig"}},
	{13, subscribing(once, "openconfig/system"), codes.Unimplemented, []string{"openconfig"}},
	{13, get("mooring" + maximum), codes.OK, []string{"origin mooring\n"}},
	{13, subscribing(once, "mooring-pmipv6"+maximum), codes.OK, []string{"origin mooring-pmipv6\n", "maximum uint 128000", "sync\nend"}},
	{13, get("mooring-pmipv6" + hostName), codes.Unimplemented, nil},
	{17, get("/pmipv6/lma[nome=lma1]"), codes.InvalidArgument, []string{"nome"}},
	{17, get("/pmipv6[name=x]/lma"), codes.InvalidArgument, []string{"no list"}},
	{17, remove("/pmipv6/lma[nome=lma1]"), codes.InvalidArgument, []string{"nome"}},
	{17, subscribing(once, "/pmipv6/lma[nome=lma1]"), codes.InvalidArgument, []string{"nome"}},

	{18, get(maximum, hostName, maximum), codes.OK, []string{"notification 0\n" + maximum, "notification 1\n" + hostName, "notification 2\n" + maximum}},
	{19, get(anchor + "/bce/lifetime"), codes.OK, []string{"/lifetime json_ietf 3600\n"}},
	{19, getAs(gpb.Encoding_PROTO, maximum, "/system/gnmi/port"), codes.OK, []string{"maximum uint 128000", "port uint 9339"}},
	{20, get("/pmipv6/lma[name=other]"), codes.NotFound, nil},
	{20, get(bindings + "/binding[id=77]"), codes.NotFound, nil},
	{20, get(anchor + "/replay-protection/mode"), codes.NotFound, nil},
	{21, get("/nowhere"), codes.Unimplemented, []string{`"nowhere"`}},
	{21, get(maximum + "/deeper"), codes.Unimplemented, nil},
	{21, get("/no-such-module:system"), codes.Unimplemented, nil},
	{21, &gpb.GetRequest{Path: []*gpb.Path{{Elem: []*gpb.PathElem{{}}}}}, codes.InvalidArgument, []string{"no name"}},
	{21, &gpb.GetRequest{}, codes.InvalidArgument, []string{"no path"}},
	{22, but(getAs(gpb.Encoding_PROTO, anchor), kind(gpb.GetRequest_CONFIG)), codes.OK, []string{"/bce/maximum", "!/bindings/", "!/usage/", "!oper-status"}},
	{22, but(getAs(gpb.Encoding_PROTO, anchor), kind(gpb.GetRequest_STATE)), codes.OK, []string{"!/bce/maximum", "/bindings/", "/usage/total"}},
	{22, but(getAs(gpb.Encoding_PROTO, anchor), kind(gpb.GetRequest_OPERATIONAL)), codes.OK, []string{"!/bce/maximum", "/bindings/", "/usage/total"}},
	{22, getAs(gpb.Encoding_PROTO, anchor), codes.OK, []string{"/bce/maximum", "/bindings/", "/usage/total"}},
	{22, but(get(anchor+"/bce"), kind(gpb.GetRequest_STATE)), codes.NotFound, nil},
	{23, &gpb.GetRequest{Path: ats(maximum)}, codes.OK, []string{"maximum json 128000"}},
	{23, getAs(gpb.Encoding_ASCII, maximum), codes.OK, []string{"maximum ascii 128000"}},
	{23, getAs(gpb.Encoding_BYTES, maximum), codes.Unimplemented, []string{"BYTES"}},
	{23, getAs(77, maximum), codes.Unimplemented, []string{"77"}},
	{23, listBut(subscribing(once, maximum), func(l *gpb.SubscriptionList) { l.Encoding = gpb.Encoding_BYTES }), codes.Unimplemented, []string{"BYTES"}},
	{24, get(usage), codes.OK, []string{`"mooring-pmipv6:total":"65533"`}},
	{24, get("/"), codes.OK, []string{`"mooring-pmipv6:pmipv6":{`, `"mooring-system:system":{`, `"total":"65533"`, `"hoa-prefix-length":16`}},
	{24, getAs(gpb.Encoding_JSON, usage), codes.OK, []string{`"total":65533`}},
	{25, get(hostName, maximum, bindings+"/binding[id=1]/hnp"), codes.OK,
		[]string{"host-name json_ietf \"lma1\"\n", "maximum json_ietf 128000\n", "hnp json_ietf [\"2001:db8:100::/64\"]\n"}},
	{25, getAs(gpb.Encoding_JSON, hostName, bindings), codes.OK, []string{" json ", "!json_ietf"}},
	{25, get(hostName, bindings), codes.OK, []string{" json_ietf ", "! json "}},
	{26, getAs(gpb.Encoding_PROTO, bindings, hostName, "/system/metrics"), codes.OK,
		[]string{"sequence uint 1\n", "hnp leaflist 2001:db8:100::/64\n", "state string active\n", "host-name string lma1\n", "enabled bool true\n"}},
	{27, but(get("/"), models("openconfig-interfaces", "")), codes.InvalidArgument, []string{"openconfig-interfaces"}},
	{27, but(get("/"), models("mooring-system", "1999-01-01")), codes.InvalidArgument, []string{"1999-01-01"}},
	{27, but(get("/"), models("mooring-system", "")), codes.OK, []string{"host-name", "!bindings", "!nacm"}},
}

func prefix(target, text string) func(*gpb.GetRequest) {
	return func(r *gpb.GetRequest) {
		if r.Prefix = at(text); text == "" {
			r.Prefix = &gpb.Path{}
		}
		r.Prefix.Target = target
	}
}

func kind(k gpb.GetRequest_DataType) func(*gpb.GetRequest) {
	return func(r *gpb.GetRequest) { r.Type = k }
}

func models(name, version string) func(*gpb.GetRequest) {
	return func(r *gpb.GetRequest) { r.UseModels = []*gpb.ModelData{{Name: name, Version: version}} }
}

// readings are what takes more than one Get.
var readings = map[int]course{
	9: func(t *testing.T, _ *running, c *conformer) { // a path is the same wherever the prefix ends
		whole := at(maximum).Elem
		for split := range len(whole) + 1 {
			before, rest := &gpb.Path{Elem: whole[:split]}, &gpb.Path{Elem: whole[split:]}
			for _, request := range []proto.Message{
				&gpb.GetRequest{Prefix: before, Path: []*gpb.Path{rest}, Encoding: gpb.Encoding_PROTO},
				listBut(subscribing(once, maximum), func(l *gpb.SubscriptionList) { l.Prefix, l.Subscription[0].Path = before, rest }),
			} {
				exchange{9, request, codes.OK, []string{maximum + " uint 128000\n"}}.check(t, c)
			}
		}
	},
	14: func(t *testing.T, _ *running, c *conformer) {
		for _, same := range [][]string{
			{bindings + "/binding[id=1]/sequence", "/pmipv6/lma/bindings/binding/sequence", "/pmipv6/lma[name=*]/bindings/binding[id=*]/sequence", "/pmipv6/lma/*/binding/sequence",
				"/pmipv6/.../binding/sequence", "/.../binding/sequence", "/*/lma/bindings/*/sequence"},
			{anchor + "/mag[id=mag1][domain=lab.example]", anchor + "/mag", anchor + "/mag[id=mag1]", anchor + "/mag[domain=lab.example]", anchor + "/mag[id=*][domain=lab.example]"},
			{"/system/...", "/system"},
		} {
			want := ""
			for _, text := range same {
				got, err := c.ask(but(getAs(gpb.Encoding_PROTO, text), kind(gpb.GetRequest_CONFIG)))
				if strings.Contains(same[0], "binding") {
					got, err = c.ask(getAs(gpb.Encoding_PROTO, text))
				}
				check(t, err)
				got = sortLines(got)
				if want == "" {
					want = got
				}
				if got != want || strings.Count(got, "\n") < 1 {
					t.Errorf("%s is\n%s\nbut %s is\n%s", text, got, same[0], want)
				}
			}
		}
	},
	15: func(t *testing.T, _ *running, c *conformer) {
		for _, name := range []string{"a/b", "a]b", `a\b`, "a b", "näi@exämple.net", "2001:db8::/64", "a[b=c]", "'\"", "a=b", "*x", "..."} {
			key := at("/system/user[name=reader]/authorized-key[name=x]")
			key.Elem[2].Key["name"] = name
			value := strings.Trim(strings.Replace(keyOf("x"), `"name": "x", `, "", 1), "[]")
			_, err := c.Set(t.Context(), &gpb.SetRequest{Update: []*gpb.Update{{Path: key, Val: updates("/", value)[0].Val}}})
			check(t, err)
			text, err := c.ask(listBut(subscribing(once, "/"), func(l *gpb.SubscriptionList) { l.Subscription[0].Path = key }))
			check(t, err)
			escaped, err := ygot.PathToString(key)
			if check(t, err); !strings.Contains(text, fmt.Sprintf("%s/key-data bytes %x\n", escaped, keyData)) {
				t.Errorf("%q came back in\n%s", name, text)
			}
			if _, err = c.Set(t.Context(), &gpb.SetRequest{Delete: []*gpb.Path{key}}); err != nil {
				t.Error(err)
			}
			_, err = c.Get(t.Context(), &gpb.GetRequest{Path: []*gpb.Path{key}})
			c.refuses(err, codes.NotFound)
		}
	},
	16: uniqueAndWithoutWildcards, 52: uniqueAndWithoutWildcards,
	51: func(t *testing.T, _ *running, c *conformer) { // nobody is told an object, although some would take it
		text, err := c.ask(listBut(subscribing(once, "/"), func(l *gpb.SubscriptionList) { l.Encoding, l.AllowAggregation = gpb.Encoding_JSON_IETF, true }))
		if check(t, err); strings.Contains(text, "json_ietf {") || strings.Contains(text, "json_ietf [{") || !strings.Contains(text, "/bindings/") {
			t.Errorf("told is\n%s", text)
		}
	},
	69: func(t *testing.T, _ *running, c *conformer) {
		if text, err := c.ask(subscribing(once, "/")); err != nil || strings.Contains(text, "\natomic\n") || !strings.Contains(text, "/bindings/") {
			t.Errorf("%v:\n%s", err, text)
		}
	},
}

func sortLines(text string) string {
	list := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(list)
	return strings.Join(list, "\n") + "\n"
}

// pathOf is what a line begins with, up to the first space that is not in a key, and whether there is more.
func pathOf(line string) (path string, more bool) {
	keys := 0
	for i, r := range line {
		switch r {
		case '[':
			keys++
		case ']':
			keys--
		case ' ':
			if keys == 0 {
				return line[:i], true
			}
		}
	}
	return line, false
}

// uniqueAndWithoutWildcards subscribes to paths that overlap.
func uniqueAndWithoutWildcards(t *testing.T, _ *running, c *conformer) {
	text, err := c.ask(subscribing(once, "/*", "/pmipv6/lma[name=*]/.../binding", anchor, "/pmipv6/lma"))
	check(t, err)
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		path, leaf := pathOf(line)
		if strings.Contains(path, "*") || strings.Contains(path, "...") || leaf && seen[path] {
			t.Errorf("told is %s", line)
		}
		seen[path] = true
	}
	if len(seen) < 100 {
		t.Errorf("only %d leaves are told", len(seen))
	}
}
