"""Addresses of the web, from a server on this machine that says how it was treated."""

from __future__ import annotations

import contextlib
import email.utils
import http.server
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from clipnb.errors import UnreadableImage
from clipnb.sources import web
from clipnb.sources.web import PER_HOST, Url


class Server(http.server.ThreadingHTTPServer):
    """Answers each path with the next of its answers, the last one for ever: (status, headers, body)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked, self.now, self.most = {}, [], 0, 0
        self.lock, self.pause = threading.Lock(), 0.0
        self.home = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        with server.lock:
            server.asked.append(self.path)
            server.now += 1
            server.most = max(server.most, server.now)
            answers = server.answers.get(self.path, [(200, {}, b"body")])
            status, headers, body = answers.pop(0) if len(answers) > 1 else answers[0]
        time.sleep(server.pause)
        with server.lock:
            server.now -= 1
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client has gone
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def waits(monkeypatch):
    """The seconds that were waited between attempts, without waiting them."""
    found = []
    clock = type("Clock", (), {"sleep": found.append, "monotonic": time.monotonic, "time": time.time})
    monkeypatch.setattr(web, "time", clock)
    return found


def test_no_more_than_a_few_of_one_host_at_a_time(server):
    server.pause = 0.05
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda i: Url(f"{server.home}/{i}").read(), range(32)))
    assert found == [b"body"] * 32
    assert server.most == PER_HOST
    assert not web._turnstiles  # nothing is kept of hosts that were


def test_two_hosts_do_not_wait_for_each_other(server):
    with Server() as other:
        threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
        server.pause = other.pause = 0.2
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda i: Url(f"{(server, other)[i % 2].home}/{i}").read(), range(16)))
        other.shutdown()
        assert (server.most, other.most) == (PER_HOST, PER_HOST)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize(
    ("headers", "waited"),
    [({}, 1.0), ({"Retry-After": "3"}, 3.0), ({"Retry-After": "0"}, 0.0), ({"Retry-After": "soon"}, 1.0)],
)
def test_a_busy_server_is_asked_again_once_when_it_says(server, waits, status, headers, waited):
    server.answers["/a"] = [(status, headers, b""), (200, {}, b"picture")]
    assert Url(f"{server.home}/a").read() == b"picture"
    assert waits == [waited]
    server.answers["/b"] = [(status, headers, b"")]
    with pytest.raises(UnreadableImage, match=f"/b: HTTP {status}"):
        Url(f"{server.home}/b").read()
    assert server.asked == ["/a", "/a", "/b", "/b"]


def test_a_date_to_come_back_at(server, waits):
    date = email.utils.formatdate(time.time() + 3.5, usegmt=True)
    server.answers["/a"] = [(503, {"Retry-After": date}, b""), (200, {}, b"picture")]
    assert Url(f"{server.home}/a").read() == b"picture"
    assert 1.5 < waits[0] < 4


def test_a_server_that_wants_to_be_left_alone_is(server, waits):
    server.answers["/a"] = [(429, {"Retry-After": "60"}, b"")]
    with pytest.raises(UnreadableImage, match=r"HTTP 429 .*; it asks to come back in 60 s"):
        Url(f"{server.home}/a").read()
    assert (server.asked, waits) == (["/a"], [])


@pytest.mark.parametrize("status", [403, 404, 410, 500])
def test_what_another_attempt_does_not_change(server, waits, status):
    server.answers["/a"] = [(status, {"Retry-After": "1"}, b"")]
    with pytest.raises(UnreadableImage, match=f"HTTP {status}"):
        Url(f"{server.home}/a").read()
    assert (server.asked, waits) == (["/a"], [])


def test_too_much_is_not_asked_for_twice(server, waits):
    server.answers["/a"] = [(200, {}, b"x" * 3000)]
    with pytest.raises(UnreadableImage, match=r"/a: over 2,000 bytes$"):
        Url(f"{server.home}/a", limit=2000).read()
    assert (server.asked, waits) == (["/a"], [])


def test_no_answer_in_time(server, waits):
    server.pause = 0.6
    with pytest.raises(UnreadableImage, match="timed out"):
        Url(f"{server.home}/a", timeout=0.2).read()
    assert (server.asked, waits) == (["/a", "/a"], [1.0])


def test_an_answer_that_breaks_off(server, waits):
    server.answers["/a"] = [(200, {"Content-Length": "10"}, b"half"), (200, {"Content-Length": "5"}, b"whole")]
    assert Url(f"{server.home}/a").read() == b"whole"
    server.answers["/b"] = [(200, {"Content-Length": "10"}, b"half")]
    with pytest.raises(UnreadableImage, match="broke off after 4 of 10 bytes"):
        Url(f"{server.home}/b").read()
    # In chunks it is another error of urllib's, which is no OSError.
    server.answers["/c"] = [(200, {"Transfer-Encoding": "chunked"}, b"ff\r\nhalf")]
    Handler.protocol_version, before = "HTTP/1.1", Handler.protocol_version
    try:
        with pytest.raises(UnreadableImage, match="IncompleteRead"):
            Url(f"{server.home}/c", timeout=2).read()
    finally:
        Handler.protocol_version = before


def test_nobody_there(waits):
    with Server() as gone:
        home = gone.home
    with pytest.raises(UnreadableImage, match="refused"):
        Url(f"{home}/a").read()
    assert waits == []


@pytest.mark.parametrize(
    ("address", "path"),
    [("/猫 und Hund.png?q=é", "/%E7%8C%AB%20und%20Hund.png?q=%C3%A9"), ("/a%20b/(1)~x.png", "/a%20b/(1)~x.png")],
)
def test_letters_beyond_ascii_and_blanks(server, address, path):
    assert Url(server.home + address).read() == b"body"
    assert server.asked == [path]


@pytest.mark.parametrize("address", ["http://", "http://[::1/x", "http://127.0.0.1:port/x", "http://\n/"])
def test_addresses_that_are_none(address, waits):
    with pytest.raises(UnreadableImage):
        Url(address).read()
    assert waits == []


def test_an_address_travels_to_other_processes():
    assert pickle.loads(pickle.dumps(Url("http://a/b"))) == Url("http://a/b")
