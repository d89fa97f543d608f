"""`weir redirect`: whose connections are led to weir and whose are not, and that everything falls back to
direct connections."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from eventually import eventually, observe
from netns import ORIGIN_ADDRESS
from redirectlab import DIRECT, ORIGIN_ADDRESS_6, RedirectTestCase, via_weir, weirctl

USER, OTHER = 61201, 61202


class RedirectSelectionTests(RedirectTestCase):
    def test_by_user(self):
        self.stand_in()
        chosen, other = self.app(uid=USER), self.app(uid=OTHER)
        self.assertEqual(chosen.visit(), DIRECT)
        said = self.up("--uid", str(USER))
        self.assertIn(f"redirecting uid {USER} to weir at 127.0.0.1:3129 and [::1]:3129, ports 80, 443", said)
        self.assertEqual(chosen.visit(), via_weir())
        self.assertEqual(chosen.visit(port=443), via_weir(port=443))
        self.assertEqual(chosen.visit(ORIGIN_ADDRESS_6), via_weir(ORIGIN_ADDRESS_6))
        self.assertEqual(chosen.visit(port=8080), DIRECT)
        self.assertEqual(other.visit(), DIRECT)
        self.redirect("down")
        self.assertEqual(chosen.visit(), DIRECT)
        self.assertEqual(self.tables(), [])
        self.assertEqual(self.keepers(), [])

    def test_by_group_of_users(self):
        # As user 0, the stand-in would be exempt with everybody else of that user.
        self.stand_in(uid=OTHER)
        chosen, other = self.app(gid=USER), self.app(gid=OTHER)
        self.up("--gid", str(USER))
        self.assertEqual((chosen.visit(), other.visit()), (via_weir(), DIRECT))

    def test_by_control_group(self):
        self.stand_in(uid=OTHER)
        group, beside = self.group("payments"), self.group("payments2")
        chosen, other = self.app(group=group), self.app(group=beside)
        self.up("--cgroup", group.path)
        self.assertEqual((chosen.visit(), other.visit()), (via_weir(), DIRECT))
        self.assertEqual(chosen.visit(ORIGIN_ADDRESS_6), via_weir(ORIGIN_ADDRESS_6))
        self.assertEqual(self.show()["weir"]["rules"], [{"selected": f"cgroup {group.path}", "connections": 2}])

    def test_everybody_but_weir(self):
        self.stand_in(uid=OTHER)
        self.up("--all")
        self.assertEqual(self.app(uid=USER).visit(), via_weir())
        self.assertEqual(self.app(uid=0).visit(), via_weir())
        self.assertEqual(self.app(uid=OTHER).visit(), DIRECT, "what has weir's user is taken for weir")

    def test_weir_is_told_by_its_mark(self):
        self.stand_in(uid=OTHER, mark=77)
        self.up("--uid", str(OTHER))
        app = self.app(uid=OTHER)
        self.assertEqual(app.visit(), via_weir())
        rules = self.namespace.run("nft", "list", "table", "inet", "weir")
        self.assertIn("meta mark 0x0000004d return", rules)

    def test_weir_is_told_by_its_control_group(self):
        group = self.group("weir")
        self.stand_in(uid=0, group=group, cgroup=group.path)
        self.up("--all")
        self.assertEqual(self.app(uid=0).visit(), via_weir(), "another process of weir's user")
        self.assertEqual(self.app(uid=USER, group=group).visit(), DIRECT)

    def test_a_weir_that_nothing_tells_is_refused(self):
        self.stand_in(uid=USER)
        said = self.up("--uid", str(USER), status=1)
        self.assertIn(f"weir itself runs as uid {USER} and may not mark its sockets", said)
        self.assertEqual(self.tables(), [])

    def test_ports(self):
        self.stand_in()
        app = self.app(uid=USER)
        self.up("--uid", str(USER), "--ports", "443,8000-8999")
        self.assertEqual([app.visit(port=port) for port in (80, 443, 8080)],
                         [DIRECT, via_weir(port=443), via_weir(port=8080)])
        self.up("--uid", str(USER), "--ports", "all")
        self.assertEqual([app.visit(port=port) for port in (80, 8080)], [via_weir(), via_weir(port=8080)])

    def test_exceptions(self):
        self.stand_in()
        app = self.app(uid=USER)
        self.namespace.run("ip", "address", "add", "10.77.1.1/32", "dev", "lo")
        self.origin("10.77.1.1", 80)
        self.up("--uid", str(USER), "--except", "10.77.0.0/24", "--except", "fd77::/16")
        self.assertEqual([app.visit(), app.visit(ORIGIN_ADDRESS_6), app.visit("10.77.1.1")],
                         [DIRECT, DIRECT, via_weir("10.77.1.1")])

    def test_loopback_is_left_alone_unless_asked_for(self):
        self.stand_in()
        app = self.app(uid=USER)
        self.up("--uid", str(USER))
        self.assertEqual(app.visit("127.0.0.1"), DIRECT)
        self.up("--uid", str(USER), "--loopback", "--ports", "all")
        self.assertEqual(app.visit("127.0.0.1"), via_weir("127.0.0.1"))
        # What weir listens on is no origin.
        self.assertEqual(app.visit("127.0.0.1", 3129), {"via": "weir", "to": None})
        self.assertEqual(app.visit("::1", 3129), {"via": "weir", "to": None})

    def test_a_family_without_a_listener_goes_directly(self):
        self.stand_in(listen=["127.0.0.1:3129"])
        app = self.app(uid=USER)
        self.up("--uid", str(USER))
        self.assertEqual((app.visit(), app.visit(ORIGIN_ADDRESS_6)), (via_weir(), DIRECT))

    def test_beyond_this_host(self):
        """Out by another interface, with a source address that is not the loopback's."""
        far = self.make_far()
        self.stand_in()
        app = self.app(uid=USER)
        self.assertEqual(app.visit("10.78.0.2"), DIRECT)
        self.assertEqual(app.visit("fd78::2"), DIRECT)
        self.up("--uid", str(USER))
        self.assertEqual(app.visit("10.78.0.2"), via_weir("10.78.0.2"))
        self.assertEqual(app.visit("fd78::2"), via_weir("fd78::2"))
        del far

    def make_far(self):
        home, far = self.namespace, type(self.namespace)()
        self.addCleanup(far.close)
        home.connect_to(far, "10.78.0.1", "10.78.0.2")
        for space, address in ((home, "fd78::1/64"), (far, "fd78::2/64")):
            device = [line.split(":")[1].split("@")[0].strip()
                      for line in space.run("ip", "-o", "link", "show", "type", "veth").splitlines()][0]
            space.run("ip", "address", "add", address, "dev", device, "nodad")
        self.namespace = far
        try:
            self.origin("10.78.0.2", 80)
            self.origin("fd78::2", 80)
        finally:
            self.namespace = home
        return far


class RedirectLifeTests(RedirectTestCase):
    def test_the_rules_are_replaced_at_once(self):
        self.stand_in()
        one, two = self.app(uid=USER), self.app(uid=OTHER)
        self.up("--uid", str(USER))
        self.assertEqual(one.order(open=[ORIGIN_ADDRESS, 443]), via_weir(port=443))
        former = self.show()["weir"]["keeper"]
        self.up("--uid", str(OTHER))
        self.assertEqual((one.visit(), two.visit()), (DIRECT, via_weir()))
        self.assertEqual(self.tables(), ["table inet weir"])
        eventually(lambda: former not in self.keepers(), 3, "the former keeper has given up")
        # It must not have taken the table of the other with it.
        self.assertEqual(two.visit(), via_weir())
        self.assertEqual(one.order(say="open all the while"), "open all the while")

    def test_names_are_apart(self):
        self.stand_in()
        one, two = self.app(uid=USER), self.app(uid=OTHER)
        self.up("--uid", str(USER), "--name", "payments")
        self.up("--uid", str(OTHER), "--name", "billing@2")
        self.assertEqual((one.visit(), two.visit()), (via_weir(), via_weir()))
        self.assertEqual(self.tables(), ["table inet weir-billing_402", "table inet weir-payments"])
        self.assertEqual(set(self.show()), {"payments", "billing@2"})
        self.redirect("down", "--name", "payments")
        self.assertEqual((one.visit(), two.visit()), (DIRECT, via_weir()))
        self.redirect("down")
        self.assertEqual(two.visit(), DIRECT)
        self.assertEqual(self.redirect("down"), "nothing is redirected\n")

    def test_open_connections_stay(self):
        self.stand_in()
        early = self.app(uid=USER)
        self.assertEqual(early.order(open=[ORIGIN_ADDRESS, 8080]), DIRECT)
        self.up("--uid", str(USER), "--ports", "1-65535")
        self.assertEqual(early.order(say="still here"), "still here")
        late = self.app(uid=USER)
        self.assertEqual(late.order(open=[ORIGIN_ADDRESS, 8080]), via_weir(port=8080))
        self.assertEqual(self.redirect("down"), "taken back: weir\nconnections that are open go on through weir\n")
        self.assertEqual((early.order(say=1), late.order(say=2)), (1, 2))
        self.assertEqual(early.visit(), DIRECT)
        self.assertEqual(self.tables(), ["table inet weir_open_3129"])
        late.order(close=True)
        eventually(lambda: not self.tables() and not self.keepers(), 5, "nothing is left")
        self.assertEqual(early.order(say=3), 3)

    def test_rolled_back_unless_confirmed(self):
        self.stand_in()
        app = self.app(uid=USER)
        said = self.up("--uid", str(USER), "--rollback-after", "2s")
        self.assertIn("taken back in 2s unless confirmed", said)
        self.assertEqual(app.visit(), via_weir())
        self.assertEqual(self.show()["weir"]["state"], "to be confirmed")
        seconds, _ = self.until_direct(app)
        self.assertGreater(seconds, 0.8)
        self.assertLess(seconds, 3)
        eventually(lambda: not self.tables() and not self.keepers(), 3, "nothing is left")
        self.assertIn("nothing waits to be confirmed", self.redirect("confirm", status=1))

    def test_confirmed(self):
        self.stand_in()
        app = self.app(uid=USER)
        self.up("--uid", str(USER), "--rollback-after", "2s")
        self.assertEqual(self.redirect("confirm"), "confirmed: weir\n")
        observe(3)
        self.assertEqual(app.visit(), via_weir())
        self.assertEqual(self.show()["weir"]["state"], "in force")

    def test_what_is_shown(self):
        self.stand_in()
        app = self.app(uid=USER)
        self.assertEqual(self.redirect("show"), "nothing is redirected\n")
        self.up("--uid", str(USER), "--gid", "61203")
        for _ in range(3):
            app.visit()
        shown = self.show()["weir"]
        self.assertEqual((shown["state"], shown["targets"]), ("in force", ["127.0.0.1:3129", "[::1]:3129"]))
        self.assertEqual(shown["rules"], [{"selected": f"uid {USER}", "connections": 3},
                                          {"selected": "gid 61203", "connections": 0}])
        self.assertLess(shown["since_seconds"], 30)
        lines = self.redirect("show").splitlines()
        self.assertRegex(lines[1], rf"^weir +in force +\d+s +uid {USER} +3  127.0.0.1:3129, \[::1\]:3129$")


class RedirectWatchdogTests(RedirectTestCase):
    def test_weir_is_killed_and_comes_back(self):
        weir = self.stand_in()
        app = self.app(uid=USER)
        self.up("--uid", str(USER))
        self.assertEqual(app.visit(), via_weir())
        weir.kill()
        seconds, before = self.until_direct(app)
        print(f"direct {seconds * 1000:.1f} ms after the kill, {len(before)} connections refused before")
        self.assertLess(seconds, 1)
        self.assertEqual(self.show()["weir"]["state"], "lapsed")
        self.stand_in()
        eventually(lambda: app.visit() == via_weir(), 5, "redirected again")

    def test_ports_that_were_redirected_before(self):
        """The kernel remembers the translation of a connection that was reset; a new one between the same ports
        must not be led to nobody."""
        for take_away in ("kill", "down"):
            for address in (ORIGIN_ADDRESS, ORIGIN_ADDRESS_6):
                with self.subTest(take_away, address=address):
                    weir = self.stand_in()
                    app = self.app(uid=USER)
                    self.up("--uid", str(USER))
                    self.assertEqual(app.order(open=[address, 80, 45001]), via_weir(address))
                    self.assertEqual(app.order(say="reset"), {"error": "ECONNRESET"})
                    if take_away == "kill":
                        weir.kill()
                        eventually(lambda: self.show()["weir"]["state"] == "lapsed", 3, "the lease has lapsed")
                    else:
                        self.redirect("down")
                    # Forgetting comes a moment after; what is not forgotten lasts ten seconds.
                    eventually(lambda: app.order(open=[address, 80, 45001]) == DIRECT, 1, "it goes directly")
                    app.order(say="reset")
                    app.close()
                    weir.close()

    def test_weir_and_the_keeper_are_killed(self):
        weir = self.stand_in()
        app = self.app(uid=USER)
        self.up("--uid", str(USER))
        self.assertEqual(app.visit(), via_weir())
        for pid in self.keepers():
            os.kill(pid, signal.SIGKILL)
        weir.kill()
        seconds, _ = self.until_direct(app)
        print(f"direct {seconds * 1000:.1f} ms after both were killed")
        self.assertLess(seconds, 1.2)
        self.assertEqual(self.redirect("down"), "taken back: weir\n")

    def test_a_weir_that_only_stops_listening(self):
        """Nothing ends; the listener is gone."""
        weir = self.stand_in()
        app = self.app(uid=USER)
        self.up("--uid", str(USER))
        self.namespace.run("ss", "-K", "state", "listening", "sport", "=", "3129")
        seconds, _ = self.until_direct(app)
        print(f"direct {seconds * 1000:.1f} ms after the listeners went")
        self.assertLess(seconds, 1)
        del weir

    def test_the_keeper_is_asked_to_end(self):
        self.stand_in()
        app = self.app(uid=USER)
        keeper = self.watch("--uid", str(USER))
        self.assertEqual(app.visit(), via_weir())
        keeper.send_signal(signal.SIGTERM)
        self.assertEqual(keeper.wait(5), 0)
        self.assertEqual(app.visit(), DIRECT)
        # One may stay for a connection that is just ending.
        eventually(lambda: self.redirect("down") and not self.tables(), 5, "nothing is left")

    def test_a_stranger_removes_the_table(self):
        self.stand_in()
        keeper = self.watch("--uid", str(USER))
        self.namespace.run("nft", "flush", "ruleset")
        self.assertEqual(keeper.wait(5), 1)
        self.assertIn("somebody removed the table", keeper.stderr.read())

    def test_a_group_that_is_made_again(self):
        """What a restart does to a unit's control group."""
        self.stand_in(uid=OTHER)
        group = self.group("unit.service")
        app = self.app(group=group)
        self.watch("--unit", os.path.basename(group.path))
        self.assertEqual(app.visit(), via_weir())
        former = group.identity
        app.close()
        group.__exit__()
        group.__enter__()
        self.assertNotEqual(group.identity, former)
        again = self.app(group=group)
        self.assertEqual(again.visit(), via_weir(), "the very first connection")

    def test_a_unit_that_is_not_there_yet(self):
        self.stand_in(uid=OTHER)
        said = self.up("--unit", "weir-test-none", status=1)
        self.assertIn("weir-test-none.service does not run, so it has no control group yet", said)
        self.assertEqual(self.tables(), [])
        name = f"weir-test-{os.getpid()}-late"
        self.watch("--cgroup", f"/{name}")
        group = self.group("late")
        os.rmdir(group.directory)
        group.path, group.directory = f"/{name}", os.path.join(os.path.dirname(group.directory), name)
        group.__enter__()
        self.assertEqual(self.app(group=group).visit(), via_weir())

    def test_keeping_costs_next_to_nothing(self):
        self.stand_in()
        keeper = self.watch("--uid", str(USER))

        def ticks():
            with open(f"/proc/{keeper.pid}/stat", encoding="ascii") as file:
                return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13]))
        before = ticks()
        observe(5)
        spent = (ticks() - before) / os.sysconf("SC_CLK_TCK")
        print(f"{spent / 5:.4f} of a core")
        self.assertLess(spent / 5, 0.02)


class RedirectRefusalTests(RedirectTestCase):
    def assert_refused(self, text, *arguments, **options):
        said = self.up("--uid", str(USER), *arguments, status=1, **options)
        self.assertEqual(said.count("\n"), 1, said)
        self.assertIn(text, said)
        self.assertEqual((self.tables(), self.keepers()), ([], []))

    def test_nobody_answers(self):
        self.assert_refused("weir at 127.0.0.1:9128: nobody listens there; is weir running?")

    def test_weir_does_not_listen(self):
        self.stand_in(listen=[])
        self.assert_refused("does not listen for redirected traffic; set redirect.listen: on")

    def test_weir_is_older(self):
        self.stand_in(ancient=True)
        self.assert_refused("does not listen for redirected traffic; set redirect.listen: on")

    def test_a_listener_that_does_not_accept(self):
        self.stand_in(listening=["127.0.0.1:3129"])
        self.assert_refused("weir says that it listens at [::1]:3129 for redirected traffic, but")

    def test_without_privilege(self):
        self.stand_in()
        text = "this needs CAP_NET_ADMIN"
        prefix = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", "--")
        self.assert_refused(text, prefix=prefix)
        unprivileged = ("setpriv", f"--reuid={USER}", "--clear-groups", "--")
        self.assert_refused(text, prefix=unprivileged)
        for command in ("show", "down", "confirm"):
            self.assertIn(text, self.redirect(command, status=1, prefix=unprivileged))

    def test_the_one_capability_is_enough(self):
        self.stand_in()
        app = self.app(uid=USER)
        prefix = ("setpriv", f"--reuid={OTHER}", "--clear-groups", "--inh-caps=-all,+net_admin",
                  "--ambient-caps=-all,+net_admin", "--bounding-set=-all,+net_admin", "--")
        self.up("--uid", str(USER), prefix=prefix)
        self.assertEqual(app.visit(), via_weir())
        self.assertIn("in force", self.redirect("show", prefix=prefix))
        self.redirect("down", prefix=prefix)
        self.assertEqual(app.visit(), DIRECT)

    def test_without_nft(self):
        self.stand_in()
        with tempfile.TemporaryDirectory() as directory:
            # The folders where nft may be are hidden by empty ones, in a mount namespace of the command's own.
            script = f'for f in /usr/sbin/nft /sbin/nft; do [ -e $f ] && mount --bind {directory}/no $f; done; exec "$@"'
            with open(os.path.join(directory, "no"), "w", encoding="ascii"):
                pass
            done = subprocess.run(
                self.namespace.command("unshare", "-m", "sh", "-c", script, "sh", weirctl(), "redirect", "up",
                                       "--uid", str(USER)),
                capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "weirctl: nft is not installed; on Debian and Ubuntu it comes with the package nftables\n"))

    def test_rules_are_printed_without_privilege_or_weir(self):
        prefix = ("setpriv", f"--reuid={USER}", "--clear-groups", "--")
        group = self.group("printed")
        text = self.up("--uid", "1000", "--cgroup", group.path, "--gid", "5", "--print", "--listen", "127.0.0.1:3129",
                       "--listen", "[::1]:3129", "--weir-mark", "7", prefix=prefix)
        self.assertEqual(self.tables(), [])
        subprocess.run(self.namespace.command("nft", "-c", "-f", "-"), input=text, text=True, check=True)
        # They are the rules that redirect, without anybody to keep them.
        self.stand_in(uid=OTHER)
        self.namespace.nft(text)
        self.assertEqual(self.app(group=group).visit(), via_weir())


if __name__ == "__main__":
    unittest.main()
