"""From a name to files on this machine: the catalog, a path, or the Hub."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clipnb.catalog import EMBEDDED, MODEL_FOLDER, Entry, entries, find, suggest
from clipnb.errors import ModelFolderError, UnknownModel, UnsupportedOption, quote

__all__ = ["Source", "resolve", "resolve_here"]


@dataclass(frozen=True)
class Source:
    """Where a checkpoint lies.

    Attributes:
        name: what the caller wrote, for messages.
        path: a folder or a file on this machine; of a repository, its folder in the Hub's cache.
        entry: what the catalog says of it.
        repo: its repository on the Hub, "" for a local one.
        revision: the commit of that repository.
        local_files_only: the network must not be asked.
    """

    name: str
    path: Path
    entry: Entry | None = None
    repo: str = ""
    revision: str | None = None
    local_files_only: bool = False

    def fetch(self, *choices: Sequence[str]) -> Path:
        """The folder, with one choice of file patterns: the first whose first pattern fits a file of the repository.

        Local folders are as they are.

        Raises:
            ModelUnavailable: a repository whose files are not in the cache, and the Hub cannot be reached.
            ModelFolderError: a repository that holds none of them.
        """
        if not self.repo:
            return self.path

        from clipnb.models.hub import download

        return download(self.repo, *choices, revision=self.revision, local_files_only=self.local_files_only)


def resolve(name: str, *, revision: str | None = None, local_files_only: bool = False) -> Source:
    """The source of a name. Of a repository only the small files are fetched, which say what it is.

    Raises:
        UnknownModel, ModelUnavailable, ModelFolderError: see :func:`clipnb.load`.
        UnsupportedOption: a revision of what lies on this machine.
    """
    here = resolve_here(name)
    if here is not None:
        if revision is not None:
            raise UnsupportedOption(f"revision={revision!r}: {name} lies on this machine, as it is; leave it out")
        return here

    from clipnb.models.hub import download_small

    entry = find(name)
    repo = entry.repo or entry.name if entry else name
    folder = download_small(repo, revision=revision, local_files_only=local_files_only)
    # Its name is the commit: the weights have to be of the same one, whatever happens to the branch meanwhile.
    return Source(name, folder, entry, repo, folder.name, local_files_only)


def resolve_here(name: str) -> Source | None:
    """The source of a name that lies on this machine; None where the Hub has to be asked, or its cache.

    Raises:
        UnknownModel: it can be neither.
        ModelFolderError: a path at which there is nothing.
    """
    if not name.strip():
        raise UnknownModel(f"the name of the model is blank: {name!r}; the embedded one is clipnb.load()")
    entry = entries().get(name)  # which goes before a file of that name
    if name == EMBEDDED:
        if not MODEL_FOLDER.is_dir():
            raise ModelFolderError("the embedded model is missing from this installation; reinstall clipnb")
        return Source(name, MODEL_FOLDER, entry)
    if entry is not None:
        return None
    try:
        path = Path(name).expanduser().absolute()
        found = path.exists()
    except (OSError, RuntimeError) as error:  # no permission, a name too long, no such user
        raise ModelFolderError(
            f"{quote(name, 200)}: cannot be looked for on this machine ({error.args[-1]})"
        ) from error
    if found:
        return Source(name, path, _entry_of_folder(path))
    if _looks_like_path(name):
        raise ModelFolderError(f"{name}: no such file or folder.{suggest(name)}")
    if name.count("/") != 1 or name.startswith("clipnb/"):
        raise UnknownModel(f"{name!r} is not a known model, a Hub id (owner/name) or a path.{suggest(name)}")
    return None


def _entry_of_folder(path: Path) -> Entry | None:
    """A clone of a repository keeps its last name; where that is one of the catalog's, its facts hold."""
    found = [entry for entry in entries().values() if (entry.repo or entry.name).rpartition("/")[2] == path.name]
    return found[0] if len(found) == 1 else None


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "~", os.sep)) or name.count("/") > 1 or "\\" in name or name.endswith("/")
