"""A Prometheus of Debian's that scrapes weir inside a test's namespace, and what it says."""

import http.client
import json
import os
import subprocess
import tempfile
import urllib.parse

from eventually import eventually
from weirprocess import ADMIN_PORT, REPOSITORY

PORT = 9090
RULES = os.path.join(REPOSITORY, "config", "prometheus")
DASHBOARD = os.path.join(REPOSITORY, "config", "grafana", "weir.json")
CONFIG = f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms, evaluation_interval: 200ms}}
scrape_configs:
  - job_name: weir
    static_configs: [{{targets: ["127.0.0.1:{ADMIN_PORT}"]}}]
rule_files: [{os.path.join(RULES, "weir-alerts.yml")}]
"""


class Prometheus:
    """Starts at once; `close` ends it."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.directory = tempfile.TemporaryDirectory(prefix="weir-prometheus-")
        config = os.path.join(self.directory.name, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG)
        self.log = open(os.path.join(self.directory.name, "log"), "w+b")
        self.process = subprocess.Popen(
            namespace.command("prometheus", f"--config.file={config}",
                              f"--storage.tsdb.path={self.directory.name}/data", "--log.level=warn",
                              f"--web.listen-address=127.0.0.1:{PORT}"),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        self.directory.cleanup()

    def said(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")[-2000:]

    def ask(self, path, **parameters):
        """The data of a page of the API; None where it is not served yet."""
        if self.process.poll() is not None:
            raise AssertionError(f"prometheus ended with {self.process.returncode}\n{self.said()}")
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
        try:
            with self.namespace.entered():
                connection.connect()
            connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
            answer = connection.getresponse()
            text = answer.read()
            if answer.status == 503:
                return None
            content = json.loads(text)
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()
        if content["status"] != "success":
            raise AssertionError(f"{path} {parameters}: {content}")
        return content["data"]

    def query(self, expression):
        """The samples, as (labels, value)."""
        data = self.ask("query", query=expression)
        return [(row["metric"], float(row["value"][1])) for row in data["result"]] if data else []

    def wait_for(self, expression, timeout=10.0):
        """Until the expression has samples, which are returned."""
        return eventually(lambda: self.query(expression), timeout,
                          lambda: f"{expression}\n{self.said()}", interval=0.1)


def dashboard_panels():
    with open(DASHBOARD, encoding="utf-8") as file:
        return json.load(file)["panels"]


def dashboard_expressions():
    """Those of the dashboard, by their panel's title, with the variables filled in."""
    for panel in dashboard_panels():
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "1m")
            yield panel["title"], expression
