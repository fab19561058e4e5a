package ios

import (
	"encoding/json"
	"strings"
	"testing"
)

// What a line that is refused, skipped, left out or taken back may hold of a secret is told to nobody, wherever the mistake is.
func TestReportsTellNoSecret(t *testing.T) {
	const secret = "topsecret"
	const text = `ipv6 mobile pmipv6-domain d1
 auth-option spi zz key ascii topsecret
 auth-option spi 100 key ascii topsecret extra
 auth-option spi 100 key hex topsecret
 auth-option spi 100 key asci topsecret
 auth-option spi 100 key topsecret
 auth-option spi 100 keyy ascii topsecret
 no auth-option spi 100 key ascii topsecret
!
radius-server hosst 1.2.3.4 key topsecret
radius-server host 1.2.3.4 key 9 topsecret
radius-server host 1.2.3.4 key 7 topsecret
radius-server host 1.2.3.4 k topsecret bla
radius-server host 1.2.3.4 auth-port 99999 key 0 topsecret
no radius-server host 1.2.3.4 key 0 topsecret
router bgp 1
 neighbor 1.1.1.1 password topsecret
 neighbor 1.1.1.1 password 7 topsecret
username bob secret topsecret
aaa server radius dynamic-author
 client 1.2.3.4 server-key topsecret
`
	for _, dialect := range []Dialect{XR, IOS} {
		r := grammar().Import(text, Options{Dialect: dialect})
		if r.Count(Refused) < 10 || r.Count(Skipped) != 2 {
			t.Errorf("%d lines are refused, %d skipped", r.Count(Refused), r.Count(Skipped))
		}
		var report strings.Builder
		if err := r.Write(&report); err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(r.Items)
		if err != nil {
			t.Fatal(err)
		}
		for _, told := range []string{report.String(), string(asJSON)} {
			if at := strings.Index(told, secret); at >= 0 {
				t.Errorf("told: …%s", told[max(0, at-80):at+len(secret)])
			}
		}
		if asides := "% \"hosst\" cannot stand here"; !strings.Contains(report.String(), asides) {
			t.Errorf("the report does not say what is wrong with a line that has a secret, %q:\n%s", asides, &report)
		}
	}
}

func TestOnlySecretsAreHidden(t *testing.T) {
	const text = "ipv6 mobile pmipv6-lma c domain s\n bce maximum many\naaa server radius dynamic-authors\n"
	for _, item := range grammar().Import(text, Options{Dialect: XR}).Items {
		if item.Line == 2 && (item.Outcome != Refused || item.Text != " bce maximum many" || !strings.Contains(item.Message, "many")) {
			t.Errorf("told %v of %q, %q", item.Outcome, item.Text, item.Message)
		}
		if item.Line == 3 && item.Text != "aaa server radius dynamic-authors" {
			t.Errorf("told %q", item.Text)
		}
		if item.Line == 1 && item.Text != "ipv6 mobile pmipv6-lma c domain s" {
			t.Errorf("told %q", item.Text)
		}
	}
}
