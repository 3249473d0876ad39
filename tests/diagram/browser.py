"""A small client of Chromium's DevTools protocol, which talks over pipes: it opens a page, and acts like a reader."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
KEYS = {  # what a press of a key sends beside its name
    "Enter": {"code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"},
    "Escape": {"code": "Escape", "windowsVirtualKeyCode": 27},
    "Tab": {"code": "Tab", "windowsVirtualKeyCode": 9},
    "ArrowLeft": {"code": "ArrowLeft", "windowsVirtualKeyCode": 37},
    "ArrowRight": {"code": "ArrowRight", "windowsVirtualKeyCode": 39},
    "ArrowUp": {"code": "ArrowUp", "windowsVirtualKeyCode": 38},
    "ArrowDown": {"code": "ArrowDown", "windowsVirtualKeyCode": 40},
}
SHIFT = 8
PATIENCE = 30  # seconds that a page may take until it is ready


class Browser:
    """One window of a headless Chromium."""

    def __init__(self, program: str, folder: Path, width: int = 1200, height: int = 800):
        ours, theirs = os.pipe(), os.pipe()  # what we read, what it reads
        flags = "--headless --no-sandbox --disable-gpu --remote-debugging-pipe --no-first-run --disable-extensions"
        command = f'exec "$0" {flags} --user-data-dir="$1" about:blank 3<&{theirs[0]} 4>&{ours[1]}'
        self.process = subprocess.Popen(
            ["bash", "-c", command, program, str(folder)],
            pass_fds=(theirs[0], ours[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs[0])
        os.close(ours[1])
        self.reader, self.writer = os.fdopen(ours[0], "rb"), os.fdopen(theirs[1], "wb")
        self.count, self.left, self.events, self.session = 0, b"", [], None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.resize(width, height)

    def send(self, method, **parameters):
        """Call a method of the protocol, and wait for its answer."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.writer.write(json.dumps(message).encode() + b"\0")
        self.writer.flush()
        while (answer := self.read()).get("id") != self.count:
            self.events.append(answer)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def read(self):
        """The next message."""
        while b"\0" not in self.left:
            more = self.reader.read1(1 << 16)
            assert more, "the browser has gone"
            self.left += more
        message, _, self.left = self.left.partition(b"\0")
        return json.loads(message)

    def close(self):
        for pipe in (self.writer, self.reader):
            pipe.close()
        self.process.terminate()
        self.process.wait(20)

    # -- what a reader does ---------------------------------------------------------------------------------------

    def open(self, path: Path):
        """Load a page, and wait until it is ready."""
        self.events.clear()
        self.send("Page.navigate", url=path.as_uri())
        self.wait("document.documentElement?.dataset.ready === 'true'")

    def run(self, script):
        """The value of an expression of JavaScript; a promise is waited for."""
        result = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, condition):
        """Wait until a condition holds."""
        end = time.monotonic() + PATIENCE
        while not self.run(condition):
            assert time.monotonic() < end, f"it never came to be that {condition}"
            time.sleep(0.01)

    def settle(self):
        """Wait until no animation runs."""
        self.run("Promise.all(document.getAnimations().map((each) => each.finished.catch(() => 0)))")

    def resize(self, width, height):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, **features):
        """Set what the reader prefers: `color_scheme="dark"`."""
        listed = [{"name": f"prefers-{name.replace('_', '-')}", "value": value} for name, value in features.items()]
        self.send("Emulation.setEmulatedMedia", features=listed)

    def mouse(self, kind, x, y, **more):
        self.send("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def hover(self, x, y):
        self.mouse("Moved", x, y)

    def press(self, x, y, count=1):
        """Click, or click more often."""
        self.hover(x, y)
        for number in range(1, count + 1):
            self.mouse("Pressed", x, y, button="left", buttons=1, clickCount=number)
            self.mouse("Released", x, y, button="left", clickCount=number)

    def drag(self, start, end):
        self.hover(*start)
        self.mouse("Pressed", *start, button="left", buttons=1, clickCount=1)
        for step in range(1, 5):
            x, y = (first + (last - first) * step / 4 for first, last in zip(start, end, strict=True))
            self.mouse("Moved", x, y, button="left", buttons=1)
        self.mouse("Released", *end, button="left", clickCount=1)

    def wheel(self, x, y, turn):
        self.mouse("Wheel", x, y, deltaX=0, deltaY=turn)

    def touch(self, *moments):
        """Put fingers at places, moment by moment, and lift them."""
        for index, fingers in enumerate(moments):
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
            self.send("Input.dispatchTouchEvent", type="touchMove" if index else "touchStart", touchPoints=points)
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def key(self, name, modifiers=0):
        known = KEYS.get(name, {"text": name})
        self.send("Input.dispatchKeyEvent", type="keyDown", key=name, modifiers=modifiers, **known)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=name, modifiers=modifiers)

    def picture(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self.send("Page.captureScreenshot")["data"])

    # -- what it reports ------------------------------------------------------------------------------------------

    def errors(self):
        """What has been written to the console, and what was thrown."""
        self.run("0")
        heard = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event for event in self.events if event.get("method") in heard]

    def requests(self):
        """The addresses that were asked for, beside the page itself."""
        self.run("0")
        asked = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in asked if event["params"]["type"] != "Document"]


def browser_or_skip(folder: Path) -> Browser:
    """A browser; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    return Browser(program, folder)
