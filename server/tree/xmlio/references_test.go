package xmlio

import (
	"strings"
	"testing"
	"testing/iotest"
)

// TestReferences: a reference stands for a character that XML can hold, or the document is refused (XML 1.0 section 4.1).
func TestReferences(t *testing.T) {
	for text, want := range map[string]string{
		`<a>&#65;&#x42;&#x1F600;&amp;</a>`:                 "AB\U0001F600&",
		`<a>&#xD800;</a>`:                                  "",
		`<a>x&#xdfff;</a>`:                                 "",
		`<a>&#55296;</a>`:                                  "",
		`<a>&#x000000000000000000000D800;</a>`:             "",
		`<a>&#0;</a>`:                                      "",
		`<a>&#x1;</a>`:                                     "",
		`<a>&#xFFFE;</a>`:                                  "",
		`<a>&#x110000;</a>`:                                "",
		`<a b="&#xD800;">x</a>`:                            "",
		`<a b="&#xE000;">x</a>`:                            "x",
		`<a><!-- &#xD800; -->` + "\uFFFD" + `</a>`:         "\uFFFD",
		`<a><![CDATA[&#xD800;]]></a>`:                      "&#xD800;",
		`<a>` + "\uFFFD" + `</a>`:                          "\uFFFD",
		`<a>&amp;#xD800;</a>`:                              "&#xD800;",
		`<a>` + strings.Repeat("x", 5000) + `&#xD800;</a>`: "",
		`<a>&&#xD800;</a>`:                                 "",
	} {
		for _, in := range []*Reader{NewReader(strings.NewReader(text), Limits{}), NewReader(iotest.OneByteReader(strings.NewReader(text)), Limits{})} {
			var got string
			_, err := in.Next()
			if err == nil {
				got, err = in.Text()
			}
			if got != want || (err != nil) != (want == "") {
				t.Errorf("%.40s is %.40q, %v; want %q", text, got, err, want)
			}
		}
	}
}
