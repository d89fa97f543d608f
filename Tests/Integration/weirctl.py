"""The operator's tool as a process: what it says, line by line, and how it ends."""

import os
import signal
import subprocess
import threading

from eventually import eventually
from weirprocess import binary


def path():
    """weirctl lies beside weir."""
    return os.path.join(os.path.dirname(binary()), "weirctl")


def run(namespace, *arguments, user=None, capability=None, environment=None):
    """Runs it to its end inside `namespace`: a CompletedProcess with text. With `user` it has no privilege but
    the one named, such as net_admin."""
    command = namespace.command(*_as_user(user, capability), path(), *arguments)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)


def _as_user(user, capability=None):
    if user is None:
        return []
    kept = [f"--inh-caps=-all,+{capability}", f"--ambient-caps=-all,+{capability}",
            f"--bounding-set=-all,+{capability}"] if capability else ["--inh-caps=-all"]
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *kept, "--"]


class Weirctl:
    """A command that goes on until it is told to end. `lines` is what it has said so far."""

    def __init__(self, namespace, *arguments, user=None, environment=None):
        self.lines = []
        self.process = subprocess.Popen(
            namespace.command(*_as_user(user), path(), *arguments), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, env=environment)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for(self, text, timeout=10.0):
        """Until a line holds `text`."""
        eventually(lambda: any(text in line for line in list(self.lines)), timeout,
                   lambda: f"'{text}' among {self.lines[-20:]}")

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, number=signal.SIGTERM):
        """Its exit status after a signal that asks it to end."""
        self.process.send_signal(number)
        status = self.process.wait(10)
        self.reader.join(10)
        self.process.stdout.close()
        return status

    def destroy(self):
        """For clean-up: gone whatever happened."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.reader.join(10)
            self.process.stdout.close()
