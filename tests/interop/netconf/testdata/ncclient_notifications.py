"""What a subscriber sees of an element, by ncclient. Exits with a traceback when something is not as it should be."""

import datetime
import sys

from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError

host, port, user, password, key_file = sys.argv[1:6]
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
SYSTEM = "urn:mooring:yang:mooring-system"
NCN = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"
CHANGES = '<netconf-config-change xmlns="%s"/>' % NCN


def connect():
    return manager.connect(host=host, port=int(port), username=user, password=password, hostkey_verify=False, allow_agent=False,
                           look_for_keys=False, timeout=20)


def rename(m, name):
    m.edit_config(target="candidate", config='<config xmlns="%s"><system xmlns="%s"><host-name>%s</host-name></system></config>' % (NC, SYSTEM, name))
    m.commit()


def told(m):
    """The next notification: its name, and the element."""
    n = m.take_notification(timeout=20)
    assert n is not None, "nothing was told"
    datetime.datetime.strptime(n.notification_ele.findtext("{*}eventTime"), "%Y-%m-%dT%H:%M:%S.%fZ")
    event = n.notification_ele[1]
    return etree.QName(event).localname, event


begin = datetime.datetime.now(datetime.timezone.utc).isoformat()
with connect() as m, connect() as other:
    for capability in (":notification:1.0", ":interleave:1.0"):
        assert capability in m.server_capabilities, capability
    m.create_subscription(filter=("subtree", CHANGES))
    for i in range(3):
        rename(other, "name%d" % i)
        name, event = told(m)
        assert name == "netconf-config-change", name
        assert event.findtext(".//{*}username") == user
        assert event.findtext(".//{*}session-id") == other.session_id
        assert event.findtext(".//{*}operation") in ("create", "replace")
        assert m.get_config("running").ok  # interleave
    try:
        m.create_subscription()
        raise AssertionError("two subscriptions")
    except RPCError as e:
        assert e.tag == "operation-failed", e.tag

    # the past, and an end
    end = datetime.datetime.now(datetime.timezone.utc).isoformat()
    other.create_subscription(filter=("xpath", "/*[local-name() = 'netconf-config-change']"), start_time=begin, stop_time=end)
    names = [told(other)[0] for _ in range(5)]
    assert names == ["netconf-config-change"] * 3 + ["replayComplete", "notificationComplete"], names
    assert other.get_config("running").ok

# sessions come and go
with connect() as m:
    m.create_subscription(filter=("xpath", ({"n": NCN}, "/n:netconf-session-start | /n:netconf-session-end")))
    with connect() as other:
        name, event = told(m)
        assert (name, event.findtext("{*}session-id")) == ("netconf-session-start", other.session_id)
    name, event = told(m)
    assert (name, event.findtext("{*}termination-reason")) == ("netconf-session-end", "closed")
print("done")
