"""nginx with docker/nginx/sign_in.conf and pages.conf, in front of the API."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

from chromium import wait_for

HERE = pathlib.Path(__file__).parent
NGINX = HERE.parents[1] / "docker" / "nginx"


def path() -> str | None:
    """The path of nginx, if it is installed."""
    unpacked = pathlib.Path(os.environ.get("EDF_CACHE", "/nowhere")) / "nginx/usr/sbin/nginx"
    return str(unpacked) if unpacked.exists() else shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


def answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def front(upstream):
    """The URL of a reverse proxy in front of an API."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    run = pathlib.Path(tempfile.mkdtemp(prefix="edf-front-"))
    # Its workers run as another user if its master is root.
    run.chmod(0o755)
    values = {"${RUN}": str(run), "${UPSTREAM}": upstream.removeprefix("http://"), "${PORT}": str(port)}
    for file in [HERE / "front.conf", NGINX / "sign_in.conf", NGINX / "pages.conf"]:
        text = file.read_text(encoding="utf-8")
        for name, value in values.items():
            text = text.replace(name, value)
        (run / file.name).write_text(text, encoding="utf-8")
    shutil.copy(NGINX / "login.html", run)
    server = subprocess.Popen([path(), "-c", str(run / "front.conf"), "-p", str(run)])
    try:
        wait_for(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(run, ignore_errors=True)
