"""Settings: YAML errors with lines, schema errors with key paths, registry look-ups."""

import pytest

from lexome.errors import LexomeError
from lexome.settings import backbone_files, check, file_spec, load_yaml

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["studies", "cores"],
    "properties": {
        "cores": {"type": "integer", "minimum": 1},
        "rate": {"type": "number"},
        "mirror": {"type": ["string", "null"]},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{4}$", "description": "4 hexadecimal digits"},
        "seeds": {"type": "array", "items": {"type": "integer"}},
        "source": {"oneOf": [{"required": ["hub"]}, {"required": ["path"]}]},
        "split": {
            "oneOf": [
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["method"],
                    "properties": {"method": {"const": "random"}, "fraction": {"type": "number"}},
                },
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["method"],
                    "properties": {"method": {"const": "time"}, "before": {"type": "string"}},
                },
            ]
        },
        "studies": {
            "type": "object",
            "additionalProperties": {"$ref": "#/$defs/study"},
        },
    },
    "$defs": {
        "study": {
            "type": "object",
            "additionalProperties": False,
            "required": ["models"],
            "dependentRequired": {"hub": ["revision"]},
            "if": {"required": ["hub"]},
            "then": {"not": {"anyOf": [{"required": ["path"]}]}},
            "properties": {
                "hub": {},
                "revision": {},
                "path": {},
                "models": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"hidden": {"type": "integer"}, "kind": {"enum": ["mlp", "logistic"]}},
                    },
                },
            },
        }
    },
}
GOOD = {"cores": 2, "studies": {"protein_function": {"models": {"mlp": {"hidden": 512}}}}}


def mistakes(changes: dict, study: dict | None = None) -> list[str]:
    config = GOOD | changes
    if study is not None:
        config = config | {"studies": {"protein_function": study}}
    with pytest.raises(LexomeError) as caught:
        check(config, SCHEMA, "config.yaml")
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("config.yaml: ")
    return [line.strip() for line in lines[1:]]


def test_good_settings_pass():
    check(GOOD, SCHEMA, "config.yaml")


def test_unknown_key_names_its_path_and_the_nearest_key():
    lines = mistakes({}, {"models": {"mlp": {"hiden": 512}}})
    assert lines == ["studies.protein_function.models.mlp.hiden: unknown key; did you mean hidden?"]


def test_unknown_key_far_from_all_lists_those_that_exist():
    lines = mistakes({}, {"models": {"mlp": {"zzz": 1}}})
    assert lines == ["studies.protein_function.models.mlp.zzz: unknown key; keys here: hidden, kind"]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"cores": "two"}, 'cores: expected a whole number, found "two" (text)'),
        ({"cores": True}, "cores: expected a whole number, found true"),
        ({"cores": None}, "cores: expected a whole number, found null"),
        ({"cores": 1.5}, "cores: expected a whole number, found 1.5 (a number)"),
        ({"mirror": 3}, "mirror: expected text or null, found 3 (a whole number)"),
        ({"seeds": {"a": 1}}, 'seeds: expected a list, found {"a": 1} (a mapping)'),
        ({"seeds": [0, "one"]}, 'seeds[1]: expected a whole number, found "one" (text)'),
        ({"cores": 0}, "cores: 0 is less than the minimum of 1"),
        ({"sha256": "xyz"}, 'sha256: "xyz" does not fit: 4 hexadecimal digits'),
        ({"source": {}}, "source: needs exactly one of: hub, path"),
        ({1: "a"}, "1: keys must be text, found 1 (a whole number): put it in quotes"),
    ],
)
def test_wrong_values_say_what_was_expected_and_found(changes, line):
    assert mistakes(changes) == [line]


def test_number_that_yaml_reads_as_text_gets_a_hint():
    (line,) = mistakes({"rate": "1e-3"})
    assert line.startswith('rate: expected a number, found "1e-3" (text)')
    assert "1.0e-3" in line


def test_wrong_choice_names_the_nearest():
    (line,) = mistakes({}, {"models": {"m": {"kind": "logistik"}}})
    assert line == 'studies.protein_function.models.m.kind: "logistik" is not known; did you mean logistic?'


def test_missing_keys_are_named_where_they_belong():
    with pytest.raises(LexomeError, match=r"(?m)^  studies: missing$") as caught:
        check({}, SCHEMA, "config.yaml")
    assert "  cores: missing" in str(caught.value)
    assert mistakes({}, {}) == ["studies.protein_function.models: missing"]


def test_keys_that_need_or_bar_one_another():
    lines = mistakes({}, {"models": {}, "hub": "a", "path": "b"})
    assert sorted(lines) == [
        "studies.protein_function.path: cannot stand beside the other keys here",
        "studies.protein_function.revision: missing (hub needs it)",
    ]


def test_alternatives_report_the_branch_that_was_meant():
    assert mistakes({"split": {"method": "time", "befor": "2020"}}) == [
        "split.befor: unknown key; did you mean before?"
    ]


def test_all_mistakes_come_at_once():
    lines = mistakes({"cores": "two", "rate": []}, {"models": {"m": {"hidden": "x", "kid": 1}}})
    assert len(lines) == 4


def test_load_yaml_reads_a_mapping_and_an_empty_file(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: &x {b: 1}\nc:\n  <<: *x\n  d: [1, 2.5, null, yes]\n")
    assert load_yaml(path) == {"a": {"b": 1}, "c": {"b": 1, "d": [1, 2.5, None, True]}}
    path.write_text("# nothing\n")
    assert load_yaml(path) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", r"a\.yaml, line [23]: "),
        (
            "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n",
            r"a\.yaml, line 5: the key 'c' is given twice \(first on line 3\)",
        ),
        ("a: 1\n\tb: 2\n", r"a\.yaml, line 2: "),
        ("- a\n", r"a\.yaml: must hold `key: value` lines"),
        ("a: !!python/object:os.system {}\n", r"a\.yaml, line 1: could not determine a constructor"),
        ("a: \x07\n", r"a\.yaml: is not YAML"),
    ],
)
def test_broken_yaml_names_file_and_line(tmp_path, text, message):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(LexomeError, match=message):
        load_yaml(path)


def test_unreadable_yaml(tmp_path):
    with pytest.raises(LexomeError, match="No such file"):
        load_yaml(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: é".encode("latin-1"))
    with pytest.raises(LexomeError, match="is not UTF-8"):
        load_yaml(tmp_path / "latin.yaml")


DATASETS = {
    "go_basic": {"files": {"go-basic.obo": {"sha256": "ab", "size": 2, "sources": ["https://x/y"]}}},
    "cafa5": {
        "manual": "log in",
        "files": {"train_terms.tsv": {"sha256": None, "size": None, "sources": []}},
    },
}


def test_file_spec_gives_what_the_registry_says():
    assert file_spec(DATASETS, "resources/data/go_basic/go-basic.obo") == {
        "name": "go-basic.obo",
        "sha256": "ab",
        "size": 2,
        "sources": ["https://x/y"],
    }
    assert file_spec(DATASETS, "resources/data/cafa5/train_terms.tsv")["manual"] == "log in"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("resources/data/go_basik/go-basic.obo", "no dataset 'go_basik'; did you mean go_basic?"),
        ("resources/data/xyz/go-basic.obo", "no dataset 'xyz'; datasets: go_basic, cafa5"),
        ("resources/data/go_basic/go.obo", "no file 'go.obo' .*; did you mean go-basic.obo?"),
        ("go-basic.obo", "<dataset>/<file>"),
    ],
)
def test_file_spec_names_what_is_known(path, message):
    with pytest.raises(LexomeError, match=message.replace("?", r"\?")):
        file_spec(DATASETS, path)


def test_backbone_files_derive_their_sources():
    file = {"sha256": None, "size": None}
    hub = {"hub": "facebook/esm", "revision": "c0ffee", "files": {"config.json": file}}
    assert backbone_files(hub) == [{**file, "name": "config.json", "sources": ["hf:facebook/esm@c0ffee!config.json"]}]
    wheel = {"package": "pypi:a==1!a/Model/", "files": {"vocab.txt": file}}
    assert backbone_files(wheel)[0]["sources"] == ["pypi:a==1!a/Model/vocab.txt"]
    own = {**hub, "files": {"config.json": {**file, "sources": ["https://x/config.json"]}}}
    assert backbone_files(own)[0]["sources"] == ["https://x/config.json"]
    assert backbone_files({"init": {}}) == backbone_files({"path": "somewhere"}) == []


def test_backbone_files_leave_the_registry_alone():
    entry = {"hub": "a/b", "revision": "main", "files": {"config.json": {"sha256": None, "size": None}}}
    backbone_files(entry)
    assert entry["files"] == {"config.json": {"sha256": None, "size": None}}
