"""`weirctl doctor` beside real apps of several runtimes: what it finds is true of each of them."""

import contextlib
import json
import os
import unittest

import leaklab
from cgroups import Cgroup
from eventually import eventually
from peer import Listener
from weirctl import run
from weirprocess import PROXY_PORT

PROXY = f"http://127.0.0.1:{PROXY_PORT}"
NOBODY = 61004
#: Opens COUNT connections to a port of ADDRESS, sends nothing, and keeps them until its standard input ends.
KEEPER = ("import socket, sys; kept = [socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10)"
          " for _ in range(int(sys.argv[3]))]; print(len(kept), flush=True); sys.stdin.read()")
#: One answer over HTTP, whose connection is kept.
ASKER = ("import http.client, sys; c = http.client.HTTPConnection(sys.argv[1]); c.request('GET', '/');"
         " c.getresponse().read(); print(1, flush=True); sys.stdin.read()")


class DoctorTestCase(unittest.TestCase):
    def setUp(self):
        leaklab.build(java=True)

    @contextlib.contextmanager
    def running(self, via_weir=False):
        with Cgroup("payments.service") as group, leaklab.Lab(via_weir, config_file=None) as lab:
            yield lab, group
            lab.stop()

    def kind(self, lab, name, count, variables=None, group=None):
        """An app of `leakyclients` that has leaked so many connections and keeps them."""
        kind = leaklab.KINDS[name]
        argv = kind.command([leaklab.url(kind.scheme)], count, 50)
        process = lab.spawn(argv, {**lab.environment(), **(variables or {})}, group)
        said = json.loads(process.stdout.readline())
        self.assertEqual(said["ok"], count, said)
        return process

    def script(self, lab, text, *arguments, variables=None):
        process = lab.spawn(["/usr/bin/python3", "-c", text, *arguments],
                            {**lab.environment(), **(variables or {})})
        self.assertTrue(process.stdout.readline())
        return process

    def node(self, lab, variables, group=None):
        """One answer over HTTP by Node's own client, whose connection is kept."""
        text = ("const http = require('http'); const agent = new http.Agent({keepAlive: true});"
                " http.get(process.argv[1], {agent}, (answer) => answer.resume().on('end', () => console.log(1)));"
                " process.stdin.resume().on('end', () => process.exit())")
        process = lab.spawn(["node", "-e", text, leaklab.url("http")], {**lab.environment(), **variables}, group)
        self.assertTrue(process.stdout.readline())
        return process

    def examine(self, lab, *arguments, **options):
        """(exit status, what it tells as JSON)."""
        done = run(lab.namespace, "doctor", "--json", "--for", "0", *arguments, **options)
        self.assertEqual(done.stderr, "")
        return done.returncode, json.loads(done.stdout)

    def find(self, lab, process):
        """What it tells of one process, once connections there count as idle."""
        told = {}

        def is_idle():
            _, report = self.examine(lab)
            found = [item for item in report["processes"] if item["pid"] == process.pid]
            told.update(found[0] if found else {})
            return told and all(item["idle"] + item["awaiting"] + item["unclosed"] + item["unread"] >= item["established"]
                                for item in told["destinations"])

        eventually(is_idle, 10, lambda: f"connections of {process.args} lie idle: {told}")
        return told

    def kinds(self, told):
        return {finding["kind"] for finding in told["findings"]}


class DoctorRuntimeTests(DoctorTestCase):
    def assert_leak(self, name, runtime, remedy, count=40):
        with self.running() as (lab, group):
            told = self.find(lab, self.kind(lab, name, count, group=group))
            self.assertEqual(told["runtime"], runtime)
            self.assertIn("leak", self.kinds(told), told)
            self.assertEqual(told["unit"], os.path.basename(group.path))
            self.assertEqual(told["way"], {"proxied": 0, "redirected": 0, "direct": count})
            self.assertEqual(told["destinations"][0]["idle_after_one_exchange"], count)
            advice = "\n".join(told["findings"][0]["advice"])
            self.assertIn(remedy, advice)
            self.assertIn(f"weir reap --unit {os.path.basename(group.path)} --enforce", advice)

    def test_go(self):
        self.assert_leak("go-http", "go", "Transport")

    def test_go_https(self):
        self.assert_leak("go-https", "go", "weir redirect up --unit")

    def test_python(self):
        self.assert_leak("requests-http", "python", "systemctl edit")

    def test_node(self):
        self.assert_leak("node-http", "node", "Agent")

    def test_java(self):
        self.assert_leak("java-http", "java", "HttpClient")


class DoctorVariableTests(DoctorTestCase):
    def test_variables_that_do_not_lead_to_weir(self):
        both = {"http_proxy": PROXY, "HTTP_PROXY": PROXY}
        with self.running() as (lab, _):
            node = self.node(lab, both)
            exempt = self.script(lab, ASKER, f"{leaklab.ORIGIN_ADDRESS}:8080",
                                 variables={**both, "no_proxy": "10.0.0.0/8"})
            elsewhere = self.script(lab, ASKER, f"{leaklab.ORIGIN_ADDRESS}:8080",
                                    variables={"http_proxy": "http://user:secret@127.0.0.1:9"})
            unset = self.script(lab, ASKER, f"{leaklab.ORIGIN_ADDRESS}:8080")
            self.assertEqual(self.kinds(self.find(lab, node)), {"ignored_variable"})
            self.assertEqual(self.kinds(self.find(lab, exempt)), {"exempt"})
            told = self.find(lab, elsewhere)
            self.assertEqual(self.kinds(told), {"other_proxy"})
            self.assertNotIn("secret", json.dumps(told))
            self.assertEqual(self.kinds(self.find(lab, unset)), set())

    def test_through_weir(self):
        """A client that leaks to weir is told as that; weir itself is no leak; nothing bypasses it."""
        with self.running(via_weir=True) as (lab, _):
            told = self.find(lab, self.script(lab, KEEPER, "127.0.0.1", str(PROXY_PORT), "1"))
            self.assertEqual(told["way"], {"proxied": 1, "redirected": 0, "direct": 0})
            _, report = self.examine(lab)
            self.assertTrue(report["weir"]["listening"])
            bypass = self.find(lab, self.script(lab, ASKER, f"{leaklab.ORIGIN_ADDRESS}:8080",
                                                variables={"http_proxy": PROXY}))
            self.assertEqual(self.kinds(bypass), {"bypass"})

    def test_redirected_connections_are_told_from_direct_ones(self):
        with self.running(via_weir=True) as (lab, _):
            lab.namespace.nft("table ip somebody { chain out { type nat hook output priority -100;"
                              f" tcp dport 8180 dnat to 127.0.0.1:{PROXY_PORT}; }}\n}}\n")
            app = self.script(lab, KEEPER, leaklab.ORIGIN_ADDRESS, "8180", "3")
            _, report = self.examine(lab)
            told = [item for item in report["processes"] if item["pid"] == app.pid][0]
            self.assertEqual(told["way"], {"proxied": 0, "redirected": 3, "direct": 0})
            self.assertEqual(told["destinations"][0]["destination"], f"{leaklab.ORIGIN_ADDRESS}:8180")

    def test_redirect_rules_cover_by_their_comments(self):
        with self.running() as (lab, group):
            lab.namespace.nft("table inet weir { chain out { type filter hook output priority 0;"
                              f' counter comment "unit {os.path.basename(group.path)}"; }}\n}}\n')
            told = self.find(lab, self.node(lab, {"http_proxy": PROXY}, group))
            self.assertEqual(told["way"]["covered"], f"unit {os.path.basename(group.path)}")
            self.assertEqual(told["findings"], [])


class DoctorHostTests(DoctorTestCase):
    def test_ports_that_run_short(self):
        with self.running() as (lab, _):
            self.kind(lab, "go-http", 260)
            status, report = self.examine(lab)
            self.assertEqual((status, report["ports_per_pair"]), (3, 500))
            fullest = report["ports"][0]
            self.assertEqual((fullest["used"], fullest["percent"], fullest["finding"]["kind"]), (260, 52, "ports"))
            self.assertEqual(fullest["destination"], f"{leaklab.ORIGIN_ADDRESS}:8080")
            table = run(lab.namespace, "doctor", "--for", "0")
            self.assertEqual(table.returncode, 3)
            self.assertIn("52% of the ports", table.stdout)
            self.assertLessEqual(max(map(len, table.stdout.splitlines())), 80, table.stdout)

    def test_growth_is_told_from_two_looks(self):
        with self.running() as (lab, _):
            lab.spawn([os.path.join(leaklab.PROGRAMS, "leaky"), "-url", leaklab.url("http"), "-n", "450",
                       "-rate", "50", "-hold"], lab.environment())
            eventually(lambda: lab.counters()["http"]["connections"] > 50, 10, "it leaks")
            done = run(lab.namespace, "doctor", "--json")
            fullest = json.loads(done.stdout)["ports"][0]
            # 50 more each second: ten seconds from none to 500.
            whole = fullest["seconds_to_exhaustion"] + fullest["used"] / 50
            self.assertTrue(8 <= whole <= 13, fullest)

    def test_connections_that_the_app_does_not_close(self):
        with self.running() as (lab, _):
            listener = Listener(lab.namespace, leaklab.ORIGIN_ADDRESS, 8480)
            app = self.script(lab, KEEPER, leaklab.ORIGIN_ADDRESS, "8480", "9")
            for _ in range(9):
                listener.accept().close()
            listener.close()
            told = self.find(lab, app)
            self.assertEqual(self.kinds(told), {"unclosed"})
            self.assertEqual(told["destinations"][0]["unclosed"], 9)

    def test_nothing_wrong(self):
        with self.running() as (lab, _):
            self.script(lab, ASKER, f"{leaklab.ORIGIN_ADDRESS}:8080")
            status, report = self.examine(lab)
            self.assertEqual(status, 0, report)
            self.assertFalse(report["weir"]["listening"])
            self.assertIn("nothing is wrong", run(lab.namespace, "doctor", "--for", "0").stdout)

    def test_without_privilege(self):
        """It sees everybody's connections, and says whose processes it could not see."""
        with self.running() as (lab, group):
            self.kind(lab, "go-http", 40, group=group)

            def leak():
                status, report = self.examine(lab, user=NOBODY)
                found = [item for item in report["processes"] if "leak" in self.kinds(item)]
                return found and (status, report, found[0])

            status, report, told = eventually(leak, 10, "the leak is seen")
            self.assertEqual(status, 3)
            self.assertNotIn("pid", told)
            self.assertEqual(told["unit"], os.path.basename(group.path))
            self.assertTrue(any("root" in sentence for sentence in report["unseen"]), report["unseen"])

    def test_bad_input_is_told_in_a_line(self):
        with leaklab.Lab(False) as lab:
            for arguments, text in [(("--proxy", "somewhere"), "127.0.0.1:3128"), (("--for", "2h"), "at most 1h"),
                                    (("--for", "often"), "often")]:
                done = run(lab.namespace, "doctor", *arguments)
                self.assertEqual((done.returncode, done.stdout), (64, ""), done)
                self.assertIn(text, done.stderr)
            lab.stop()


if __name__ == "__main__":
    unittest.main()
