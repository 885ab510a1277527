"""Writes pip's wheel to stdout: `fetch_pip.py VERSION`. Who calls this compares it with its checksum.

A Python that has a pip, of whatever version, fetches it with that, which knows all of this machine's configuration. For one
that has none, the index, its credentials, certificates and proxies are those that pip takes from the environment.
"""

import html
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from base64 import b64encode
from pathlib import Path
from ssl import create_default_context
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener


def downloaded(version, name):
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary", ":all:"]
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, f"pip=={version}"]
        # What pip has to say is not the wheel.
        subprocess.run(pip, check=True, stdout=sys.stderr)
        return Path(folder, name).read_bytes()


def requested(name):
    index = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
    caller, proxy = urlsplit(index), os.environ.get("PIP_PROXY")
    opener = build_opener(
        # Without `PIP_PROXY` those of the environment.
        ProxyHandler({"http": proxy, "https": proxy} if proxy else None),
        HTTPSHandler(context=create_default_context(cafile=os.environ.get("PIP_CERT"))),
    )

    def get(url):
        parts = urlsplit(url)
        request = Request(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl())
        if caller.username and parts.hostname == caller.hostname:
            pair = f"{unquote(caller.username)}:{unquote(caller.password or '')}"
            request.add_unredirected_header("Authorization", "Basic " + b64encode(pair.encode()).decode())
        with opener.open(request, timeout=float(os.environ.get("PIP_TIMEOUT") or 60)) as answer:
            return answer.geturl(), answer.read()

    page, text = get(index.rstrip("/") + "/pip/")
    links = (html.unescape(link) for link in re.findall(r"href\s*=\s*[\"']([^\"']+)", text.decode()))
    link = next((link for link in links if urlsplit(link).path.rpartition("/")[2] == name), None)
    return get(urljoin(page, link))[1] if link else sys.exit(f"`{page}` has no `{name}`")


def main(version):
    name = f"pip-{version}-py3-none-any.whl"
    has_pip = importlib.util.find_spec("pip")
    sys.stdout.buffer.write(downloaded(version, name) if has_pip else requested(name))


main(*sys.argv[1:])
