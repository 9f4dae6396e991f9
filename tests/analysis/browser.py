"""Headless Chromium for the tests of the page; they skip where there is none."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from html import unescape
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# What went wrong goes first, so that it is seen whatever the script itself finds.
BEGIN = """<script>window.wrong = [];
addEventListener("error", (event) => wrong.push(event.message));
addEventListener("unhandledrejection", (event) => wrong.push(String(event.reason)));</script>"""
END = """<script type="module">
const until = async (holds) => {
  for (let k = 0; k < 200 && !holds(); ++k) await new Promise((done) => setTimeout(done, 10));
};
let found = null;
try { found = await (async () => { %s })(); } catch (error) { wrong.push(String(error)); }
const made = document.createElement("pre");
made.id = "found";
made.textContent = JSON.stringify({ wrong, found });
document.body.replaceChildren(made);
</script>"""


def chromium() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser to open the page with: none of {', '.join(NAMES)} is installed")
    return found


def all_of(scripts: Mapping[str, str]) -> str:
    """What each of several scripts returns, by name: one start of the browser for them all. They
    run in this order, and each finds the page as the one before has left it.
    """
    asked = ",".join(f"{json.dumps(name)}: async () => {{{s}}}" for name, s in scripts.items())
    return f"""const found = {{}};
    for (const [name, ask] of Object.entries({{{asked}}})) found[name] = await ask();
    return found;"""


def in_browser(page: Path, script: str, width: int = 1400):
    """What the script returns after the page has loaded; no other script of it may fail."""
    text = page.read_text(encoding="utf-8")
    text = text.replace("<head>", f"<head>{BEGIN}", 1).replace("</body>", f"{END % script}</body>")
    tried = page.with_name("tried.html")
    tried.write_text(text, encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000"]
    command = [chromium(), *flags, f"--window-size={width},1000", "--dump-dom", tried.as_uri()]
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    found = re.search(r'<pre id="found">(.*?)</pre>', run.stdout, re.DOTALL)
    assert found, run.stderr[-2000:]
    told = json.loads(unescape(found[1]))
    assert told["wrong"] == []
    return told["found"]
