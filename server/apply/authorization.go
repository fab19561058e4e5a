package apply

import (
	"time"

	"mooring/gen"
	"mooring/mobility"
	"mooring/mobility/aaa"
	"mooring/server/tree"
)

// authorization translates system/aaa/authorization, and what the dictionary says of the answers.
func (j *job) authorization(radius, at place, common *gen.MooringSystem_System_Aaa_Radius) aaa.Authorization {
	x, err := j.authorizationView.of(at.node)
	j.check(at, err)
	groups := x.Group
	if len(groups) == 0 {
		groups = []string{allServers}
	}
	c := aaa.Authorization{
		DeadTime: time.Duration(common.GetDeadTime()) * time.Minute,
		Outbound: x.GetServiceType() == gen.MooringSystem_System_Aaa_Authorization_ServiceType_outbound, Password: x.GetPassword(),
		AcceptUnsealed: !x.GetRequireMessageAuthenticator(),
	}
	servers, _ := j.radiusServers(radius, common, (*gen.MooringSystem_System_Aaa_Radius_Server).GetAuthPort)
	for _, group := range groups {
		c.Targets = append(c.Targets, j.targets(radius, group, servers)...)
	}
	for name, e := range radius.child("dictionary").entries() {
		x, err := j.dictionaryView.of(e.node)
		j.check(e, err)
		if c.Dictionary == nil {
			c.Dictionary = map[string]aaa.Meaning{}
		}
		c.Dictionary[name] = meanings[x.GetMeaning()]
	}
	return c
}

var meanings = map[gen.E_MooringSystem_System_Aaa_Radius_Dictionary_Meaning]aaa.Meaning{
	gen.MooringSystem_System_Aaa_Radius_Dictionary_Meaning_network:  aaa.MeansNetwork,
	gen.MooringSystem_System_Aaa_Radius_Dictionary_Meaning_service:  aaa.MeansService,
	gen.MooringSystem_System_Aaa_Radius_Dictionary_Meaning_customer: aaa.MeansCustomer,
	gen.MooringSystem_System_Aaa_Radius_Dictionary_Meaning_lma:      aaa.MeansAnchor,
	gen.MooringSystem_System_Aaa_Radius_Dictionary_Meaning_apn:      aaa.MeansAPN,
}

// authorize says when an LMA asks.
func authorize(x *gen.MooringPmipv6_Pmipv6_Lma) mobility.Authorize {
	of := x.Aaa.Authorization
	return mobility.Authorize{
		Networks:  x.GetMobileNetworkAuthorization() == gen.MooringPmipv6_Pmipv6_Lma_MobileNetworkAuthorization_aaa,
		Refreshes: of.GetRefreshes(),
		Patience:  seconds(of.GetTimeout()),
		Pending:   int(of.GetMaximumPending()),
	}
}

// unansweredAnchors warns of the LMAs that ask about nodes, where there is nobody to ask.
func (j *job) unansweredAnchors(c *aaa.Config) (warnings []*tree.Error) {
	if len(c.Authorization.Targets) > 0 {
		return nil
	}
	var p problems
	for _, name := range sortedKeys(j.new.lmas) {
		a := j.new.lmas[name]
		switch {
		case !a.enabled:
		case a.domain.native.AskForProfiles:
			p.warn(a.at.child("domain"), BadReference, "domain %s has profiles from AAA, and there is no RADIUS server: nodes without an entry are refused", a.domain.native.Name)
		case a.native.Authorize.Networks:
			p.warn(a.at.child("mobile-network-authorization"), BadReference, "there is no RADIUS server: mobile networks are refused")
		}
	}
	return p.warnings
}

// authorizationViews are those of system/aaa/authorization and the dictionary.
type authorizationViews struct {
	authorizationView view[gen.MooringSystem_System_Aaa_Authorization]
	dictionaryView    view[gen.MooringSystem_System_Aaa_Radius_Dictionary]
}

func (v *authorizationViews) bind(b *binder) {
	bind(b, &v.authorizationView, "/mooring-system:system/aaa/authorization")
	bind(b, &v.dictionaryView, "/mooring-system:system/aaa/radius/dictionary")
}
