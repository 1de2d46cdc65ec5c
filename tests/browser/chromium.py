"""A headless Chromium, controlled by the DevTools protocol, as far as the tests of the pages need it."""

import base64
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.request

import websocket

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --remote-debugging-port=0"
).split()
PATIENCE = 30  # seconds
# Name of a key -> (code, text).
KEYS = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, "")}


def path() -> str | None:
    """The path of Chromium, if it is installed."""
    return next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


class Failed(Exception):
    """An error response of the browser."""


class Left(Failed):
    """The page was left during a command."""


class Chromium:
    """One page of a separate browser; messages of the console and the policy are in `complaints`."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="edf-chromium-")
        self.process = subprocess.Popen(
            [path(), *FLAGS, f"--user-data-dir={self.folder}", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            self.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self):
        told = pathlib.Path(self.folder) / "DevToolsActivePort"
        wait_for(lambda: told.exists() and "\n" in told.read_text())
        port = told.read_text().split("\n")[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=PATIENCE) as answer:
            page = next(target for target in json.load(answer) if target["type"] == "page")
        self.socket = websocket.create_connection(
            page["webSocketDebuggerUrl"], timeout=PATIENCE, suppress_origin=True
        )
        self.asked, self.events, self.complaints = 0, [], []
        for domain in ["Page", "Runtime", "Network", "Log"]:
            self.send(f"{domain}.enable")

    def send(self, method, **parameters):
        """The response to a command; events before it are stored."""
        self.asked += 1
        self.socket.send(json.dumps({"id": self.asked, "method": method, "params": parameters}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.asked:
                if "error" in message:
                    if "navigated or closed" in message["error"]["message"]:
                        raise Left(method)
                    raise Failed(f"{method}: {message['error']['message']}")
                return message["result"]
            self.take(message)

    def take(self, event):
        self.events.append(event["method"])
        said = event.get("params", {})
        match event["method"]:
            case "Log.entryAdded":
                self.complaints.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
            case "Runtime.exceptionThrown":
                self.complaints.append(said["exceptionDetails"]["text"])
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "warning"):
                self.complaints.append(json.dumps(said["args"]))

    def run(self, script, *arguments):
        """The value of an expression or of the body of a function; arguments are its a, b and c."""
        names = ", ".join("abc"[: len(arguments)])
        body = script if "return " in script else f"return ({script})"
        called = f"(async ({names}) => {{ {body} }})({', '.join(map(json.dumps, arguments))})"
        answer = self.send("Runtime.evaluate", expression=called, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise Failed(answer["exceptionDetails"]["exception"].get("description", "an exception"))
        return answer["result"].get("value")

    def open(self, url, token=None, width=1200, height=900, dark=False, script=True):
        """Opens a URL; messages of earlier pages are cleared."""
        self.send("Network.setExtraHTTPHeaders", headers={"Authorization": f"Bearer {token}"} if token else {})
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Emulation.setScriptExecutionDisabled", value=not script)
        self.send("Page.navigate", url="about:blank")
        self.settle()
        self.complaints.clear()
        self.events.clear()
        answer = self.send("Page.navigate", url=url)
        if "errorText" in answer:
            raise Failed(f"{url}: {answer['errorText']}")
        wait_for(lambda: self.run("document.readyState") == "complete" and "Page.loadEventFired" in self.events)
        self.settle()

    def settle(self):
        """Receives pending events."""
        for _ in range(3):
            time.sleep(0.03)
            self.send("Runtime.evaluate", expression="0")

    def until(self, script, *arguments):
        """Waits for a script to be true, also across navigations."""

        def holds():
            try:
                return self.run(script, *arguments)
            except Left:
                return False

        wait_for(holds)

    def press(self, key):
        code, text = KEYS[key]
        for kind in ["keyDown", "keyUp"]:
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **typed)

    def write(self, text):
        self.send("Input.insertText", text=text)

    def picture(self, file, height):
        """The page as PNG, up to this height."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], height), "scale": 1}
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        pathlib.Path(file).write_bytes(base64.b64decode(shot["data"]))


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"it did not come within {PATIENCE} s")
        time.sleep(0.05)
