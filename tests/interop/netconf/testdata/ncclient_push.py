"""What a collector is pushed by an element (RFC 8641), by ncclient. Exits with a traceback when something is not as it should be."""

import os
import sys

from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError

host, port, user, password, folder = sys.argv[1:6]
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
SN = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
YP = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
DS = "urn:ietf:params:xml:ns:yang:ietf-datastores"
PM = "urn:mooring:yang:mooring-pmipv6"
DOMAIN = ('<pmipv6 xmlns="%s" xmlns:nc="%s"><domain><name>example.net</name><nai%%s><id>%%s</id></nai></domain>'
          '<lma><name>lma1</name><domain>example.net</domain></lma></pmipv6>' % (PM, NC))
BINDINGS = '<pmipv6 xmlns="%s"><lma><bindings/></lma></pmipv6>' % PM
kept = 0


def connect():
    return manager.connect(host=host, port=int(port), username=user, password=password, hostkey_verify=False, allow_agent=False,
                           look_for_keys=False, timeout=20)


def dispatch(m, text):
    return etree.fromstring(m.dispatch(etree.fromstring(text)).xml.encode())


def establish(m, datastore, filter, trigger):
    reply = dispatch(m, '<establish-subscription xmlns="%s" xmlns:yp="%s" xmlns:ds="%s" xmlns:pm="%s"><yp:datastore>ds:%s</yp:datastore>%s%s'
                        '</establish-subscription>' % (SN, YP, DS, PM, datastore, filter, trigger))
    return reply.findtext("{%s}id" % SN)


def told(m, kind, of):
    """The next update of a subscription, which is of that kind."""
    global kept
    while True:
        n = m.take_notification(timeout=20)
        assert n is not None, "nothing was told"
        with open(os.path.join(folder, "%03d.xml" % kept), "w") as out:
            out.write(n.notification_xml)
        kept += 1
        update = n.notification_ele[1]
        if update.findtext("{%s}id" % YP) == of:
            assert etree.QName(update).localname == kind, etree.tostring(update)
            return update


def edits(update):
    return [(e.findtext("{*}operation"), e.findtext("{*}target")) for e in update.iter("{%s}edit" % YP)]


def subtree(content):
    return "<yp:datastore-subtree-filter>%s</yp:datastore-subtree-filter>" % content


with connect() as m, connect() as other:
    def commit(operation, name):
        other.edit_config(target="candidate", config='<config xmlns="%s">%s</config>' % (NC, DOMAIN % (operation, name)))
        other.commit()

    commit("", "@example.net")
    # again and again
    periodic = establish(m, "operational", subtree(BINDINGS), "<yp:periodic><yp:period>20</yp:period></yp:periodic>")
    sequences = set()
    while len(sequences) < 3:
        sequences.add(told(m, "push-update", periodic).findtext(".//{*}binding/{*}sequence"))
    dispatch(m, '<delete-subscription xmlns="%s"><id>%s</id></delete-subscription>' % (SN, periodic))

    # what changes of bindings
    bindings = establish(m, "operational", subtree(BINDINGS), "<yp:on-change/>")
    first = told(m, "push-update", bindings)
    assert first.find(".//{*}binding/{*}mn-id") is not None
    operations = set()
    while operations != {"create", "replace", "delete"}:
        operations |= {operation for operation, target in edits(told(m, "push-change-update", bindings))
                       if target.startswith("/mooring-pmipv6:pmipv6/lma=lma1/bindings/binding=")}
    dispatch(m, '<resync-subscription xmlns="%s"><id>%s</id></resync-subscription>' % (YP, bindings))
    while etree.QName(m.take_notification(timeout=20).notification_ele[1]).localname != "push-update":
        pass
    dispatch(m, '<delete-subscription xmlns="%s"><id>%s</id></delete-subscription>' % (SN, bindings))

    # what changes of the configuration
    nais = establish(m, "running", "<yp:datastore-xpath-filter>/pm:pmipv6/pm:domain/pm:nai</yp:datastore-xpath-filter>",
                     "<yp:on-change><yp:dampening-period>10</yp:dampening-period></yp:on-change>")
    assert told(m, "push-update", nais).findtext(".//{*}nai/{*}id") == "@example.net"
    commit("", "n1@example.net")
    path = "/mooring-pmipv6:pmipv6/domain=example.net/nai=n1%40example.net"
    assert edits(told(m, "push-change-update", nais)) == [("create", path)]
    commit(' nc:operation="delete"', "n1@example.net")
    assert edits(told(m, "push-change-update", nais)) == [("delete", path)]

    # and what cannot be
    try:
        establish(m, "running", "", "<yp:periodic><yp:period>1</yp:period></yp:periodic>")
        raise AssertionError("accepted")
    except RPCError as e:
        assert (e.tag, e.app_tag) == ("invalid-value", "ietf-yang-push:period-unsupported"), (e.tag, e.app_tag)
        assert "period-hint" in e.info
    assert m.get_schema("ietf-yang-push").data.startswith("module ietf-yang-push {")
    assert m.get_schema("ietf-yang-patch").data.startswith("module ietf-yang-patch {")
    library = m.get(filter=("subtree", '<yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"><module-set><module>'
                            '<name>ietf-yang-push</name></module></module-set></yang-library>')).data
    assert [f.text for f in library.iter("{*}feature")] == ["on-change"]
print("%d messages" % kept)
