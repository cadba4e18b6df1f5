"""The direction of the layers (docs/architecture.md), import by import.

import-linter holds the order of the sub-packages; this test adds what it cannot say: that nothing below imports the
public face's own modules, which share the root package with the layers.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "schema": {"schema"},
    "engine": {"engine", "schema"},
    "cluster": {"cluster", "schema"},
}
FILES = [(layer, path) for layer in MAY_IMPORT for path in sorted((ROOT / layer).rglob("*.py"))]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "exdbsql":
                yield from (f"exdbsql.{alias.name}" for alias in node.names)
            elif node.module is not None:
                yield node.module


@pytest.mark.parametrize(("layer", "path"), FILES, ids=[str(p.relative_to(ROOT)) for _, p in FILES])
def test_a_layer_imports_only_what_lies_below(layer: str, path: Path) -> None:
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "exdbsql":
            assert len(parts) > 1, f"{path} imports the public face"
            assert parts[1] in MAY_IMPORT[layer], f"{path} imports {name}, which lies above or beside {layer}/"
