"""The picture in ARCHITECTURE.md, as code: who may import whom, where heavy libraries live."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

OWN = {  # package: which of our packages it may import
    "imicore": set(),
    "postage": set(),
    "service": set(),
    "pipeline": {"imicore", "postage", "service"},
    "sorter": {"imicore", "postage", "service"},
    "provider": {"imicore", "postage", "service"},
    "imi": {"imicore", "postage", "service", "pipeline", "sorter", "provider", "bench"},
}
EVERYWHERE = {"numpy": {"imicore", "pipeline", "sorter", "provider", "imi", "service"}}
HOME = {  # third-party package: the modules that may import it
    "cv2": {"imicore.frames"}
    | {
        f"imi.mailpictures.{module}"
        for module in (
            "camera",
            "damage",
            "envelope",
            "ink",
            "lettering",
            "logos",
            "paper",
            "samples",
        )
    },
    "freetype": {"imicore.glyphs"},
    "PIL": {"imicore.writers"},
    "zxingcpp": {"imicore.pdf417_worker"},
    "cryptography": {"imicore.signature", "imicore.eckeys", "imicore.wrapping"},
    "pkcs11": {"imicore.tokens", "imicore.token_library"},
    "scipy": {"pipeline.scale"},
    "argon2": {"pipeline.pins"},
    "google_crc32c": {"pipeline.record"},
    "ray": {"sorter.fleet"},
    "sqlalchemy": {
        "service.sql",
        "pipeline.piecelog",
        "sorter.outbox",
        "sorter.scanlog",
        "sorter.scantables",
    },
    "matplotlib": {"service.plots", "imi.gradesheet"},
    "fastapi": {"service.web"},
    "uvicorn": {"service.web"},
    "jinja2": {"service.pages"},
    "reportlab": {"service.pdf"},
    "pydantic": {"service.settings", "pipeline.job"},
    "prometheus_client": {"service.metrics"},
    "typer": {"imi.*"},
    "rich": {"imi.*"},
    "holidays": {"postage.calendar"},
}


def modules() -> Iterator[tuple[str, Path]]:
    for package in OWN:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; say the package's name"
            assert node.module is not None
            yield node.module


def refusals(module: str, imported: str) -> str | None:
    package, top = module.split(".")[0], imported.split(".")[0]
    if top == package or top in sys.stdlib_module_names:
        return None
    if top in OWN or top == "bench":
        return None if top in OWN[package] else f"{module} must not import {imported}"
    if package in EVERYWHERE.get(top, ()):
        return None
    homes = HOME.get(top, set())
    if module in homes or f"{package}.*" in homes:
        return None
    return f"{module} imports {imported}, whose home is {sorted(homes) or 'nowhere yet'}"


def test_imports_follow_the_table() -> None:
    found = [refusals(module, name) for module, path in modules() for name in imports(path)]
    assert [refusal for refusal in found if refusal] == []


def test_the_table_refuses_what_it_should() -> None:
    """A check that cannot fail is no check: planted imports are refused."""
    assert refusals("postage.money", "numpy")
    assert refusals("imicore.reader", "postage.money")
    assert refusals("pipeline.line", "provider.ledger")
    assert refusals("pipeline.rater", "scipy.signal")
    assert refusals("pipeline.scale", "scipy.signal") is None


def test_kernels_have_never_heard_of_python() -> None:
    """csrc/ includes no Python or numpy header (design.md 1)."""
    for path in [*(ROOT / "csrc").glob("*.h"), *(ROOT / "csrc").glob("*.cpp")]:
        text = path.read_text(encoding="utf-8")
        assert "Python.h" not in text, path
        assert "pybind11" not in text, path
