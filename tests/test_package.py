import subprocess
import sys

import pytest

import clipnb


def test_importing_costs_nothing():
    heavy = ["torch", "transformers", "umap", "pandas", "plotly", "sklearn", "PIL", "numpy", "ipywidgets"]
    script = f"""
import sys, time
start = time.perf_counter()
import clipnb
print(time.perf_counter() - start, [name for name in {heavy} if name in sys.modules])
"""
    times = []
    for _ in range(3):
        seconds, rest = subprocess.check_output([sys.executable, "-c", script], text=True).split(" ", 1)
        assert rest.strip() == "[]"
        times.append(float(seconds))
    assert min(times) < 0.3


def test_every_public_name_is_there():
    for name in clipnb.__all__:
        assert getattr(clipnb, name) is not None
    assert dir(clipnb) == sorted(clipnb.__all__)
    with pytest.raises(AttributeError, match="'clipnb' has no attribute 'nonsense'"):
        clipnb.nonsense  # noqa: B018


def test_no_module_hides_a_function():
    import pkgutil

    modules = {module.name for module in pkgutil.iter_modules(clipnb.__path__)}
    functions = {name for name in clipnb.__all__ if name not in ("datasets", "metrics", "plots", "training", "widgets")}
    assert not modules & functions
