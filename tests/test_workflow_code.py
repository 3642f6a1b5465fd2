"""An edit to a module changes the hash of every script that reaches it, and of no other."""

import ast
from pathlib import Path

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


@pytest.mark.parametrize(
    "around",
    [
        "def f():\n    {}",
        "class A:\n    async def f(self):\n        {}",
        "if 1:\n    pass\nelse:\n    {}",
        "for i in []:\n    pass\nelse:\n    {}",
        "while 0:\n    {}",
        "with open('x') as y:\n    {}",
        "try:\n    {}\nfinally:\n    pass",
        "try:\n    pass\nexcept ValueError:\n    {}",
        "try:\n    pass\nfinally:\n    {}",
        "match 1:\n    case 1:\n        {}",
    ],
)
def test_imports_count_wherever_they_stand(around):
    assert imported_modules(around.format("from lexome import deep")) == {"deep"}


def test_the_modules_of_the_library_import_what_a_walk_over_all_of_their_code_finds():
    package = Path(__file__).parent.parent / "scripts" / "lexome"
    for path in package.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        found = set()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and node.module == "lexome":
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lexome."):
                found.add(node.module.split(".")[1])
        assert imported_modules(source) == found, path.name


def test_an_edit_to_a_kind_of_model_does_not_prepare_or_judge_anew():
    scripts = Path(__file__).parent.parent / "scripts"
    kinds = {"tagging", "tagbaselines", "tagnetwork", "linkfeatures", "concepts", "conceptretrieval", "models"}
    for name in ("prepare_concepts", "prepare_functional_genomics", "evaluate_model", "summarise_folds", "plot_tags"):
        waiting, reached = [scripts / f"{name}.py"], set()
        while waiting:
            for module in imported_modules(waiting.pop().read_text()) - reached:
                reached.add(module)
                waiting += [path] if (path := scripts / "lexome" / f"{module}.py").exists() else []
        assert not reached & kinds, name
