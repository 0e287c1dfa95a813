"""The house in order: imports, linters, declared dependencies, one version, and what the wheel carries."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import clipnb

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]

# Where conda-forge's name is not the package index's.
CONDA_NAMES = {"torch": "pytorch", "kaleido": "python-kaleido", "huggingface-hub": "huggingface_hub"}
# Packages that are imported under another name than they are installed by.
INSTALLED_AS = {
    "PIL": "pillow",
    "jscatter": "jupyter-scatter",
    "sklearn": "scikit-learn",
    "tomllib": "tomli",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
# Imported if present, never installed by us: Colab's own module.
PRESENT_OR_NOT = {"google"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


def requirements(*extras: str) -> dict[str, Requirement]:
    """Canonical name -> requirement, of the package and the named extras."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    found = {canonicalize_name(r.name): r for r in map(Requirement, lines)}
    own = found.pop("clipnb", None)
    return {**found, **requirements(*own.extras)} if own else found


def tracked(*patterns: str) -> list[Path]:
    """The files that git knows; everything where this is not a clone."""
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git clone")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


# --- promises of the package ---------------------------------------------------------------------------------------


def test_importing_the_package_is_free() -> None:
    """Promise 1 of the README: under 0.3 s in a fresh process, and nothing heavy comes along."""
    code = (
        "import sys, time; start = time.perf_counter(); import clipnb; spent = time.perf_counter() - start\n"
        "heavy = {'torch', 'transformers', 'umap', 'sklearn', 'plotly', 'pandas', 'ipywidgets'} & set(sys.modules)\n"
        "import json; print(json.dumps([spent, sorted(heavy)]))"
    )
    spent, heavy = zip(*(json.loads(run("-c", code).stdout) for _ in range(5)), strict=True)
    assert heavy[0] == []
    assert min(spent) < 0.3


def test_version_is_written_once() -> None:
    assert "version" in PROJECT["dynamic"]
    assert re.search(rf"^## \[{re.escape(clipnb.__version__)}\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    holders = [
        path for path in tracked("*.py") if re.search(r"^__version__\s*=", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert holders == [ROOT / "clipnb" / "__init__.py"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    built = run("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder))
    assert built.returncode == 0, built.stdout + built.stderr
    return zipfile.ZipFile(next(folder.glob("clipnb-*.whl")))


def test_wheel_carries_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    missing = {path.relative_to(ROOT).as_posix() for path in tracked("clipnb")} - names
    assert not missing
    assert f"clipnb-{clipnb.__version__}" in wheel.filename
    for wanted in ("model/config.json", "model/model.safetensors", "emoji/fluent.webp", "emoji/names.json.xz"):
        assert f"clipnb/data/{wanted}" in names
    licences = {Path(name).name for name in names if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "THIRD_PARTY_NOTICES.md"}
    assert {name.split("/")[0] for name in names} == {"clipnb", f"clipnb-{clipnb.__version__}.dist-info"}


def test_embedded_model_is_small(wheel: zipfile.ZipFile) -> None:
    """Weights and tokenizer together, unpacked: at most 25 MB."""
    size = sum(item.file_size for item in wheel.infolist() if item.filename.startswith("clipnb/data/model/"))
    assert 1_000_000 < size <= 25_000_000


# --- linters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "ruff", "check", "."),
        ("-m", "ruff", "format", "--check", "."),
        ("-m", "mypy"),
        ("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"),
    ],
    ids=["ruff-check", "ruff-format", "mypy", "lint-imports"],
)
def test_linter_is_content(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


# --- dependencies --------------------------------------------------------------------------------------------------


def imported(folder: str) -> set[str]:
    """Top-level modules that the code under a folder imports, inside functions too; its own modules left out."""
    # Scripts that make references run in environments of their own, pinned in tests/parity/environments/.
    scripts = set(tracked("tests/parity/make_*.py"))
    files = [path for path in tracked(f"{folder}/*.py") if path not in scripts]
    own = {path.stem for path in files} | {"clipnb", "tests"}
    found = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - own - set(sys.stdlib_module_names) - PRESENT_OR_NOT


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("clipnb", ("index", "lab", "onnx", "openvino", "pacmap", "ray", "scatter")),
        ("tests", ("test",)),
        ("notebooks", ("test",)),
        ("training", ("train",)),
    ],
)
def test_every_import_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    declared = set(requirements(*extras))
    undeclared = {name for name in imported(folder) if canonicalize_name(INSTALLED_AS.get(name, name)) not in declared}
    assert not undeclared


def pins() -> Iterator[Requirement]:
    for line in (ROOT / "constraints" / "lock.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield Requirement(line)


def test_lock_pins_every_dependency_within_its_bounds() -> None:
    locked: dict[str, list[Requirement]] = {}
    for pin in pins():
        assert re.fullmatch(r"==[^*,]+", str(pin.specifier)), f"{pin} is not an exact version"
        locked.setdefault(canonicalize_name(pin.name), []).append(pin)
    for name, wanted in requirements(*EXTRAS).items():
        for pin in locked[name]:
            version = str(pin.specifier).removeprefix("==")
            assert wanted.specifier.contains(version, prereleases=True), f"{pin} does not satisfy {wanted}"


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_lock_gives_one_version_a_python_and_platform(python: str, platform: str) -> None:
    there = {"python_version": python, "python_full_version": f"{python}.8", "sys_platform": platform}
    names = [canonicalize_name(pin.name) for pin in pins() if pin.marker is None or pin.marker.evaluate(there)]
    assert len(names) == len(set(names))
    assert {"torch", "transformers", "numpy", "ipython"} <= set(names)


def test_conda_environment_is_in_step() -> None:
    """environment.yml has the bounds of pyproject.toml, for the package and the extra `lab`."""
    items = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    by_pip = next(item for item in items if isinstance(item, dict))["pip"]
    by_conda = dict(item.partition(" ")[::2] for item in items if isinstance(item, str))
    assert (
        Requirement(f"python{by_conda.pop('python')}").specifier
        == Requirement(f"python{PROJECT['requires-python']}").specifier
    )
    by_conda.pop("pip")
    assert by_pip[-1] == "-e ."

    expected = requirements("lab")
    found = {canonicalize_name(r.name): r.specifier for r in map(Requirement, by_pip[:-1])}
    back = {conda: name for name, conda in CONDA_NAMES.items()}
    found |= {canonicalize_name(back.get(n, n)): Requirement(f"x{bounds}").specifier for n, bounds in by_conda.items()}
    assert found == {name: r.specifier for name, r in expected.items()}


# --- texts ---------------------------------------------------------------------------------------------------------


def test_files_name_no_one_machine() -> None:
    """No path of the machine a file was written on, stored notebook outputs included, and no package server."""
    path = re.compile(r"(?<![\w.~}-])/(?:work|root|home|Users)/[\w.-]+|[A-Z]:\\Users\\\w+")
    server = re.compile(r"https?://[\w.-]*(?:pypi|pythonhosted|registry|download|deb|mirror)[\w-]*\.[\w./-]+")
    found = []
    for file in tracked():
        if file.suffix in {".webp", ".xz", ".safetensors", ".png", ".jpg", ".jpeg"} or file == Path(__file__).resolve():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found += [f"{file.relative_to(ROOT)}: {hit.group()}" for rule in (path, server) for hit in rule.finditer(text)]
    assert not found


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for page in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken
