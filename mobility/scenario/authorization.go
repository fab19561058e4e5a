package scenario

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"mooring/mobility"
)

// ParseAuthorization reads what AAA servers say to a question: "granted ID [network=..] [service=..] [lma=NAME] [at=LMA-ADDRESS] [customer=..] [apn=..]
// [hnp=PREFIX]... [hoa=ADDRESS/LENGTH] [router=..] [mnp=PREFIX]...", "denied ID" and "unanswered ID".
func ParseAuthorization(words []string) (id uint64, a *mobility.Authorization, err error) {
	verdict, ok := map[string]mobility.Verdict{"granted": mobility.Granted, "denied": mobility.Denied, "unanswered": mobility.Unanswered}[words[0]]
	if !ok || len(words) < 2 {
		return 0, nil, fmt.Errorf("%q is no answer", words)
	}
	if id, err = strconv.ParseUint(words[1], 10, 64); err != nil {
		return 0, nil, err
	}
	a = &mobility.Authorization{Verdict: verdict}
	profile := Profiles{}
	for _, word := range words[2:] {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "at":
			a.Anchors = append(a.Anchors, netip.MustParseAddr(value))
		case "apn":
			a.APN = value
		case "hnp":
			a.Prefixes = append(a.Prefixes, netip.MustParsePrefix(value))
		case "mnp":
			a.Networks = append(a.Networks, netip.MustParsePrefix(value))
		case "hoa":
			a.Home = netip.MustParsePrefix(value)
		case "router":
			a.Router = netip.MustParseAddr(value)
		case "service":
			err = profile.Add([]string{"", word})
			a.Service = profile[""].Service
		case "network":
			a.Network = value
		case "lma":
			a.Anchor = value
		case "customer":
			a.Customer = value
		default:
			err = fmt.Errorf("an answer has no %q", key)
		}
		if err != nil {
			return 0, nil, err
		}
	}
	return id, a, nil
}
