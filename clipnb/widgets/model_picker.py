"""The model picker: filter the catalog, see what a model is and what it needs, then load it."""

from __future__ import annotations

import gc
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import traitlets as T

from clipnb import errors
from clipnb.catalog import EMBEDDED, Entry, entries, select, suggest
from clipnb.errors import ClipnbError
from clipnb.needs import BYTES, Needs, downloaded, free_memory, needs_of
from clipnb.types import ClipModel
from clipnb.widgets.model_view import DEVICES, ModelView, code_of, download_in_words
from clipnb.widgets.panel import Panel

_SECONDS = 0.5
"""Between two looks at how far a download has come."""


class ModelPicker(Panel):
    """The models of the catalog, with their facts and their needs, and a button that loads one.

    Nothing is downloaded before the button: sizes are the catalog's numbers, less what is in the Hub's cache. Every
    control is bound to a trait. Whatever goes wrong is said in `status` and on the panel, in words.

    Args:
        selected: the model to begin with.
        load: what opens a model, called with its name and with ``device=`` and ``dtype=`` where they are chosen;
            default `clipnb.load`.

    Traits:
        search, family, language (str): the filters; empty ones let everything through.
        names (list of str, read-only): the models that fit.
        selected (str): the name of the chosen model; empty where none fits.
        device (str): where to compute; empty: CUDA where there is one.
        dtype (str): "float32", "bfloat16" or "float16".
        model (read-only): what the button has loaded, with its image tower; None before. The one before is let go
            first, so that memory holds one of them.
        loading (bool, read-only): while it is at it.
        progress (float, read-only): share of the download that is there; -1 where nothing is being downloaded.
        code (str, read-only): the line that does the same.
        status (str, read-only): what the panel says.
    """

    search = T.Unicode()
    family = T.Unicode()
    language = T.Unicode()
    names = T.List(T.Unicode(), read_only=True)
    selected = T.Unicode()
    device = T.Unicode()
    dtype = T.Unicode("float32")
    model = T.Any(None, allow_none=True, read_only=True)
    loading = T.Bool(False, read_only=True)
    progress = T.Float(-1.0, read_only=True)
    code = T.Unicode(read_only=True)

    def __init__(self, selected: str = EMBEDDED, *, load: Callable[..., ClipModel] | None = None) -> None:
        self._open = load
        self._needs: dict[str, Needs] = {}
        self.view = ModelView()
        super().__init__(self.view, "model-picker")
        view = self.view
        for control, trait in ((view.search, "search"), (view.family, "family"), (view.language, "language")):
            control.observe(lambda change, trait=trait: setattr(self, trait, change.new or ""), "value")
        view.list.observe(lambda change: self._choose(change.new), "value")
        view.device.observe(lambda change: setattr(self, "device", change.new), "value")
        view.dtype.observe(lambda change: setattr(self, "dtype", change.new), "value")
        view.load.on_click(lambda _: self.load())
        self._filter()
        self.selected = selected

    def __repr__(self) -> str:
        return f"ModelPicker({self.selected!r}, {len(self.names)} models, model={self.model!r})"

    def load(self) -> None:
        """What the button does: opens the chosen model and puts it into `model`."""
        entry = entries().get(self.selected)
        if self.loading or entry is None:
            return
        options = {key: value for key, value in {"device": self.device, "dtype": self.dtype}.items() if value}
        if self.dtype == "float32":
            del options["dtype"]
        self.set_trait("loading", True)
        self.view.enable(False)
        self.set_trait("model", None)
        gc.collect()  # modules hold each other in circles, which would keep the weights
        self._say(f"Loading {entry.name}; download: {download_in_words(self._needs_of(entry))}.")
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", UserWarning)
                with self._watching(entry):
                    model = self._opener()(entry.name, **options)
                    # The image tower's, which may be another checkpoint: it would be fetched with the first picture.
                    _ = model.logit_scale
        except KeyboardInterrupt:
            self._say(f"Stopped; {entry.name} is not loaded.", problem=True)
        except Exception as error:  # a panel has nowhere to show a traceback
            self._fail(error)
        else:
            said = [str(warning.message) for warning in caught if _is_ours(warning.category)]
            words = f"{model.name} is loaded, on {model.device}: {model.dim} columns, {model.context_length} tokens."
            self._say(" ".join([words, *said]))
            self.set_trait("model", model)
        finally:
            self._needs.clear()  # the cache holds more now
            self.set_trait("loading", False)
            self.view.enable(True)
            self._show_list()
            self._show()

    def _opener(self) -> Callable[..., ClipModel]:
        if self._open is not None:
            return self._open
        from clipnb.models import load

        return load

    @contextmanager
    def _watching(self, entry: Entry) -> Iterator[None]:
        """Shows how far a download has come while it runs, by what grows in the Hub's cache."""
        needs = self._needs_of(entry)
        total = needs.to_fetch
        if not total:
            yield
            return
        parts = [entries()[part.name] for part in needs.parts if not part.complete]
        before, done = downloaded(parts), threading.Event()

        def watch() -> None:
            while not done.wait(_SECONDS):
                self._report(min(1.0, (downloaded(parts) - before) / total))

        self._report(0.0)
        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._report(None)

    def _report(self, share: float | None) -> None:
        self.set_trait("progress", -1.0 if share is None else share)
        self.view.show_progress(share)

    def _needs_of(self, entry: Entry) -> Needs:
        if entry.name not in self._needs:
            self._needs[entry.name] = needs_of(entry)
        return self._needs[entry.name]

    # -- from controls to traits, and from traits to controls ------------------------------------------------------

    @T.observe("search", "family", "language")
    def _filter(self, _change: Any = None) -> None:
        view = self.view
        try:
            found = select(search=self.search or None, family=self.family or None, language=self.language or None)
        except ClipnbError as error:
            found = []
            self._say(str(error), problem=True)
        else:
            self._say("" if found else "No model fits all of these: take a filter back.", problem=not found)
            view.show_filters(self.search, self.family, self.language)
        self.set_trait("names", [entry.name for entry in found])
        if self.selected not in self.names:
            with self._quietly():
                self.selected = self.names[0] if self.names else ""
        self._show_list()
        self._show()

    def _choose(self, name: str | None) -> None:
        if not self._quiet and name:
            self.selected = name

    @T.observe("selected")
    def _select(self, _change: Any) -> None:
        if self._quiet:
            return
        if self.selected and self.selected not in self.names:
            if self.selected in entries():
                self.search = self.family = self.language = ""
            else:
                self._say(f"{self.selected!r} is not in the catalog.{suggest(self.selected)}", problem=True)
                self.view.show_card(None, None, self.dtype, None)
                self._write_code()
                return
        with self._quietly():
            self.view.list.value = self.selected or None
        self._say("")
        self._show()

    @T.validate("dtype")
    def _check_dtype(self, proposal: Any) -> str:
        if proposal.value not in BYTES:
            raise T.TraitError(f"dtype={proposal.value!r}; expected one of {', '.join(BYTES)}")
        return str(proposal.value)

    @T.observe("device", "dtype")
    def _show(self, _change: Any = None) -> None:
        """The card and the line of code, by the traits."""
        view, entry = self.view, entries().get(self.selected)
        if self.device in DEVICES.values():  # one such as cuda:1 has no line in the menu
            view.device.value = self.device
        view.dtype.value = self.dtype
        view.show_card(entry, self._needs_of(entry) if entry else None, self.dtype, free_memory())
        self._write_code()

    def _write_code(self) -> None:
        known = self.selected in entries()
        self.set_trait("code", code_of(self.selected, self.device, self.dtype) if known else "")
        self.view.show_code(self.code)
        self.view.load.disabled = self.loading or not known

    def _show_list(self) -> None:
        found = [entries()[name] for name in self.names]
        with self._quietly():
            self.view.show_list([(entry, self._needs_of(entry)) for entry in found], self._listed())

    def _listed(self) -> str:
        return self.selected if self.selected in self.names else ""


def _is_ours(category: type[Warning]) -> bool:
    return getattr(errors, category.__name__, None) is category
