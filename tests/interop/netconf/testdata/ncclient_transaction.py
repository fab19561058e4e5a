"""A manager's transaction by ncclient, with the TCP connection dropped on trial and with the confirming commit; then what survives
its session, and files by URL. Exits with a traceback when something is not as it should be."""

import os
import socket
import sys
import time

from ncclient import manager
from ncclient.operations import RPCError

host, port, user, password, key_file, folder = sys.argv[1:7]
NC = "urn:ietf:params:xml:ns:netconf:base:1.0"
SYSTEM = "urn:mooring:yang:mooring-system"
MONITORING = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
TAILF = "http://tail-f.com/yang/netconf-monitoring"


def connect():
    return manager.connect(host=host, port=int(port), username=user, key_filename=key_file, hostkey_verify=False, allow_agent=False,
                           look_for_keys=False, timeout=20)


def config(name):
    return '<config xmlns="%s"><system xmlns="%s"><host-name>%s</host-name></system></config>' % (NC, SYSTEM, name)


def host_name(m, source="running"):
    got = m.get_config(source, filter=("xpath", ({"s": SYSTEM}, "/s:system/s:host-name")))
    return got.data.findtext(".//{%s}host-name" % SYSTEM)


def transaction_id(m):
    return m.get(filter=("subtree", '<netconf-state xmlns="%s"><datastores><datastore><name>running</name><transaction-id xmlns="%s"/>'
                         '</datastore></datastores></netconf-state>' % (MONITORING, TAILF))).data.findtext(".//{%s}transaction-id" % TAILF)


def prepare(m, name):
    m.lock("candidate")
    m.lock("running")
    m.discard_changes()
    m.edit_config(target="candidate", config=config(name), test_option="test-then-set", error_option="rollback-on-error")
    m.validate("candidate")
    m.commit(confirmed=True, timeout="120")


def eventually(what, so):
    for _ in range(100):
        if so():
            return
        time.sleep(0.1)
    raise AssertionError("it never came about that " + what)


with connect() as watcher:
    watcher.edit_config(target="candidate", config=config("before.example"))
    watcher.commit()
    before = transaction_id(watcher)

    # abort: the connection is dropped while the commit waits for its confirmation
    m = connect()
    prepare(m, "dropped.example")
    assert host_name(watcher) == "dropped.example"
    on_trial = transaction_id(watcher)
    assert on_trial != before
    m._session._transport.sock.shutdown(socket.SHUT_RDWR)
    eventually("running is back", lambda: host_name(watcher) == "before.example")
    eventually("the locks are free", lambda: "global-lock" not in str(watcher.get(filter=("subtree", '<netconf-state xmlns="%s"><datastores/></netconf-state>' % MONITORING))))
    assert host_name(watcher, "candidate") == "before.example"

    # prepare, commit, confirm
    with connect() as m:
        prepare(m, "after.example")
        m.commit()
        m.unlock("running")
        m.unlock("candidate")
    assert host_name(watcher) == "after.example"
    assert transaction_id(watcher) not in (before, on_trial)
    same = transaction_id(watcher)

    # discard
    with connect() as m, m.locked("candidate"):
        m.edit_config(target="candidate", config=config("discarded.example"))
        m.discard_changes()
        assert host_name(m, "candidate") == "after.example"
    assert transaction_id(watcher) == same

    # with persist a trial outlives its session, and ends by whoever knows the word
    for trial, end in (("kept.example", watcher.commit), ("cancelled.example", watcher.cancel_commit)):
        with connect() as m:
            m.edit_config(target="candidate", config=config(trial))
            m.commit(confirmed=True, timeout="120", persist="word")
        assert host_name(watcher) == trial
        end(persist_id="word")
        assert host_name(watcher) == "kept.example"

    # files by URL
    assert ":url" in watcher.server_capabilities
    watcher.copy_config(source="running", target="file:///backup.xml")
    assert "kept.example" in open(os.path.join(folder, "backup.xml")).read()
    watcher.edit_config(target="candidate", config=config("other.example"))
    watcher.commit()
    watcher.copy_config(source="file:///backup.xml", target="candidate")
    watcher.validate("candidate")
    watcher.commit()
    assert host_name(watcher) == "kept.example"
    watcher.delete_config("file:///backup.xml")
    assert not os.listdir(folder)
    try:
        watcher.copy_config(source="file:///../keys/host-ed25519.pem", target="candidate")
        raise AssertionError("a file outside the folder was read")
    except RPCError as e:
        assert e.tag == "invalid-value", e.tag
print("done")
