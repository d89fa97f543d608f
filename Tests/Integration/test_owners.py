"""Who holds the far end: what weir says of 1,000 connections of five owners is true of every one."""

import contextlib
import json
import os
import unittest

import leaklab
from cgroups import Cgroup
from eventually import eventually
from weirprocess import PROXY_PORT

#: Connections of each owner: 1,000 in all, and so few that nobody takes them for a leak.
MANY, FEW = 200, 10
#: User and control group: users that share a group, groups that share a user, and one that shares nothing.
OWNERS = [(61101, "a"), (61102, "a"), (61101, "b"), (61102, "b"), (61103, "c")]
OWNER_FIELDS = {"kind", "uid", "user", "cgroup", "unit", "address", "verdict", "since_seconds", "opened", "held",
                "parked", "tunnels", "stalled", "one_shot_share", "reaped", "ports", "processes", "destinations", "remedy"}
VERDICTS = {"healthy", "churning", "leaking"}
INTERPRETER = os.path.realpath("/usr/bin/python3")


class OwnersTests(unittest.TestCase):
    def setUp(self):
        leaklab.build()

    @contextlib.contextmanager
    def running(self):
        """A lab with default settings and all the kernel's ports, and the groups by name."""
        with contextlib.ExitStack() as stack:
            groups = {name: stack.enter_context(Cgroup(name)) for name in "abc"}
            lab = stack.enter_context(leaklab.Lab(True, config_file=None, ports=None))
            yield lab, groups
            lab.stop()

    def leaks(self, lab):
        """GET /leaks: the owners by (uid, group), and why some were not seen. Names are looked up when somebody
        asks, so the first answer may say that some are pending."""
        told = {}

        def is_whole():
            answer = lab.weir.admin("/leaks")
            self.assertEqual(answer.status, 200, answer)
            told.update(json.loads(answer.content))
            return not told["processes_pending"] and all(
                owner["user"] for owner in told["owners"] if owner["kind"] == "local")

        eventually(is_whole, 5, "every owner has its names")
        owners = {}
        for owner in told["owners"]:
            key = (owner["uid"], owner["cgroup"]) if owner["kind"] == "local" else owner["address"]
            self.assertNotIn(key, owners, "an owner is listed twice")
            owners[key] = owner
        return owners, told["unseen"]

    def park(self, lab, groups, count):
        """{(uid, path of the group): pid} of the processes of OWNERS, which open `count` each, all at once."""
        script = os.path.join(leaklab.SOURCES, "parking_client.py")
        processes = {}
        for user, name in OWNERS:
            argv = ["/usr/bin/python3", script, str(user), str(PROXY_PORT), str(count), leaklab.url("http")]
            processes[user, groups[name].path] = lab.spawn(argv, cgroup=groups[name])
        pids = {}
        for key, process in processes.items():
            line = process.stdout.readline()
            self.assertTrue(line, f"{key} ended early")
            said = json.loads(line)
            self.assertEqual(said["ok"], count)
            pids[key] = said["pid"]
        return pids

    def test_every_connection_is_put_to_its_owner(self):
        with self.running() as (lab, groups):
            expected = dict.fromkeys(self.park(lab, groups, MANY), MANY)
            owners, unseen = self.leaks(lab)
            self.assertIsNone(unseen)
            self.assertEqual({key: owner["opened"] for key, owner in owners.items()}, expected)

    def test_processes_are_named(self):
        with self.running() as (lab, groups):
            pids = self.park(lab, groups, FEW)
            self.leaks(lab)
            # They are looked up off the path of the data, so the first answer may be without them.
            eventually(lambda: all(owner["processes"] for owner in self.leaks(lab)[0].values()), 5,
                       lambda: f"processes of every owner: {self.leaks(lab)}")
            owners, _ = self.leaks(lab)
            named = {key: [(entry["pid"], entry["executable"]) for entry in owner["processes"]]
                     for key, owner in owners.items()}
            self.assertEqual(named, {key: [(pid, INTERPRETER)] for key, pid in pids.items()})

    def test_what_is_told_of_an_owner(self):
        with self.running() as (lab, groups):
            self.park(lab, groups, FEW)
            owners, _ = self.leaks(lab)
            self.assertEqual(len(owners), len(OWNERS), list(owners))
            for owner in owners.values():
                self.assertLessEqual(OWNER_FIELDS, set(owner))
                self.assertIn(owner["verdict"], VERDICTS)
                self.assertEqual((owner["kind"], owner["address"], owner["unit"]), ("local", None, None))
                counts = [owner[name] for name in ("opened", "held", "parked", "ports")]
                self.assertEqual(counts, [FEW] * 4, owner)
                self.assertEqual([owner[name] for name in ("tunnels", "stalled", "reaped")], [0, 0, 0], owner)


if __name__ == "__main__":
    unittest.main()
