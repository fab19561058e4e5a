"""A manager that is called by an element, twice, by ncclient. Exits with a traceback when something is not as it should be."""

import socket
import sys
import time

from ncclient import manager

host, port, user, password = sys.argv[1:5]
SYSTEM = "urn:mooring:yang:mooring-system"

# ncclient opens its port without SO_REUSEADDR, which the second call needs
create = socket.socket


def reusable(*args, **kwds):
    s = create(*args, **kwds)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return s


socket.socket = reusable

for name in ("first.example", "second.example"):
    with manager.call_home(host=host, port=int(port), username=user, password=password, hostkey_verify=False,
                           allow_agent=False, look_for_keys=False, timeout=20) as m:
        with m.locked("candidate"):
            m.edit_config(target="candidate", config='<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">'
                          '<system xmlns="%s"><host-name>%s</host-name></system></config>' % (SYSTEM, name))
            m.commit()
        time.sleep(4)  # the server asks meanwhile whether somebody is there
        assert m.get_config("running").data.find(".//{%s}host-name" % SYSTEM).text == name
