"""What `make install` lays down, and `make uninstall` takes away; pages and completions tell what the programs take."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import weirctl
from weirprocess import REPOSITORY, binary

#: Runs what bash would on TAB after the words, and prints the answers.
TAB = """
shopt -s extglob
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
_weir weir "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="weir-install-")
        self.addCleanup(shutil.rmtree, self.root)

    def files(self, what, prefix="/usr/local"):
        """Installs or uninstalls below the root: what is there then, and what was said."""
        environment = dict(os.environ, DESTDIR=self.root, PREFIX=prefix, WEIR_PROGRAMS=os.path.dirname(binary()))
        done = subprocess.run([os.path.join(REPOSITORY, "scripts/install-files"), what], env=environment,
                              capture_output=True, text=True, check=True, timeout=60)
        there = {os.path.join(folder, name)[len(self.root):] for folder, _, names in os.walk(self.root)
                 for name in names}
        return there, done.stdout + done.stderr

    def read(self, path):
        with open(self.root + path, encoding="utf-8") as file:
            return file.read()

    def test_installs_everything_and_takes_all_of_it_away(self):
        there, said = self.files("install")
        self.assertEqual(said, "")
        for name in ["/usr/local/bin/weir", "/usr/local/bin/weirctl", "/etc/weir/weir.yaml",
                     "/usr/local/lib/systemd/system/weir.service", "/usr/local/lib/systemd/system/weir.socket",
                     "/usr/local/share/man/man8/weir.8", "/usr/local/share/man/man8/weirctl.8",
                     "/usr/local/share/man/man5/weir.yaml.5", "/usr/local/share/bash-completion/completions/weir",
                     "/usr/local/share/zsh/site-functions/_weir",
                     "/usr/local/share/fish/vendor_completions.d/weir.fish"]:
            self.assertIn(name, there)
        self.assertEqual(self.files("uninstall"), (set(), ""))

    def test_weir_starts_in_the_environment_that_make_hands_on(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
        done = subprocess.run(["make", "-s", "-C", REPOSITORY, "--eval", f"as-run:\n\t@{binary()} check", "as-run"],
                              env=environment, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_settings_that_were_changed_stay(self):
        self.files("install")
        with open(self.root + "/etc/weir/weir.yaml", "a", encoding="utf-8") as file:
            file.write("log: {access: on}\n")
        changed = self.read("/etc/weir/weir.yaml")
        self.files("install")
        self.assertEqual(self.read("/etc/weir/weir.yaml"), changed)
        there, said = self.files("uninstall")
        self.assertEqual(there, {"/etc/weir/weir.yaml"})
        self.assertIn("left, as it was changed", said)

    def test_a_prefix_is_meant_everywhere(self):
        there, _ = self.files("install", prefix="/opt/weir")
        self.assertEqual({name for name in there if not name.startswith("/opt/weir/")}, {"/etc/weir/weir.yaml"})
        for name in there:
            if re.search(r"\.(service|socket|conf|[58])$", name):
                self.assertNotIn("/usr/local", self.read(name), name)
                self.assertNotIn("@PREFIX@", self.read(name), name)
        self.assertIn("ExecStart=/opt/weir/bin/weir run", self.read("/opt/weir/lib/systemd/system/weir.service"))

    def test_version(self):
        number = re.search(r'version = "(.*)"', self.source("Sources/Reactor/BuildStamp.swift")).group(1)
        built = r"\(commit ([0-9a-f]{7,40}(-dirty)?|unknown)(, Swift [0-9.]+)?"
        self.assertRegex(output(binary(), "--version"),
                         rf"^weir {re.escape(number)} {built}, libevent 2\.[0-9.]+\S*, c-ares 1\.[0-9.]+\)\n$")
        self.assertRegex(output(weirctl.path(), "--version"), rf"^weirctl {re.escape(number)} {built}\)\n$")
        self.files("install")
        self.assertIn(f'"weir {number}"', self.read("/usr/local/share/man/man8/weir.8").splitlines()[0])

    @staticmethod
    def source(path):
        with open(os.path.join(REPOSITORY, path), encoding="utf-8") as file:
            return file.read()

    def test_page_and_completions_know_the_options_of_the_daemon(self):
        options = set(re.findall(r"--[a-z]+", output(binary(), "--help")))
        self.assertLess({"--config", "--set", "--print"}, options)
        self.files("install")
        page = self.read("/usr/local/share/man/man8/weir.8").replace("\\-", "-")
        self.assertEqual(options - set(re.findall(r"--[a-z]+", page)), set())
        for shell in ["bash", "zsh", "fish"]:
            script = output(weirctl.path(), "completions", shell)
            for option in options:
                # fish has them without the dashes.
                self.assertRegex(script, option if shell != "fish" else f"'{option[2:]}'", shell)

    def test_page_tells_every_command_of_the_operators_tool(self):
        commands = set(re.findall(r"^  ([a-z]+) ", output(weirctl.path(), "--help").split("SUBCOMMANDS:")[1], re.M))
        self.assertLessEqual({"status", "leaks", "doctor", "redirect", "reap"}, commands)
        self.files("install")
        self.assertEqual({name for name in commands - {"help"}
                          if f".SS weir {name}\n" not in self.read("/usr/local/share/man/man8/weirctl.8")}, set())

    def test_tab_in_bash(self):
        self.files("install")
        script = self.root + "/usr/local/share/bash-completion/completions/weir"
        environment = dict(os.environ, PATH=f"{self.root}/usr/local/bin:{os.environ['PATH']}")
        for words, expected in [(["weir", "lea"], ["leaks"]), (["weir", "--con"], ["--config"]),
                                (["weir", "redirect", "sh"], ["show"]), (["weir", "check", "--pri"], ["--print"]),
                                (["weir", "run", "--set", "upstream.idle_t"], ["upstream.idle_timeout="])]:
            done = subprocess.run(["bash", "-c", TAB, "tab", script, *words], env=environment,
                                  capture_output=True, text=True, check=False, timeout=30)
            self.assertEqual((done.stdout.split(), done.stderr), (expected, ""), words)


if __name__ == "__main__":
    unittest.main()
