"""A vendor's suite (foreign/suite.txt says how to read it) by ncclient. Prints what is not as expected, and exits non-zero then."""

import re
import sys

from lxml import etree
from ncclient import NCClientError, manager
from ncclient.operations import RPCError
from ncclient.transport import ssh

host, port, user, password, suite = sys.argv[1:6]
ssh.TICK = 0.002  # how long ncclient waits between messages
NC = "{urn:ietf:params:xml:ns:netconf:base:1.0}"


class Runner:
    def __init__(self):
        self.defines, self.verbs, self.sessions, self.kept, self.failures, self.steps = [], {}, {}, {}, 0, 0
        self.title, self.request, self.reply, self.expected = "", None, None, False

    def session(self, letter):
        if letter not in self.sessions:
            self.sessions[letter] = manager.connect(host=host, port=int(port), username=user, password=password, hostkey_verify=False,
                                                    allow_agent=False, look_for_keys=False, timeout=60)
            self.kept[letter] = self.sessions[letter].session_id
        return self.sessions[letter]

    def expand(self, text):
        for a, b in self.defines:
            text = text.replace(a, b)
        return re.sub(r"\$(\w+)", lambda m: self.kept.get(m.group(1), m.group(0)), text)

    def fail(self, want):
        self.failures += 1
        print("%s: %s\n  want %s\n  got  %s" % (self.title, self.request, want, "; ".join(self.errors) or self.reply))

    def settle(self):
        """Ends a step: what nothing was said of is ok, and errors have all been asked for."""
        if self.request is not None and not self.expected and self.inner != "<ok/>":
            self.fail("ok")
        if self.request is not None and self.errors and self.expected:
            self.fail("no error more than those: " + "; ".join(self.errors))
        self.request = None

    def run(self, line):
        self.settle()
        letter, verb, *rest = line.split(" ", 2)
        argument = rest[0] if rest else ""
        session = self.session(letter)
        self.errors, self.inner, self.expected, self.reply = [], "<ok/>", False, ""
        if verb == "told":
            self.request = line
            n = session.take_notification(timeout=60)
            self.reply = n.notification_xml if n is not None else "nothing"
            self.expected = True
            if self.expand(argument) not in self.reply:
                self.fail(argument)
            return
        if verb == "close":
            session.close_session()
            del self.sessions[letter]
            return
        self.steps += 1
        self.request = line
        operation = self.expand(self.verbs[verb].replace("%", argument))
        if "xmlns=" not in operation[:operation.index(">")]:  # which the rpc of ncclient does not declare
            operation = re.sub(r"^<[\w-]+", r'\g<0> xmlns="%s"' % NC[1:-1], operation)
        try:
            self.reply = session.dispatch(etree.fromstring(operation)).xml
            self.inner = self.reply[self.reply.index(">", self.reply.index("<rpc-reply")) + 1:self.reply.rindex("</")]
        except RPCError as e:
            errors = [x.xml for x in getattr(e, "errlist", None) or [e]]
            self.reply = self.inner = " ".join(etree.tostring(x).decode() for x in errors)
            self.errors = [short(x) for x in errors]

    def expect(self, line):
        self.expected = True
        kind, _, text = line.partition(" ")
        text = self.expand(text)
        if kind == "error":
            if text in self.errors:
                self.errors.remove(text)
            else:
                self.fail(line)
        elif kind == "exactly":
            if self.inner not in (text, text.replace("<data/>", "<data></data>")):
                self.fail(line)
        elif kind in ("has", "lacks"):
            if (text in self.inner) != (kind == "has"):
                self.fail(line)
        elif kind != "keep":
            raise ValueError("no such expectation: " + line)
        else:
            name, element = text.split()
            self.kept[name] = re.search("<%s[^>]*>([^<]*)<" % element, self.inner).group(1)


def short(error):
    parts = [error.findtext(NC + n) for n in ("error-type", "error-tag", "error-app-tag")] + [error.findtext(NC + "error-path") or "-"]
    info = error.find(NC + "error-info")
    return " ".join([p for p in parts if p] + ["%s=%s" % (etree.QName(i).localname, i.text or "") for i in (info if info is not None else [])])


r = Runner()
for line in open(suite):
    line = line.rstrip("\n")
    if line.startswith("define "):
        a, b = line[7:].split(" = ", 1)
        r.defines.append((a, b))
    elif line.startswith("verb "):
        a, b = line[5:].split(" = ", 1)
        r.verbs[a] = b
    elif line.startswith("== "):
        r.settle()
        for s in r.sessions.values():
            try:
                s.close_session()
            except NCClientError:
                pass  # it was killed
        r.title, r.sessions = line[3:], {}
    elif line.startswith("= "):
        r.expect(line[2:])
    elif line and not line.startswith("#"):
        r.run(line)
r.settle()
print("%d operations" % r.steps)
sys.exit(1 if r.failures or r.steps < 200 else 0)
