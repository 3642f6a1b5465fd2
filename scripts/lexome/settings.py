"""Settings: YAML with line numbers, schemas whose errors name the key, registries of data and backbones."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from lexome.errors import LexomeError

TYPE_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Safe YAML that refuses a key given twice, where plain PyYAML keeps the last one in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        first: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int | float | bool | None):
                line = key_node.start_mark.line + 1
                if key in first:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key!r} is given twice (first on line {first[key]}): keep one",
                        problem_mark=key_node.start_mark,
                    )
                first[key] = line
        return super().construct_mapping(node, deep=deep)


def load_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping; an empty file is an empty mapping.

    Raises
    ------
    LexomeError
        If the file is missing, is not YAML, gives a key twice or holds no mapping; with file and line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LexomeError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LexomeError(f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})") from error
    try:
        # The class above derives from PyYAML's safe loader.
        value = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise LexomeError(f"{where}: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise LexomeError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise LexomeError(f"{path}: must hold `key: value` lines, found {_shown(value)}")
    return value


def check(config: Mapping[str, Any], schema: Mapping[str, Any], name: str) -> None:
    """Check settings against a JSON schema (draft 2020-12) and report everything that is wrong at once.

    Parameters
    ----------
    config
        The settings, as read from YAML.
    schema
        The schema, as read from YAML.
    name
        What the settings are called in the message: their file.

    Raises
    ------
    LexomeError
        With one line a mistake: the path of the key, what is wrong, and the nearest known key or value.
    """
    lines = list(_odd_keys(config, ()))
    if not lines:
        validator = jsonschema.Draft202012Validator(schema)
        for error in sorted(validator.iter_errors(config), key=lambda error: error.json_path):
            lines += _describe(error)
    # One missing key may be asked for by several parts of a schema.
    lines = list(dict.fromkeys(lines))
    if lines:
        count = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
        raise LexomeError("\n  ".join([f"{name}: {count}", *lines]))


def _odd_keys(value: Any, path: tuple) -> Iterator[str]:
    """Keys that YAML did not read as text (`1:`, `on:`), which a schema cannot match."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                where = _dotted((*path, str(key)))
                yield f"{where}: keys must be text, found {_shown(key)}: put it in quotes"
            yield from _odd_keys(inner, (*path, str(key)))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _odd_keys(inner, (*path, index))


def _describe(error: jsonschema.ValidationError) -> Iterator[str]:
    path, kind, expected = tuple(error.absolute_path), error.validator, error.validator_value
    where = _dotted(path)
    if kind in ("anyOf", "oneOf"):
        yield from _describe_choice(error)
    elif kind == "additionalProperties" and expected is False:
        known = list(error.schema.get("properties", {}))
        matched = error.schema.get("patternProperties", {})
        for key in error.instance:
            if key not in known and not any(_matches(pattern, key) for pattern in matched):
                yield f"{_dotted((*path, key))}: unknown key{_nearest(key, known, 'keys here')}"
    elif kind == "required":
        for key in expected:
            if key not in error.instance:
                yield f"{_dotted((*path, key))}: missing"
    elif kind == "type":
        value = error.instance
        names = [expected] if isinstance(expected, str) else expected
        hint = ""
        if isinstance(value, str) and {"number", "integer"} & set(names) and _is_number(value):
            hint = f"; YAML reads {value} as text: write it without quotes and with a point (1.0e-3)"
        wanted = " or ".join(TYPE_NAMES[name] for name in names)
        yield f"{where}: expected {wanted}, found {_shown(value)}{hint}"
    elif kind in ("enum", "const"):
        values = expected if kind == "enum" else [expected]
        yield f"{where}: {_short(error.instance)} is not known{_nearest(error.instance, values, 'values')}"
    elif kind == "pattern":
        form = error.schema.get("description", f"the form {expected}")
        yield f"{where}: {_short(error.instance)} does not fit: {form}"
    elif kind == "dependentRequired":
        for key, needed in expected.items():
            for other in needed if key in error.instance else ():
                if other not in error.instance:
                    yield f"{_dotted((*path, other))}: missing ({key} needs it)"
    elif kind == "not" and isinstance(error.instance, Mapping):
        barred = {key for branch in expected.get("anyOf", [expected]) for key in branch.get("required", [])}
        for key in error.instance:
            if key in barred:
                yield f"{_dotted((*path, key))}: cannot stand beside the other keys here"
    else:
        yield f"{where}: {error.message}"


def _describe_choice(error: jsonschema.ValidationError) -> Iterator[str]:
    """`anyOf` and `oneOf`: explain the branch that fits best, which is the one that the user had in mind."""
    where = _dotted(tuple(error.absolute_path))
    branches: dict[int, list[jsonschema.ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    single = [branch["required"] for branch in error.validator_value if set(branch) == {"required"}]
    if len(single) == len(error.validator_value):
        choices = ", ".join(" + ".join(keys) for keys in single)
        yield f"{where}: needs {'exactly' if error.validator == 'oneOf' else 'at least'} one of: {choices}"
    elif not branches:
        yield f"{where}: fits several forms at once, must fit one"
    else:

        def misfit(inner: list[jsonschema.ValidationError]) -> tuple:
            # A branch that fails at the value itself was not meant; one that fails deeper inside was.
            at_top = any(e.validator in ("type", "enum", "const") and len(e.path) <= 1 for e in inner)
            return at_top, len(inner)

        for inner in min(branches.values(), key=misfit):
            yield from _describe(inner)


def _dotted(path: Iterable) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) and not isinstance(part, bool) else f".{part}"
    return text.removeprefix(".") or "(top level)"


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _shown(value: Any) -> str:
    text = _short(value)
    # bool before int: in Python True is an int as well.
    for types, name in ((bool, ""), (int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, types):
            return f"{text} ({TYPE_NAMES[name]})" if name else text
    return text if value is None else f"{text} (a mapping)"


def _nearest(value: Any, known: Iterable, what: str) -> str:
    names = [str(k) for k in known]
    close = difflib.get_close_matches(str(value), names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; {what}: {', '.join(names)}" if names else ""


def _matches(pattern: str, key: str) -> bool:
    return jsonschema.Draft202012Validator({"pattern": pattern}).is_valid(key)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def file_spec(datasets: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """What the download stage must know of one file of a dataset.

    Parameters
    ----------
    datasets
        `config/datasets.yaml`.
    path
        `resources/data/<dataset>/<file>`; the last two parts are read.

    Returns
    -------
    dict
        `name`, `sha256`, `size`, `sources`, and `unpack` and `manual` where the registry gives them.

    Raises
    ------
    LexomeError
        If the dataset or the file is not in the registry; the message names those that are.
    """
    parts = Path(path).parts
    if len(parts) < 2:
        raise LexomeError(f"{path}: a file to download is written resources/data/<dataset>/<file>")
    dataset, name = parts[-2:]
    if dataset not in datasets:
        raise LexomeError(
            f"{path}: config/datasets.yaml has no dataset {dataset!r}"
            f"{_nearest(dataset, datasets, 'datasets')} (a file of your own may lie anywhere else)"
        )
    files = datasets[dataset]["files"]
    if name not in files:
        raise LexomeError(
            f"{path}: the dataset {dataset} has no file {name!r} in config/datasets.yaml"
            f"{_nearest(name, files, 'files')}"
        )
    spec = {"name": name, **files[name]}
    if "manual" in datasets[dataset]:
        spec["manual"] = datasets[dataset]["manual"]
    return spec


def backbone_files(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files of a backbone to fetch, each with its sources.

    Parameters
    ----------
    entry
        An entry of `config/backbones.yaml`: `hub` + `revision`, or `package`, or sources at each file.

    Returns
    -------
    list of dict
        `name`, `sha256`, `size` and `sources`; empty for `path` (used where it lies) and `init` (made here).
    """
    specs = []
    for name, file in entry.get("files", {}).items():
        spec = {"sha256": None, "size": None, **file, "name": name}
        if "hub" in entry:
            spec.setdefault("sources", [f"hf:{entry['hub']}@{entry['revision']}!{name}"])
        elif "package" in entry:
            spec.setdefault("sources", [f"{entry['package'].rstrip('/')}/{name}"])
        specs.append(spec)
    return specs
