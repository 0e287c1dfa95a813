"""A Hub on this machine: the few endpoints from which huggingface_hub downloads a repository, or its cache on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub
import huggingface_hub.constants
import huggingface_hub.file_download
import pytest

__all__ = ["Hub", "fill_cache", "private_cache", "serve"]

COMMIT = "1234567890" * 4


class Hub(ThreadingHTTPServer):
    """Serves repositories; remembers which files were asked for.

    Attributes:
        repos: name -> revision -> path -> content.
        downloads: the paths of all files that were sent.
        refusal: an HTTP status, a code of the Hub and a message for every answer, to see what happens then.
        silent: set, it answers nothing for a while.
        breaks_off: it hangs up in the middle of a file.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        self.downloads: list[str] = []
        self.refusal: tuple[int, str, str] | None = None
        self.silent = threading.Event()
        self.breaks_off = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that went away while they waited are part of a test."""

    def add(self, repo: str, files: dict[str, bytes], revision: str = "main") -> None:
        self.repos.setdefault(repo, {})[revision] = files

    def commit(self, repo: str, revision: str) -> str:
        return hashlib.sha1(f"{repo} {revision}".encode()).hexdigest()

    def files(self, repo: str, revision: str) -> dict[str, bytes] | None:
        held = self.repos[repo]
        return next((held[name] for name in held if revision in (name, self.commit(repo, name))), None)


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self) -> None:
        hub, path = self.server, unquote(urlsplit(self.path).path).strip("/")
        if hub.silent.is_set():
            hub.silent.wait()
            threading.Event().wait(3)
        if hub.refusal is not None:
            return self._refuse(*hub.refusal)
        is_api = path.startswith("api/models/")
        parts = path.removeprefix("api/models/").split("/")
        repo, verb = "/".join(parts[:2]), parts[2] if len(parts) > 2 else "revision"
        revision = parts[3] if len(parts) > 3 else "main"
        if repo not in hub.repos:
            return self._refuse(404, "RepoNotFound", "Repository not found")
        files = hub.files(repo, revision)
        if files is None:
            return self._refuse(404, "RevisionNotFound", "Invalid rev id")
        known = next(name for name in hub.repos[repo] if revision in (name, hub.commit(repo, name)))
        commit = hub.commit(repo, known)
        if is_api and verb == "revision":
            siblings = [{"rfilename": name} for name in files]
            return self._send(json.dumps({"id": repo, "modelId": repo, "sha": commit, "siblings": siblings}).encode())
        if is_api and verb == "tree":
            rows = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in files.items()
            ]
            return self._send(json.dumps(rows).encode())
        name = "/".join(parts[4:])
        if verb != "resolve" or name not in files:
            return self._refuse(404, "EntryNotFound", "Entry not found")
        if self.command == "GET":
            hub.downloads.append(name)
        etag = hashlib.sha1(files[name]).hexdigest()
        return self._send(files[name], {"X-Repo-Commit": commit, "ETag": f'"{etag}"'})

    def _refuse(self, status: int, code: str, message: str) -> None:
        self._send(message.encode(), {"X-Error-Code": code, "X-Error-Message": message}, status)

    def _send(self, body: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            cut = self.server.breaks_off and "X-Repo-Commit" in (headers or {})
            self.wfile.write(body[: len(body) // 2] if cut else body)
            self.close_connection |= cut


def private_cache(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """An empty cache of the Hub for one test, with no token and no proxy."""
    constants = huggingface_hub.constants
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder / "no-token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    fresh_sessions()
    return folder


def fresh_sessions() -> None:
    """The client keeps its connections, and with some versions what it was told of being offline."""
    for name in ("close_session", "reset_sessions"):
        getattr(huggingface_hub.utils, name, lambda: None)()


def point_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Make the client ask this address."""
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    for module in (huggingface_hub.constants, huggingface_hub.file_download):
        monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)


def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running Hub, which the client asks until the test ends."""
    hub = Hub()
    threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    point_to(monkeypatch, f"http://127.0.0.1:{hub.server_address[1]}")
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        fresh_sessions()


def fill_cache(cache: Path, repo: str, checkpoint: Path) -> None:
    """The folder of a repository as the client leaves it: blobs, and links to them in a snapshot of main."""
    home = cache / f"models--{repo.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "blobs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    for file in filter(Path.is_file, checkpoint.rglob("*")):
        blob = home / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        if not blob.exists():
            shutil.copyfile(file, blob)
        link = home / "snapshots" / COMMIT / file.relative_to(checkpoint)
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.symlink_to(blob)
        except OSError:  # as on Windows without the right to make links
            shutil.copyfile(blob, link)
