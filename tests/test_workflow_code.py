"""An edit to a module changes the hash of every script that reaches it, and of no other."""

import pytest

from lexome.workflow_code import imported_modules, library_hash


@pytest.fixture
def scripts(tmp_path):
    package = tmp_path / "lexome"
    package.mkdir()
    (package / "a.py").write_text("from lexome.b import f\n")
    (package / "b.py").write_text("import lexome.c\nx = 1\n")
    (package / "c.py").write_text("def g():\n    from lexome import a\n")
    (package / "d.py").write_text("")
    (tmp_path / "one.py").write_text("from lexome import a\n")
    (tmp_path / "two.py").write_text("def f():\n    from lexome.d import y\n")
    return tmp_path


@pytest.mark.parametrize("module", ["a", "b", "c"])
def test_follows_imports_of_imports(scripts, module):
    before = [library_hash(scripts / name) for name in ("one.py", "two.py")]
    with open(scripts / "lexome" / f"{module}.py", "a") as file:
        file.write("# edited\n")
    after = [library_hash(scripts / name) for name in ("one.py", "two.py")]
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_all_forms_of_import_count():
    source = "import lexome.a\nfrom lexome import b, c\nfrom lexome.d import e\nimport os\n"
    assert imported_modules(source) == {"a", "b", "c", "d"}
