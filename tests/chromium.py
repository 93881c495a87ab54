"""Debian's Chromium, spoken to over two pipes: nothing else need be installed.

The messages are those of the Chrome DevTools Protocol, each ended by a null byte.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

import pytest

PROGRAM = which("chromium") or which("chromium-browser") or which("google-chrome")
needs_chromium = pytest.mark.skipif(
    PROGRAM is None, reason="Chromium is not installed (apt-get install chromium)"
)


class Browser:
    """A page in a headless browser, and what it has complained of."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = os.fdopen(to, "wb", 0), os.fdopen(back, "rb", 0)
        self._number, self._rest, self._session = 0, b"", None
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict:
        """Ask for something and wait for the answer."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self) -> dict:
        while b"\0" not in self._rest:
            more = os.read(self._back.fileno(), 1 << 20)
            assert more, "the browser has gone"
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        message = json.loads(text)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, method: str | None, event: dict) -> None:
        if method == "Runtime.exceptionThrown":
            self.complaints.append(str(event["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and event["type"] != "log":
            self.complaints.append(str(event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error":
            self.complaints.append(event["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            url = event["request"]["url"]
            if not url.startswith(("file:", "data:", "about:")):
                self.complaints.append(f"asked the network for {url}")

    def open(self, page: Path, *, width: int, height: int = 900) -> None:
        """Show a page in a window of some width, in CSS pixels, and wait for it."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.run(
            "new Promise(done => document.readyState === 'complete' ? done()"
            " : addEventListener('load', () => done()))"
        )
        self.run(  # those that would wait until they are scrolled to, too
            "Promise.all([...document.images].map(i => { i.loading = 'eager';"
            " return i.decode().catch(() => {}) })).then(() => 0)"
        )

    def run(self, code: str) -> object:
        """Run JavaScript in the page; give its value."""
        answer = self.call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def show(self, page: Path, *, body: str) -> object:
        """Open a page that must not complain; give what a function's body returns."""
        self.complaints.clear()
        self.open(page, width=1200)
        found = self.run(f"(() => {{ {body} }})()")
        assert self.complaints == []
        return found


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """Start a browser with a profile folder of its own; end it afterwards."""
    import fcntl  # not on Windows

    for_us, from_it = os.pipe()
    for_it, from_us = os.pipe()

    def take_pipes() -> None:  # first out of the way of where they go
        commands, answers = (
            fcntl.fcntl(f, fcntl.F_DUPFD, 10) for f in (for_it, from_it)
        )
        os.dup2(commands, 3)
        os.dup2(answers, 4)

    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(profile))
    process = subprocess.Popen(
        [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu",
         "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe",
         f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=take_pipes, pass_fds=(3, 4), env=os.environ | homes,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(for_it)
    os.close(from_it)
    try:
        page = Browser(from_us, for_us)
        yield page
    finally:
        process.kill()
        process.wait()
        page._to.close()
        page._back.close()
