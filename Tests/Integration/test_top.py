"""`weirctl top` on a terminal of its own: what it draws, what keys do, and the terminal as it was afterwards."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import weirctl
from harness import WeirTestCase, eventually

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A pseudo-terminal on which a command runs."""

    def __init__(self, command, rows=24, columns=80):
        self.master, self.slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.slave)
        self.output = ""
        self.process = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        start_new_session=True, preexec_fn=self._control)

    @staticmethod
    def _control():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys):
        os.write(self.master, keys.encode())

    def screen(self):
        """The lines of the last whole picture."""
        while select.select([self.master], [], [], 0)[0]:
            try:
                received = os.read(self.master, 65536)
            except OSError:
                break
            if not received:
                break
            self.output += received.decode("utf-8", "replace")
        whole = [part for part in self.output.split("\x1b[H") if part.endswith("\x1b[J") or "\x1b[J" in part]
        return [SEQUENCE.sub("", line).rstrip("\r") for line in whole[-1].split("\x1b[J")[0].split("\r\n")] if whole else []

    def wait_for(self, text):
        eventually(lambda: any(text in line for line in self.screen()), 10,
                   lambda: f"{text!r} on the screen: {self.screen()}")

    @property
    def is_as_before(self):
        self.screen()
        return (termios.tcgetattr(self.slave) == self.before and self.output.count("\x1b[?1049h")
                == self.output.count("\x1b[?1049l") and self.output.count("\x1b[?25l")
                == self.output.count("\x1b[?25h"))

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


class TopTests(WeirTestCase):
    def top(self, *arguments, **size):
        terminal = Terminal(self.namespace.command(weirctl.path(), "top", *arguments), **size)
        self.addCleanup(terminal.close)
        return terminal

    def test_it_shows_what_weir_does_and_follows_keys_and_size(self):
        self.start()
        origin = self.origin()
        self.get(origin)
        terminal = self.top()
        terminal.wait_for(origin.authority)
        lines = terminal.screen()
        self.assertEqual(len(lines), 24)
        self.assertTrue(all(len(line) <= 80 for line in lines), lines)
        self.assertTrue(lines[1].startswith("healthy"), lines)
        self.assertIn("q quit", lines[-1])
        terminal.press("s")
        terminal.wait_for("s sort:ports")
        terminal.press("h")
        terminal.wait_for("share of its connections that carried no second request")
        terminal.press("h\t\t")
        terminal.resize(40, 132)
        terminal.wait_for("h help")
        eventually(lambda: len(terminal.screen()) == 40, 10, "the picture follows the window")
        terminal.press("q")
        self.assertEqual(terminal.process.wait(5), 0)
        self.assertTrue(terminal.is_as_before)

    def test_signals_leave_the_terminal_as_it_was(self):
        self.start()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            terminal = self.top()
            terminal.wait_for("q quit")
            self.assertFalse(terminal.is_as_before)
            terminal.process.send_signal(number)
            self.assertEqual(terminal.process.wait(5), 0, number)
            self.assertTrue(terminal.is_as_before, number)

    def test_it_goes_on_when_weir_does_not_answer(self):
        weir = self.start()
        terminal = self.top()
        terminal.wait_for("healthy")
        weir.stop()
        terminal.wait_for("! no answer: nobody listens there")
        terminal.press("q")
        self.assertEqual(terminal.process.wait(5), 0)

    def test_without_a_terminal_it_says_what_to_use(self):
        self.start()
        done = weirctl.run(self.namespace, "top")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("weir status", done.stderr)
