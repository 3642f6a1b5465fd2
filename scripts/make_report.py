"""Write one self-contained HTML report of all studies, and a line a study and split for the screen."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import yaml

from lexome import (
    adaptationtables,
    costtables,
    curve,
    documenttables,
    insidepage,
    maptables,
    page,
    reporting,
    tagtables,
)
from lexome.look import metric_title, model_colours, plural
from lexome.runtime import atomic, read_json
from lexome.sidebyside import side_by_side

ROOT = Path(page.__file__).resolve().parents[2]
FILTERS = {
    "number": reporting.number_text,
    "interval": lambda row, signed=False: reporting.interval_text(row["low"], row["high"], signed=signed),
    "duration": costtables.duration,
    "count": costtables.count_text,
    "energy": costtables.energy_text,
    "metric": metric_title,
    "plural": plural,
    "subset": lambda name: reporting.SUBSET_TITLES.get(name, name),
}


def make_report(
    studies: Mapping[str, Mapping],
    config: Mapping,
    benchmarks: str,
    template: str,
    report_path: str,
    summary_path: str,
    root: str | Path = ROOT,
) -> None:
    """Write the report and the summary.

    Parameters
    ----------
    studies
        By name: `title`, `summary`, `models` (names in the config's order), `trivial`, `headline` (metrics,
        the first one judges), `labels`, `prepare` and `audit` (paths), `figures` of the whole study, `datasets`
        and `backbones` (registry entries, each with its `name`), and `splits`, by name: `comparison`,
        `differences`, `costs`, `leakage`, `assignment`, `split_labels` (paths), `figures`, each with `path`,
        `title` and `caption` (see `page.caption`), and `explained`: None, or of the run that is explained `figures`,
        `page` (a path) and either `verdict` (a path) or `tables` (see `insidepage.describe`), `model` and `seed`.
        If wanted, `documents`: of annotated documents the paths `corpus`, `agreement` and `page` (the last two None
        where no annotators are compared), `beside`: studies whose test figures are told in one table, `files`: paths of
        the user's own input files, which are named with their sha256, `curve`: `table` (path), `metric`, `label`,
        `unit` and `figure`, `folds`: the table of each cross-validation (a path) by name, and of a split
        `maps`: `tables` (see `maptables.describe`), `page` (a path), `figures`, `chosen` and `neighbours`, `errors`:
        the table of a tagger's mistakes (a path) or None, `fold`: whether it is one of a cross-validation.
    config
        The resolved config, shown as YAML.
    benchmarks
        The folder of Snakemake's benchmark files.
    root
        The folder of the workflow, whose version and commit are named.
    """
    counter = itertools.count(1)
    replicates = config.get("bootstrap", {}).get("replicates")
    told = [
        describe_study(name, study, counter, Path(report_path).parent, replicates) for name, study in studies.items()
    ]
    for study, entry in zip(told, studies.values(), strict=True):
        study["beside"] = beside(entry.get("beside", []), studies, entry["headline"])
    config_text = yaml.safe_dump(reporting.plain(config), sort_keys=False, allow_unicode=True, width=100)
    context = {
        "studies": told,
        "level": config.get("bootstrap", {}).get("level", 0.95),
        "costs": costtables.costs(benchmarks),
        "config": config_text,
        "environment": page.environment(root),
        "sources": sources(told),
        "colours": page.theme_colours(),
    }
    html = page.render(template, context, FILTERS)
    lines = []
    for study in told:
        lines += [split["summary"] for split in study["splits"] if not split["fold"]]
        lines += [f"{study['name']}/{folds['name']}: {folds['line']}" for folds in study["folds"]]
    with atomic(report_path) as temporary:
        temporary.write_text(html, encoding="utf-8")
    with atomic(summary_path) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def describe_study(
    name: str, study: Mapping, counter: Iterator[int], report_folder: Path, replicates: int | None
) -> dict:
    """Everything that the template says of one study; `counter` numbers the figures of the page."""
    labels = read_json(study["labels"])
    colours = model_colours(study["models"], study["trivial"])
    described = {
        "name": name,
        "task": labels["task"],
        "nouns": (labels["example_noun"], labels["label_noun"]),
        "n_labels": len(labels["labels"]),
        "colours": {name: page.css_colour(colour) for name, colour in colours.items()},
        "counts": read_json(study["prepare"])["counts"],
        "audit": read_json(study["audit"])["rows"],
        "files": [page.describe_file(path) for path in study.get("files", [])],
        "datasets": [reporting.describe_source(entry) for entry in study["datasets"]],
        "backbones": [describe_backbone(entry, name) for entry in study["backbones"]],
        **{key: study[key] for key in ("title", "summary", "trivial", "headline")},
    }
    names = {label["id"]: label["name"] for label in labels["labels"]}
    described["documents"] = describe_documents(study.get("documents"), names, report_folder)
    described["figures"] = [describe_figure(figure, next(counter), described) for figure in study["figures"]]
    described["curve"] = describe_curve(study.get("curve"), counter, described)
    described["folds"] = [tagtables.describe_folds(told, path, study) for told, path in study.get("folds", {}).items()]
    described["splits"] = [
        describe_split(split, files, described, counter, report_folder, replicates)
        for split, files in study["splits"].items()
    ]
    return described


def describe_documents(files: Mapping | None, names: Mapping[str, str], report_folder: Path) -> dict | None:
    """The corpus and the agreement of its annotators; None of studies without annotated documents."""
    if files is None:
        return None
    page_path = files["page"] and Path(files["page"]).resolve().relative_to(report_folder.resolve()).as_posix()
    return documenttables.describe(files["corpus"], files["agreement"], page_path, names)


def describe_backbone(entry: Mapping, prefix: str) -> dict:
    """A registry entry in the form that the report shows; an adapted one with what became of it.

    `prefix` keeps the ids in its picture apart from those of other studies.
    """
    described = reporting.describe_source(entry)
    if "adaptation" not in entry:
        return described
    told = read_json(entry["adaptation"])
    described |= {
        "adaptation": adaptationtables.adaptation_note(told),
        "masked": adaptationtables.adaptation_rows(told),
        "speed": adaptationtables.speed_note(told),
    }
    if "curve" in entry:
        title = f"Loss of {entry['name']} while it was trained"
        described["curve"] = page.embed_figure(entry["curve"], title, f"{prefix}-{entry['name']}")
    return described


def beside(names: list[str], studies: Mapping[str, Mapping], metrics: list[str]) -> dict | None:
    """The splits of these studies side by side; None where there are none."""
    protocols = [
        {
            "title": f"{studies[name]['title']} ({split})",
            "comparison": reporting.read_table(files["comparison"]),
            "test": read_json(files["leakage"])["subsets"]["test"],
            "models": studies[name]["models"],
        }
        for name in names
        for split, files in studies[name]["splits"].items()
    ]
    return side_by_side(protocols, metrics) if protocols else None


def describe_split(
    name: str,
    files: Mapping,
    study: Mapping,
    counter: Iterator[int],
    report_folder: Path,
    replicates: int | None,
) -> dict:
    """Everything that the template says of one split of a study; `report_folder` is where its links start."""
    comparison, differences = (reporting.read_table(files[key]) for key in ("comparison", "differences"))
    differences = reporting.with_p(differences, study["trivial"], replicates)
    contrasts = differences[differences["reference"] != study["trivial"]]
    differences = differences[differences["reference"] == study["trivial"]]
    leakage = read_json(files["leakage"])
    headline, trivial = study["headline"], study["trivial"]
    judge, best = headline[0], reporting.best_model(comparison, headline[0], trivial)
    metrics, subsets = reporting.ordered_metrics(comparison, headline), reporting.ordered_subsets(comparison)
    shown = [(metric, subset) for metric in headline for subset in subsets if subset != "valid"]
    wanted = {"metric": judge, "model": best}
    return {
        "name": name,
        "sizes": subset_sizes(files["assignment"]),
        "n_judged": len(read_json(files["split_labels"])["labels"]),
        "leakage": leakage,
        "leakage_note": reporting.leakage_note(leakage, study["nouns"][0]),
        "summary": reporting.summary_line(comparison, headline, trivial, study["nouns"]),
        "verdict": reporting.verdict(comparison, differences, judge, trivial),
        "best": best,
        "best_test": reporting.find(comparison, subset="test", **wanted),
        "best_distant": reporting.find(comparison, subset="test_distant", **wanted),
        "trivial_test": reporting.find(comparison, subset="test", metric=judge, model=trivial),
        "trivial_distant": reporting.find(comparison, subset="test_distant", metric=judge, model=trivial),
        "published": [row for metric in headline for row in reporting.published(comparison, metric).to_dict("records")],
        "citations": list(dict.fromkeys(source for source in comparison["source"] if source != "measured")),
        "headline_columns": shown,
        "headline_rows": reporting.pivot(comparison, shown, trivial),
        "difference_rows": reporting.pivot(differences, shown, trivial),
        "contrast_rows": reporting.contrast_rows(contrasts, shown),
        "contrast_notes": reporting.all_contrast_notes(contrasts, headline),
        "metrics": metrics,
        "costs": costtables.model_costs(files["costs"]),
        "all_rows": tables(comparison, metrics, subsets, trivial),
        "all_differences": tables(differences, metrics, subsets, trivial),
        "figures": [describe_figure(figure, next(counter), study, name) for figure in files["figures"]],
        "explained": describe_explained(files["explained"], counter, study, name, report_folder),
        "maps": describe_maps(files.get("maps"), counter, study, name, report_folder),
        "errors": tagtables.describe_errors(files.get("errors")),
        "fold": files.get("fold", False),
    }


def describe_maps(
    maps: Mapping | None, counter: Iterator[int], study: Mapping, split: str, report_folder: Path
) -> dict | None:
    """The maps of a split: tables, verdicts, figures, and the link to their page; None where nothing is mapped."""
    if maps is None:
        return None
    return maptables.describe(maps["tables"], maps["chosen"]) | {
        "figures": [describe_figure(figure, next(counter), study, split) for figure in maps["figures"]],
        "page": Path(maps["page"]).resolve().relative_to(report_folder.resolve()).as_posix(),
        "neighbours": maps["neighbours"],
    }


def describe_curve(told: Mapping | None, counter: Iterator[int], study: Mapping) -> dict | None:
    """A metric against a setting in which studies differ, as a table and a figure; None where there is no curve."""
    if told is None:
        return None
    table = curve.rows_for_people(maptables.read_table(told["table"]), told["metric"])
    figure = describe_figure(told["figure"], next(counter), study)
    return {**table, "figure": figure, **{key: told[key] for key in ("metric", "label", "unit")}}


def describe_explained(
    run: Mapping | None, counter: Iterator[int], study: Mapping, split: str, report_folder: Path
) -> dict | None:
    """The verdict on what a run looks at, its figures, and the link to its page; None where no run is explained."""
    if run is None:
        return None
    figures = [describe_figure(figure, next(counter), study, split) for figure in run["figures"]]
    page_path = Path(run["page"]).resolve().relative_to(report_folder.resolve()).as_posix()
    common = {"figures": figures, "page": page_path}
    if "tables" in run:
        return common | {"inside": insidepage.describe(run["tables"]), "model": run["model"], "seed": run["seed"]}
    told = read_json(run["verdict"])
    return common | {key: told[key] for key in ("verdict", "model", "seed")}


def tables(
    table: pd.DataFrame, metrics: list[str], subsets: list[str], trivial: str
) -> list[tuple[str, list[tuple[str, str]], list[dict]]]:
    """(subset, columns, rows) of a table of all metrics for each subset."""
    columns = {subset: [(metric, subset) for metric in metrics] for subset in subsets}
    return [(subset, own, reporting.pivot(table, own, trivial)) for subset, own in columns.items()]


def sources(studies: list[dict]) -> list[dict]:
    """Every dataset and all pretrained weights that any study uses, each once, by name."""
    entries = [entry for study in studies for key in ("datasets", "backbones") for entry in study[key]]
    return [entry for _, entry in sorted({entry["name"]: entry for entry in entries}.items())]


def describe_figure(figure: Mapping, number: int, study: Mapping, split: str = "") -> dict:
    """A figure with its picture as HTML and its caption filled in; without a split, one of the whole study."""
    caption = page.caption(figure["caption"], study["name"], split, study["task"])
    picture = page.embed_figure(figure["path"], figure["title"], f"figure{number}")
    return {"number": number, "title": figure["title"], "caption": caption, "picture": picture}


def subset_sizes(path: str) -> list[dict]:
    """Examples and groups of every subset of a split."""
    assignment = pd.read_parquet(path, columns=["subset", "group"])
    table = assignment.groupby("subset")["group"].agg(["size", "nunique"])
    rows = [
        {"subset": name, "examples": int(row["size"]), "groups": int(row["nunique"])} for name, row in table.iterrows()
    ]
    order = ["train", "valid", "test"]
    return sorted(rows, key=lambda row: order.index(row["subset"]) if row["subset"] in order else len(order))


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        make_report(
            snakemake.params.studies,
            snakemake.params.config,
            snakemake.params.benchmarks,
            snakemake.input.template,
            snakemake.output.report,
            snakemake.output.summary,
        )
