"""The founding leak: real apps that leak, 500 ports, an origin that never closes; without weir and with."""

import unittest

import leaklab

GO_REMEDIES = ("idle-timeout", "no-keep-alive", "shared", "close")


class LeakTestCase(unittest.TestCase):
    def setUp(self):
        leaklab.build()

    def run_go(self, scheme, remedy, via_weir=True, requests=2000, settings=None):
        with leaklab.Lab(via_weir, settings) as lab:
            result = lab.run_go(scheme, remedy, requests)
            if lab.weir:
                lab.weir.stop()
        print(result)
        return result

    def assert_delivered(self, result, scheme, most_origin_connections=8):
        self.assertEqual((result.failures, result.failed), (0, {}), result.first_failure)
        self.assertLessEqual(result.left_app_hop, 2)
        self.assertLessEqual(result.left_upstream_hop, 2)
        if scheme == "http":
            self.assertLessEqual(result.origin_connections, most_origin_connections)


class LeakWithoutWeirTests(LeakTestCase):
    """The baseline: if this does not fail, the others prove nothing."""

    def assert_exhausted(self, scheme):
        result = self.run_go(scheme, "none", via_weir=False, requests=800)
        self.assertEqual((result.ok, result.failed), (500, {"EADDRNOTAVAIL": 300}))
        self.assertEqual(result.left_app_hop, 500)

    def test_t1_https_runs_out_of_ports(self):
        self.assert_exhausted("https")

    def test_t2_http_runs_out_of_ports(self):
        self.assert_exhausted("http")


class LeakHTTPTests(LeakTestCase):
    def test_t2_a_transport_per_request(self):
        self.assert_delivered(self.run_go("http", "none"), "http")


class LeakHTTPSTests(LeakTestCase):
    def test_t1_a_transport_per_request(self):
        self.assert_delivered(self.run_go("https", "none"), "https")


class LeakRequestsTests(LeakTestCase):
    def test_a_requests_session_per_request(self):
        """urllib3 never reads an idle socket: FIN leaves CLOSE_WAIT, only RST frees the port."""
        with leaklab.Lab(True) as lab:
            result = lab.run_requests(requests=700, rate=100)
            lab.weir.stop()
        print(result)
        self.assert_delivered(result, "http")
        self.assertEqual(result.left_states.get("CLOSE-WAIT", 0), 0, result.left_states)


def _remedy_class(scheme, remedy):
    """One class per run, so that the runner overlaps them."""
    class RemedyTests(LeakTestCase):
        def test_remedy(self):
            self.assert_delivered(self.run_go(scheme, remedy), scheme)
    RemedyTests.__name__ = f"Leak{scheme.upper()}{remedy.title().replace('-', '')}Tests"
    RemedyTests.__qualname__ = RemedyTests.__name__
    return RemedyTests


for _scheme in ("http", "https"):
    for _remedy in GO_REMEDIES:
        _made = _remedy_class(_scheme, _remedy)
        globals()[_made.__name__] = _made
del _made


if __name__ == "__main__":
    unittest.main()
