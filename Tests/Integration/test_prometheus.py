"""What weir exposes, the alert rules and the dashboard, as Prometheus's own tools and a real Prometheus see them."""

import collections
import os
import re
import signal
import subprocess
import unittest

from eventually import eventually
from harness import ADMIN_PORT, ORIGIN_ADDRESS, WeirTestCase, request, response
from prometheus import RULES, Prometheus, dashboard_expressions, dashboard_panels

CONFIG = "client:\n  idle_timeout: 60s\n"
#: docs/metrics.md promises no more.
MOST_SAMPLES = 460
#: What is said only of a weir that is not well, or of ports that grow.
MAY_BE_EMPTY = re.compile(r"seconds_to_exhaustion|> 0$|== [01]$")


def promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False,
                          cwd=RULES)
    return done.returncode, (done.stdout + done.stderr).strip()


def names_in(expression):
    """The metrics that an expression names."""
    bare = re.sub(r'"[^"]*"', "", expression)
    return set(re.findall(r"\b(?:weir|process)_[a-z_]+\b", bare))


class AlertRuleTests(unittest.TestCase):
    def test_the_rules_are_valid_and_do_what_their_tests_say(self):
        for action in (["check", "rules", "weir-alerts.yml"], ["test", "rules", "weir-alerts-test.yml"]):
            code, said = promtool(*action)
            self.assertEqual(code, 0, said)

    def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(self):
        def read(name):
            with open(os.path.join(RULES, name), encoding="utf-8") as file:
                return file.read()
        alerts = re.findall(r"- alert: (\w+)", read("weir-alerts.yml"))
        tests = read("weir-alerts-test.yml")
        quiet = re.findall(r"alertname: (\w+), eval_time: \w+, exp_alerts: \[\]", tests)
        firing = re.findall(r"alertname: (\w+)\n +eval_time: \w+\n +exp_alerts:\n +- exp_labels", tests)
        self.assertEqual(set(quiet), set(alerts))
        self.assertEqual(set(firing), set(alerts))


class DashboardTests(unittest.TestCase):
    def test_every_panel_is_explained_and_lies_beside_the_others(self):
        taken = {}
        for panel in dashboard_panels():
            place = panel["gridPos"]
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertNotIn((x, y), taken, f"{panel['title']} lies on {taken.get((x, y))}")
                    taken[x, y] = panel["title"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            if panel["type"] != "row":
                self.assertTrue(panel["description"], panel["title"])
                self.assertEqual(panel["datasource"]["uid"], "${datasource}", panel["title"])
        identifiers = collections.Counter(panel["id"] for panel in dashboard_panels())
        self.assertEqual(identifiers.most_common(1)[0][1], 1)


class PrometheusTests(WeirTestCase):
    # The test resets its leaked clients; one tunnel ends by the client's FIN.
    allowed_time_wait = 1

    def metrics(self):
        return self.weir.admin("/metrics").content.decode()

    def value(self, series):
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.metrics(), re.M)
        return float(found.group(1)) if found else None

    def drive(self):
        """Some of everything: exchanges, a tunnel, a dial that fails, and a small leak."""
        origin = self.origin()
        self.tunnel(origin)
        client = self.client()
        client.send(request(f"http://{ORIGIN_ADDRESS}:9/"))
        self.assert_refusal(client.read_response(), 502)
        self.leak(origin)

    def leak(self, origin):
        """One connection after the other, each used once and left lying, until weir notices."""
        def one_more():
            client = self.client()
            client.send(request(origin.url("/leak")))
            origin.next_request()[0].send(response(b"ok\n"))
            client.read_response()
            return self.value("weir_leaks_found_total")
        eventually(one_more, 15, "the leak is found", interval=0.02)

    def test_the_exposition_is_as_promtool_wants_it(self):
        self.start()
        self.drive()
        text = self.metrics()
        code, said = promtool("check", "metrics", text=text)
        self.assertEqual((code, said), (0, ""))
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        self.assertLessEqual(len(samples), MOST_SAMPLES)
        self.assertIn(f'weir_origin_connections{{origin="{ORIGIN_ADDRESS}:8080",kind="tunnel",state="leased"}} 1',
                      samples)
        for histogram in ("exchange_duration", "upstream_first_byte", "upstream_wait", "dial_duration",
                          "connect_duration"):
            self.assertGreater(self.value(f"weir_{histogram}_seconds_count"), 0, histogram)

    def test_a_refused_reload_is_told_until_one_is_applied(self):
        self.start(config=CONFIG)
        self.assertEqual(self.value("weir_settings_last_reload_successful"), 1)
        for text, expected in (("client: [\n", 0), (CONFIG, 1)):
            self.weir.write_config(text)
            self.weir.signal(signal.SIGHUP)
            eventually(lambda: self.value("weir_settings_last_reload_successful") == expected, 5,
                       f"{expected} after {text!r}")
        self.assertEqual(self.value('weir_reloads_total{result="refused"}'), 1)

    def test_a_real_prometheus_takes_everything(self):
        self.start()
        prometheus = Prometheus(self.namespace)
        try:
            self.drive()
            self.scraped(prometheus)
        finally:
            prometheus.close()

    def scraped(self, prometheus):
        requests = self.value("weir_requests_total")
        prometheus.wait_for('up{job="weir"} == 1')
        arrived = prometheus.wait_for(f"weir_requests_total >= {requests:g}")
        self.assertEqual(arrived[0][0]["instance"], f"127.0.0.1:{ADMIN_PORT}")
        prometheus.wait_for("rate(weir_requests_total[1m])")
        stored = set(prometheus.ask("label/__name__/values"))
        # Some histograms have no bucket's rate before something fell into it.
        for title, expression in dashboard_expressions():
            with self.subTest(title, expression=expression):
                self.assertLessEqual(self.absent(names_in(expression), stored), set())
                samples = prometheus.query(expression)
                self.assertTrue(samples or MAY_BE_EMPTY.search(expression), "no sample")
        self.check_rules(prometheus, stored)

    def absent(self, names, stored):
        """Names that nobody has heard of; a gauge may be absent that is in the exposition with its type."""
        known = set(re.findall(r"^# TYPE (\S+)", self.metrics(), re.M))
        return names - stored - known

    def check_rules(self, prometheus, stored):
        def evaluated():
            groups = prometheus.ask("rules")["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            return rules if rules and all(rule["health"] != "unknown" for rule in rules) else None
        rules = eventually(evaluated, 5, "all rules are evaluated", interval=0.1)
        for rule in rules:
            with self.subTest(rule["name"]):
                self.assertEqual(rule["health"], "ok", rule.get("lastError"))
                self.assertLessEqual(self.absent(names_in(rule["query"]), stored), set())
        eventually(lambda: self.firing(prometheus), 5, "the leak's alert fires", interval=0.1)

    def firing(self, prometheus):
        alerts = prometheus.ask("alerts")["alerts"]
        return [alert for alert in alerts if alert["labels"]["alertname"] == "WeirLeakFound"
                and "(uid 0) (" in alert["annotations"]["description"]]


if __name__ == "__main__":
    unittest.main()
