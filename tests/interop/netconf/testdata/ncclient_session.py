"""What a manager does with an element, by ncclient. Exits with a traceback when something is not as it should be."""

import sys

from lxml import etree
from ncclient import manager
from ncclient.operations import RPCError

host, port, user, password, key_file = sys.argv[1:6]
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
SYSTEM = "urn:mooring:yang:mooring-system"
NACM = "urn:ietf:params:xml:ns:yang:ietf-netconf-acm"


def connect(**how):
    return manager.connect(host=host, port=int(port), username=user, hostkey_verify=False, allow_agent=False,
                           look_for_keys=False, timeout=20, **how)


def host_name(name, operation=None):
    attribute = ' nc:operation="%s"' % operation if operation else ""
    return ('<config xmlns="%s" xmlns:nc="%s"><system xmlns="%s"><host-name%s>%s</host-name></system></config>'
            % (NC, NC, SYSTEM, attribute, name))


def refused(tag, call):
    try:
        call()
    except RPCError as e:
        assert e.tag == tag, (e.tag, e.message)
        return e
    raise AssertionError("expected " + tag)


with connect(password=password) as m:
    assert m.session_id == "1", m.session_id
    for capability in (":base:1.1", ":candidate", ":confirmed-commit:1.1", ":validate:1.1", ":xpath", ":rollback-on-error", ":with-defaults"):
        assert capability in m.server_capabilities, capability
    assert ":writable-running" not in m.server_capabilities

    # read, with both kinds of filters
    by_subtree = m.get_config("running", filter=("subtree", '<nacm xmlns="%s"><groups><group><name>admin</name></group></groups></nacm>' % NACM))
    assert by_subtree.data.find(".//{%s}user-name" % NACM).text == user
    by_xpath = m.get_config("running", filter=("xpath", ({"n": NACM}, "/n:nacm/n:groups/n:group[n:user-name='%s']/n:name" % user)))
    assert [e.text for e in by_xpath.data.iter("{%s}name" % NACM)] == ["admin"]
    state = m.get(filter=("subtree", '<netconf-state xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><sessions/></netconf-state>'))
    assert state.data.find(".//{*}username").text == user
    assert state.data.find(".//{*}source-host").text == "127.0.0.1"
    defaults = m.get_config("running", with_defaults="report-all",
                            filter=("subtree", '<system xmlns="%s"><netconf><ssh><port/></ssh></netconf></system>' % SYSTEM))
    assert defaults.data.find(".//{*}port").text == "830"

    # the schema, to the last submodule
    text = m.get_schema("mooring-pmipv6-lma").data
    assert text.startswith("submodule mooring-pmipv6-lma {"), text[:80]

    # a change under locks
    with m.locked("candidate"), m.locked("running"):
        m.discard_changes()
        m.edit_config(target="candidate", config=host_name("anchor.example"), default_operation="merge",
                      test_option="test-then-set", error_option="rollback-on-error")
        m.validate("candidate")
        m.commit()
    got = m.get_config("running", filter=("xpath", ({"s": SYSTEM}, "/s:system/s:host-name")))
    assert got.data.find(".//{*}host-name").text == "anchor.example"

    # a confirmed commit that another session confirms
    m.edit_config(target="candidate", config=host_name("trial.example"))
    m.commit(confirmed=True, timeout="60", persist="token")
    with connect(key_filename=key_file) as other:
        refused("invalid-value", lambda: other.commit(persist_id="wrong"))
        other.commit(persist_id="token")
    m.edit_config(target="candidate", config=host_name("never.example"))
    m.commit(confirmed=True, timeout="60")
    m.cancel_commit()
    got = m.get_config("running", filter=("xpath", ({"s": SYSTEM}, "/s:system/s:host-name")))
    assert got.data.find(".//{*}host-name").text == "trial.example"

    # errors that say what and where
    e = refused("data-exists", lambda: m.edit_config(target="candidate", config=host_name("x.example", "create")))
    assert e.path.endswith(":system/ms:host-name"), e.path
    e = refused("invalid-value", lambda: m.edit_config(target="candidate", config=host_name("-")))
    assert e.path.endswith(":system/ms:host-name"), e.path
    other = connect(password=password)
    other.lock("candidate")
    assert refused("lock-denied", lambda: m.lock("candidate")).info.find(other.session_id) > 0
    m.kill_session(other.session_id)
    m.lock("candidate")
    m.unlock("candidate")

    # requests that overtake their replies
    m.async_mode = True
    pending = [m.get_config("running") for _ in range(20)]
    for p in pending:
        p.event.wait(20)
        assert p.reply.ok, p.error

# datastores by name, parts of running locked, and the history: what ncclient has no words for it dispatches
NMDA = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
DATASTORES = 'xmlns:ds="urn:ietf:params:xml:ns:yang:ietf-datastores"'
PARTIAL = "urn:ietf:params:xml:ns:netconf:partial-lock:1.0"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
TAILF = "http://tail-f.com/yang/netconf-monitoring"


def dispatch(m, text):
    return etree.fromstring(m.dispatch(etree.fromstring(text)).xml.encode())


def get_data(m, datastore, more=""):
    return dispatch(m, '<get-data xmlns="%s" %s><datastore>ds:%s</datastore><subtree-filter><system xmlns="%s"><host-name/></system>'
                       '</subtree-filter>%s</get-data>' % (NMDA, DATASTORES, datastore, SYSTEM, more))


def transaction_id(m):
    return m.get(filter=("subtree", '<netconf-state xmlns="%s"><datastores><datastore><name>running</name><transaction-id xmlns="%s"/>'
                         '</datastore></datastores></netconf-state>' % (MONITORING, TAILF))).data.find(".//{%s}transaction-id" % TAILF).text


with connect(password=password) as m, connect(password=password) as other:
    before = transaction_id(m)
    dispatch(m, '<edit-data xmlns="%s" %s><datastore>ds:candidate</datastore><config><system xmlns="%s"><host-name>data.example</host-name>'
                '</system></config></edit-data>' % (NMDA, DATASTORES, SYSTEM))
    assert get_data(m, "candidate").find(".//{*}host-name").text == "data.example"
    assert transaction_id(m) == before
    m.commit()
    assert transaction_id(other) != before
    shown = get_data(m, "operational", "<with-origin/>").find(".//{*}system")
    assert shown.get("{urn:ietf:params:xml:ns:yang:ietf-origin}origin") == "or:intended", etree.tostring(shown)
    locked = dispatch(m, '<partial-lock xmlns="%s" xmlns:s="%s"><select>/s:system/s:host-name</select></partial-lock>' % (PARTIAL, SYSTEM))
    lock_id = locked.find("{%s}lock-id" % PARTIAL).text
    other.edit_config(target="candidate", config=host_name("theirs.example"))
    assert refused("in-use", other.commit).app_tag == "locked"
    dispatch(m, '<partial-unlock xmlns="%s"><lock-id>%s</lock-id></partial-unlock>' % (PARTIAL, lock_id))
    other.commit()
    action = '<action xmlns="urn:ietf:params:xml:ns:yang:1"><system xmlns="%s"><configuration><%s></configuration></system></action>'
    differs = dispatch(m, action % (SYSTEM, "compare/"))
    assert [differs.find(".//{*}" + side).text for side in ("old", "new")] == ['"data.example"', '"theirs.example"']
    dispatch(m, action % (SYSTEM, "rollback><back>1</back></rollback"))
    assert get_data(m, "running").find(".//{*}host-name").text == "data.example"
print("done")
