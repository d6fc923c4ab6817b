"""`site`: the built course, served to this computer alone, with the types that browsers want."""

import threading
import urllib.error
import urllib.request

import pytest

from lora_np.__main__ import main
from lora_np.cli import site
from lora_np.system import serve

TYPES = {
    "lesson.html": "text/html", "a.js": "text/javascript", "a.mjs": "text/javascript",
    "a.wasm": "application/wasm", "a.css": "text/css", "a.ipynb": "application/json",
    "a.whl": "application/zip", "a.webmanifest": "application/manifest+json",
}  # fmt: skip


@pytest.fixture
def served(tmp_path):
    for name in (*TYPES, "index.html"):
        (tmp_path / "site" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "site" / name).write_bytes(b"here")
    (tmp_path / "secret.txt").write_text("not on the site")
    with serve.server(tmp_path / "site") as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def get(running, path):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(serve.address(running) + path, timeout=20)


def test_each_file_comes_with_the_type_that_a_browser_wants(served):
    for name, kind in TYPES.items():
        with get(served, name) as answer:
            assert answer.headers.get_content_type() == kind and answer.read() == b"here"
            assert answer.headers["Cache-Control"] == "no-cache"  # a site built anew is seen


def test_it_listens_to_this_computer_alone(served):
    assert served.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["../secret.txt", "%2e%2e/secret.txt", "gone.html"])
def test_nothing_but_the_folder_is_served(served, path):
    with pytest.raises(urllib.error.HTTPError) as error:
        get(served, path)
    assert error.value.code == 404
    error.value.close()


def test_where_no_site_was_built_it_says_what_builds_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["site", "--serve"]) == 2
    error = capsys.readouterr().err
    assert "out/site holds no built site" in error.replace("\\", "/")
    assert " site/build.py --out" in error


def test_a_port_that_is_taken_is_an_error(served, tmp_path, capsys):
    port = str(served.server_address[1])
    assert main(["site", "--serve", str(tmp_path / "site"), "--port", port, "--no-browser"]) == 2
    assert f"--port {port}" in capsys.readouterr().err


def test_its_address_stays_by_which_a_browser_keeps_what_a_reader_changed(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(serve, "Server", lambda address, handler: asked.append(address) or 1 / 0)
    (tmp_path / "index.html").write_bytes(b"here")
    for main_, words in ((main, ["site", "--serve", str(tmp_path)]), (serve.main, [])):
        monkeypatch.setattr(serve.sys, "argv", ["serve.py"])
        with pytest.raises(ZeroDivisionError):
            main_(*[words] if words else [])
    assert asked == [("127.0.0.1", serve.PORT)] * 2


def test_the_copy_in_the_site_refuses_words_that_it_does_not_know(monkeypatch, capsys):
    monkeypatch.setattr(serve.sys, "argv", ["serve.py", "9000"])
    with pytest.raises(SystemExit):
        serve.main()
    assert "9000" in capsys.readouterr().err


def test_it_prints_its_address_and_opens_the_browser(served, tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(site.webbrowser, "open", opened.append)
    monkeypatch.setattr(serve.http.server.ThreadingHTTPServer, "serve_forever", interrupted)
    assert main(["site", "--serve", str(tmp_path / "site"), "--port", "0"]) == 130
    assert opened[0].startswith("http://127.0.0.1:")
    assert opened[0] in capsys.readouterr().out


def interrupted(running):
    raise KeyboardInterrupt
