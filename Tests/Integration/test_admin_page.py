"""The page in a real browser: what clients chose stays text, and it is readable at any width."""

import json

from browser import Browser
from harness import ADMIN_PORT, WeirTestCase, eventually, request, response

PAGE = f"http://127.0.0.1:{ADMIN_PORT}/"
#: Each would leave a mark in the document if it became markup or script.
MARK = "document.documentElement.setAttribute(\"data-ran\",\"1\")"
HOSTILE = f"<img src=x onerror='{MARK}'><script>{MARK}</script><svg/onload={MARK}>"


class GreedyAdminPageTests(WeirTestCase):
    def setUp(self):
        super().setUp()
        self.browser = Browser(self.namespace)
        self.addCleanup(self.browser.close)

    def open(self, width=1280, height=800, **options):
        self.browser.view(width, height, **options)
        self.browser.load(PAGE)
        eventually(lambda: "live" in (self.text("#pulse") or ""), 15, "the page is alive")

    def text(self, selector):
        return self.browser.evaluate(f"document.querySelector({selector!r})?.textContent")

    def leak(self, agent="Go-http-client/1.1"):
        """Connections that carry one exchange and are left lying, until weir says that their owner leaks."""
        origin = self.origin()
        _, upstream, _ = self.get(origin)

        def some_more():
            for _ in range(5):
                client = self.client()
                client.send(request(origin.url("/"), fields=[f"User-Agent: {agent}"]))
                upstream.read_request()
                upstream.send(response(b"ok"))
                client.read_response()
            return json.loads(self.weir.admin("/status").content)["leaks"]

        # Evidence takes connections that have lain for a while when others are opened.
        eventually(some_more, 20, "weir finds the leak")

    def test_numbers_of_a_leak_are_shown_live_and_explained(self):
        self.start()
        self.open()
        self.assertEqual(self.text("#headline"), "Healthy")
        self.leak()
        eventually(lambda: self.text("#headline").startswith("Leaking: "), 15, lambda: self.text("#headline"))
        self.assertIn("share one http.Client", self.text("#leaks"))
        self.assertIn(":8080", self.text("#pool"))
        # Everything that is explained can be reached by keyboard, and says something.
        helps = self.browser.evaluate(
            "[...document.querySelectorAll('[data-help]')].map(n => [n.tabIndex, n.dataset.help.length])")
        self.assertGreater(len(helps), 20)
        self.assertTrue(all(index == 0 and length > 10 for index, length in helps), helps)
        self.browser.evaluate("document.querySelector('#tiles [data-help]').focus()")
        self.assertEqual(self.browser.evaluate("document.querySelector('#tip').hidden"), False)
        self.assertIn("per second", self.text("#tip"))
        self.assertEqual(self.browser.complaints, [])

    def test_what_clients_chose_is_never_markup(self):
        self.start()
        self.leak(agent=HOSTILE)
        self.open()
        eventually(lambda: self.text("#leaks") and "onerror" in self.text("#leaks"), 15,
                   lambda: f"the agent is shown: {self.text('#leaks')}")
        # Names that the engine would not let through come by way of a false answer to the page.
        self.browser.evaluate(f"""
            const real = state.now, bad = {HOSTILE!r};
            const owner = {{...real.owners[0], unit: bad, cgroup: bad, user: bad, address: bad, remedy: bad,
                processes: [{{pid: 1, executable: bad, command: bad}}],
                destinations: [{{destination: bad, verdict: 'leaking', tunnels: 1, quiet: 1}}]}};
            const origin = {{origin: bad, kind: bad, host: bad, leased: 0, idle: 0, dialling: 0, waiting: 0}};
            state.now = {{...real, version: bad, listen: [bad], owners: [owner],
                pool: {{...real.pool, by_origin: [origin]}},
                counters: {{...real.counters, outcomes: {{[bad]: 3}}, failing: [bad]}}}};
            draw();
            for (const node of document.querySelectorAll('[data-help]')) node.dispatchEvent(new Event('pointerover'));
            """)
        self.assertIn("<script>", self.text("#owners"))
        self.assertIn("<script>", self.text("#pool"))
        # Long enough for an image to fail or a script to load: the browser is asked for a frame and a task.
        self.browser.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done, 200)))")
        found = self.browser.evaluate("""({
            ran: document.documentElement.hasAttribute('data-ran'),
            scripts: document.scripts.length, images: document.images.length,
            handlers: document.querySelectorAll('[onerror],[onload]').length})""")
        self.assertEqual(found, {"ran": False, "scripts": 1, "images": 0, "handlers": 0})

    def test_the_attempt_would_have_succeeded_on_a_careless_page(self):
        """The control: in this browser the same text does run where it becomes markup, and the page's policy
        stops it even there."""
        self.start()
        careless = f"const d = document.createElement('div'); d.innerHTML = {HOSTILE!r}; document.body.append(d);"
        later = "new Promise(done => requestAnimationFrame(() => setTimeout(done, 300)))"
        ran = "document.documentElement.hasAttribute('data-ran')"
        self.browser.load("data:text/html,<body></body>")
        eventually(lambda: self.browser.evaluate("location.protocol === 'data:' && !!document.body"), 5, "a page")
        self.browser.evaluate(careless)
        self.browser.evaluate(later)
        self.assertTrue(self.browser.evaluate(ran))
        self.open()
        refusal = self.browser.evaluate(f"(() => {{ try {{ {careless} }} catch (e) {{ return e.name; }} }})()")
        self.browser.evaluate(later)
        self.assertEqual((refusal, self.browser.evaluate(ran)), ("TypeError", False))

    def test_it_fits_a_phone_and_follows_light_and_dark(self):
        self.start()
        self.leak()
        grounds = set()
        for dark in (False, True):
            self.open(360, 740, dark=dark, phone=True)
            self.assertEqual(self.browser.evaluate("document.documentElement.scrollWidth"), 360)
            grounds.add(self.browser.evaluate("getComputedStyle(document.body).backgroundColor"))
        self.assertEqual(len(grounds), 2)
        self.assertEqual(self.browser.complaints, [])

    def test_it_says_when_weir_is_gone(self):
        weir = self.start()
        self.open()
        weir.stop()
        eventually(lambda: self.text("#headline") == "weir does not answer", 15, lambda: self.text("#headline"))
