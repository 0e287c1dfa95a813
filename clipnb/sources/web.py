"""A picture at a web address: fetched politely, and again only where that can help."""

from __future__ import annotations

import email.utils
import http.client
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import weakref
from dataclasses import dataclass
from http import HTTPStatus

from clipnb.errors import UnreadableImage

__all__ = ["PER_HOST", "Url", "is_url"]

PER_HOST = 4
"""Addresses of one host that are fetched at a time, however many threads there are."""

_PATIENCE = 5.0
"""Seconds, the longest that a server can ask us to wait."""

_TEMPORARY = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)

# One turnstile a host, for all threads of the process; it goes when nobody holds it any more.
_turnstiles: weakref.WeakValueDictionary[str, threading.Semaphore] = weakref.WeakValueDictionary()
_lock = threading.Lock()


@dataclass(frozen=True)
class Url:
    """A picture at a web address, fetched when it is read.

    Attributes:
        address: http or https; letters beyond ASCII and blanks are escaped.
        timeout: seconds, for each attempt as a whole.
        attempts: how often, if the error is a temporary one: the server is busy, does not answer in time or breaks off.
        limit: bytes.
    """

    address: str
    timeout: float = 20.0
    attempts: int = 2
    limit: int = 100_000_000

    def read(self) -> bytes:
        """Its bytes. No more than ``PER_HOST`` are read from one host at a time; the others wait.

        Raises:
            UnreadableImage: not reachable, too slow, too large, or not found.
        """
        with _turnstile(self.address):
            for left in reversed(range(self.attempts)):
                try:
                    return self._fetch()
                except UnreadableImage:
                    raise
                except (OSError, ValueError, http.client.HTTPException) as error:
                    wait = _wait(error)
                    if not left or wait is None or wait > _PATIENCE:
                        raise UnreadableImage(f"{self.address}: {_in_words(error, wait)}") from error
                # The place is kept meanwhile: a busy server gets fewer requests, not those of other threads.
                time.sleep(wait)
        raise UnreadableImage(f"{self.address}: attempts={self.attempts}, so it was not fetched")

    def _fetch(self) -> bytes:
        address = urllib.parse.quote(self.address, safe="!#$%&'()*+,/:;=?@[]~")
        request = urllib.request.Request(address, headers={"User-Agent": "clipnb"})
        end = time.monotonic() + self.timeout
        parts, size = [], 0
        with urllib.request.urlopen(request, timeout=self.timeout) as answer:
            while part := answer.read(1 << 16):
                parts.append(part)
                size += len(part)
                if size > self.limit:
                    raise UnreadableImage(f"{self.address}: over {self.limit:,} bytes")
                if time.monotonic() > end:  # a server that sends a byte now and then never times out by itself
                    raise TimeoutError(f"not finished after {self.timeout:g} s")
            if answer.length:  # what is left of the announced length; urllib says nothing when a server breaks off
                raise ConnectionResetError(f"broke off after {size:,} of {size + answer.length:,} bytes")
        return b"".join(parts)


def is_url(text: str) -> bool:
    """Whether it is an address of the web."""
    return text.startswith(("http://", "https://"))


def _turnstile(address: str) -> threading.Semaphore:
    host = address.split("/", 3)[2].rpartition("@")[2].lower() if is_url(address) else ""
    with _lock:
        found = _turnstiles.get(host)
        if found is None:
            found = _turnstiles[host] = threading.Semaphore(PER_HOST)
        return found


def _wait(error: Exception) -> float | None:
    """Seconds until another attempt is worth it: a second, or what the server says; None: it is not."""
    if isinstance(error, urllib.error.HTTPError):
        return _asked(error.headers.get("Retry-After", "")) if error.code in _TEMPORARY else None
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ConnectionRefusedError):
        return None
    return 1.0 if isinstance(cause, (TimeoutError, ConnectionError, http.client.IncompleteRead)) else None


def _asked(header: str) -> float:
    """The header Retry-After in seconds (RFC 9110, section 10.2.3); a second where there is none."""
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (TypeError, ValueError):
        return 1.0


def _in_words(error: Exception, wait: float | None) -> str:
    if isinstance(error, urllib.error.HTTPError):
        later = f"; it asks to come back in {wait:.0f} s" if wait is not None and wait > _PATIENCE else ""
        return f"HTTP {error.code} {error.reason}{later}"
    return f"{type(error).__name__}: {getattr(error, 'reason', error)}"
