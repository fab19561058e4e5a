package gnmi

import (
	"testing"

	gpb "github.com/openconfig/gnmi/proto/gnmi"
)

// TestAnydata is written and read as JSON in every encoding (RFC 7951 section 5.5), since it is no scalar.
func TestAnydata(t *testing.T) {
	const holder = "/example-any:holder"
	e := newElement(t)
	c := e.client()
	c.set(t, updates(holder, `{"kind": "xml"}`, holder+"/data", `{"example-system:system": {"name": "inner", "load": 7}}`, holder+"/xml", `[1, {"a": null}]`))
	const data, xml = `{"example-system:system": {"name": "inner", "load": 7}}`, `[1, {"a": null}]`
	if got := c.value(t, holder); !sameJSON(got, `{"example-any:kind": "xml", "example-any:data": `+data+`, "example-any:xml": `+xml+`}`) {
		t.Errorf("all is %s", got)
	}
	for at, want := range map[string]string{"/data": data, "/xml": xml} {
		if got := c.value(t, holder+at); !sameJSON(got, want) {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
		for _, encoding := range []gpb.Encoding{gpb.Encoding_PROTO, gpb.Encoding_ASCII, gpb.Encoding_JSON_IETF} {
			value := c.ask(t, &gpb.GetRequest{Path: paths(holder + at), Encoding: encoding}).GetNotification()[0].GetUpdate()[0].GetVal()
			if !sameJSON(string(value.GetJsonIetfVal()), want) {
				t.Errorf("%s in %s is %v", at, encoding, value)
			}
		}
		plain := c.ask(t, &gpb.GetRequest{Path: paths(holder + at), Encoding: gpb.Encoding_JSON}).GetNotification()[0].GetUpdate()[0].GetVal()
		if !sameJSON(string(plain.GetJsonVal()), want) {
			t.Errorf("%s in JSON is %v", at, plain)
		}
	}
	c.set(t, &gpb.SetRequest{Replace: []*gpb.Update{update(holder+"/xml", ietf(`"text & <more>"`))}})
	if got := c.value(t, holder+"/xml"); got != `"text & <more>"` {
		t.Errorf("text is %s", got)
	}
}
