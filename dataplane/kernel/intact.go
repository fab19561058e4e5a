package kernel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"

	"mooring/dataplane/netlink"
)

// What somebody may have changed in the table is found by comparison: here its chains and rules. Elements of sets are compared with what they are
// about: paths in look.go, policies in guard.go, interfaces in drops.go and adopted.go; those of sources are objects by themselves.

// intact reports whether the table is in force, and has the chains that rebuild makes, with their rules, and no others but those of policies.
func (f *filter) intact() (bool, error) {
	if whole, err := f.inForce(); !whole {
		return false, err
	}
	for _, name := range chainNames {
		rules, err := f.conn.GetRules(f.table, &nftables.Chain{Table: f.table, Name: name})
		switch {
		case err != nil:
			return false, fmt.Errorf("list rules of nftables: %w", netlink.Explain(err))
		case !f.same(rules, f.rules(name)):
			return false, nil
		}
	}
	return true, nil
}

// inForce is intact but for the rules.
func (f *filter) inForce() (bool, error) {
	table, err := f.find()
	if table == nil || table.Flags != 0 || err != nil { // dormant
		return false, err
	}
	return f.hooked()
}

// renew replaces the rules of another version, and nothing else. Of a table that is made anew, packets may meet both for a moment, the old one with its sets
// gone; of rules, they meet the old ones or the new ones.
func (f *filter) renew() (bool, error) {
	if whole, err := f.inForce(); !whole {
		return false, err
	}
	f.renewRules(chainNames...)
	if err := f.flush(nil); err != nil {
		return false, err
	}
	return f.intact()
}

// hooked reports whether the chains are those of chainNames, each where it should be.
func (f *filter) hooked() (bool, error) {
	chains, err := f.chains()
	if err != nil {
		return false, err
	}
	own := 0
	for _, c := range chains {
		if strings.HasPrefix(c.Name, chainPrefix) && c.Hooknum == nil {
			continue
		}
		if !slices.Contains(chainNames, c.Name) || !isHookedAs(c, f.chain(c.Name)) {
			return false, nil
		}
		own++
	}
	return own == len(chainNames), nil
}

// isHookedAs reports whether a chain sees the packets that it should. What comes to its end passes.
func isHookedAs(c, want *nftables.Chain) bool {
	if want.Hooknum == nil || c.Hooknum == nil {
		return want.Hooknum == c.Hooknum
	}
	return c.Type == want.Type && *c.Hooknum == *want.Hooknum && c.Priority != nil && *c.Priority == *want.Priority &&
		(c.Policy == nil || *c.Policy == nftables.ChainPolicyAccept)
}

// chains lists those of the table.
func (f *filter) chains() ([]*nftables.Chain, error) {
	all, err := f.conn.ListChainsOfTableFamily(f.table.Family)
	if err != nil {
		return nil, fmt.Errorf("list chains of nftables: %w", netlink.Explain(err))
	}
	return slices.DeleteFunc(all, func(c *nftables.Chain) bool { return c.Table.Name != tableName }), nil
}

// same compares rules by the fingerprints that they were given. Nobody changes a rule; it is deleted, and another one made.
func (f *filter) same(found []*nftables.Rule, want [][]expr.Any) bool {
	return slices.EqualFunc(found, want, func(r *nftables.Rule, exprs []expr.Any) bool {
		return slices.Equal(r.UserData, f.fingerprint(exprs))
	})
}

// fingerprint is a comment on a rule that says what it is made of.
func (f *filter) fingerprint(exprs []expr.Any) []byte {
	sum := sha256.New()
	for _, e := range exprs {
		b, err := expr.Marshal(byte(f.table.Family), e)
		if err != nil { // which then fails when it is sent, too
			return nil
		}
		sum.Write(b)
	}
	return userdata.AppendString(nil, userdata.TypeComment, hex.EncodeToString(sum.Sum(nil)[:8]))
}

// sameElements reports whether a set has these elements and no others.
func (f *filter) sameElements(set *nftables.Set, want []nftables.SetElement) (bool, error) {
	found, err := f.conn.GetSetElements(set)
	if err != nil {
		return false, fmt.Errorf("list %s of nftables: %w", set.Name, netlink.Explain(err))
	}
	texts := func(elements []nftables.SetElement) (all []string) {
		for _, e := range elements {
			all = append(all, fmt.Sprintf("%x %t", e.Key, e.IntervalEnd))
		}
		slices.Sort(all)
		return all
	}
	return slices.Equal(texts(found), texts(want)), nil
}
