package xpath

import (
	"os"
	"strings"
	"testing"

	"mooring/server/tree/schema"
)

// TestPaths: what can be told without evaluation, and what cannot.
func TestPaths(t *testing.T) {
	s, err := schema.Compile(os.DirFS("../schema/testdata"), schema.Source{Name: "example-types", Implement: true},
		schema.Source{Name: "example-system", Implement: true, Features: []string{"tls"}})
	if err != nil {
		t.Fatal(err)
	}
	prefixes := map[string]*schema.Module{"sys": s.Module("example-system")}
	for text, want := range map[string]string{
		"/sys:system/sys:name":                          "/system/name",
		"/system/name":                                  "/system/name",
		"sys:system/./sys:name":                         "/system/name",
		"/sys:user[sys:realm='1'][sys:id='a']/sys:mail": "/user[realm=1][id=a]/mail",
		"/sys:user['a'=sys:id]":                         "/user[id=a]",
		"//sys:mail | /sys:system":                      "/user/mail /system",
		"//sys:street":                                  "/user/address/street",
		"/sys:system/sys:tls/*":                         "/system/tls/port",
		"/sys:system//sys:port":                         "/system/port /system/tls/port",
		"/sys:none":                                     "",
		"/":                                             "/",
		"/sys:user[1]":                                  "no",
		"/sys:user[sys:id='a' or sys:id='b']":           "no",
		"/sys:user[sys:id]":                             "no",
		"/sys:system[sys:transport='sys:udp']":          "no", // an identity has several texts
		"/sys:user[sys:realm=1]":                        "no",
		"/sys:user/..":                                  "no",
		"/sys:system/sys:name/text()":                   "no",
		"/sys:user[sys:id=/sys:system/sys:name]":        "no",
		"current()/sys:system":                          "no",
		"/sys:system/sys:name = 'a'":                    "no",
	} {
		e, err := Compile(schema.Expr{Text: text, Prefixes: prefixes})
		if err != nil {
			t.Fatal(err)
		}
		got := "no"
		if paths, ok := e.Paths(s.Root); ok {
			var list []string
			for _, p := range paths {
				one := ""
				for _, step := range p {
					one += "/" + step.Node.Name
					for _, eq := range step.Equal {
						one += "[" + eq.Leaf.Name + "=" + eq.Value + "]"
					}
				}
				if one == "" {
					one = "/"
				}
				list = append(list, one)
			}
			got = strings.Join(list, " ")
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
