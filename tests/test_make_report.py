"""The figure scripts and the report on a small study: one page that holds everything and loads nothing."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import explained_dna
import make_report
import plot_comparison
import plot_examples
import plot_predictions
import plot_training
from lexome import look
from lexome.errors import LexomeError

REPOSITORY = Path(make_report.__file__).parents[1]
TEMPLATE = REPOSITORY / "resources/report/report.html.j2"
MODELS = ["coin_flip", "naive", "mlp"]
HOSTILE = "<script>alert('x')</script> & \"quoted\" $x_{"
VOID = {"meta", "br", "img", "link", "input", "hr"}
FIGURES = ("frequencies", "lengths", "curves", "predicted", "per_label", "best", "comparison", "paired")


class Page(HTMLParser):
    """Tags, attributes, text and whether every tag is closed in its turn."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.ids, self.links, self.loads, self.text = [], [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        for name, value in attrs:
            if tag == "a" and name == "href":
                self.links.append(value)
            elif name in ("src", "href", "xlink:href", "srcset", "data", "action", "poster"):
                self.loads.append(value)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


FIGURES_OF = {"multi_label": ("auprc", "auroc"), "multi_class": ("precision", "recall", "f1", "auroc")}


def write_study(folder, label_names, example_prefix="P", task="multi_label"):
    """A study with every file that the figures and the report read; returns its entry for `make_report`."""
    rng = np.random.default_rng(0)
    n, n_labels, judged = 60, len(label_names), np.arange(1, len(label_names))
    ids = [f"{example_prefix}{i:03d}" for i in range(n)]
    subset = np.array(["train"] * 36 + ["valid"] * 12 + ["test"] * 12)
    truth = rng.random((n, n_labels)) < 0.4
    truth[:, 1] = True
    if task == "multi_class":
        judged = np.arange(n_labels)
        truth = np.eye(n_labels, dtype=bool)[rng.integers(0, n_labels, n)]
    lengths = rng.integers(30, 500, n).astype("int32")
    labels = [np.flatnonzero(row).astype("int32") for row in truth]
    pd.DataFrame({"id": ids, "sequence": "MK", "length": lengths, "group": range(n), "labels": labels}).to_parquet(
        folder / "examples.parquet"
    )
    noun = {"task": task, "example_noun": "protein", "label_noun": "term", "length_unit": "residues"}
    entries = [{"id": f"T{i}", "name": name} for i, name in enumerate(label_names)]
    (folder / "labels.json").write_text(json.dumps(noun | {"labels": entries}))
    n_train = truth[subset == "train"].sum(axis=0)
    chosen = [entries[i] | {"index": int(i), "n_train": int(n_train[i])} for i in judged]
    (folder / "split.labels.json").write_text(json.dumps(noun | {"labels": chosen}))
    pd.DataFrame({"id": ids, "subset": subset, "group": range(n), "nearest_train": np.float32(0.2)}).to_parquet(
        folder / "split.parquet"
    )

    held = subset != "train"
    rows, differences, costs = [], [], []
    for model in MODELS:
        run = folder / model
        run.mkdir()
        scores = rng.random((held.sum(), len(judged))).astype("float32")
        scores = scores / scores.sum(axis=1, keepdims=True) if task == "multi_class" else scores
        column = pa.FixedSizeListArray.from_arrays(pa.array(scores.ravel()), len(judged))
        columns = {"id": np.array(ids)[held], "subset": subset[held], "scores": column}
        pq.write_table(pa.table(columns), run / "predictions.parquet")
        records = [{"epoch": e, "step": e, "train_loss": 1 / e, "valid_loss": 1 / e} for e in (1, 2)]
        records = [*records, {"event": "best", "epoch": 2}] if model == MODELS[-1] else []
        (run / "history.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        tables = []
        for name in ("valid", "test"):
            table = pd.DataFrame({"id": [f"T{i}" for i in judged], "n_train": n_train[judged]})
            values = {name: rng.random(len(judged)) for name in FIGURES_OF[task]}
            tables.append(table.assign(subset=name, **values))
        pd.concat(tables).to_parquet(run / "per_label.parquet")
        value = round(0.1 + MODELS.index(model) / 10, 1)
        for name in ("valid", "test", "test_distant"):
            for metric in ("term_auprc", "protein_auprc", "term_auroc"):
                row = ("s", "random", name, model, metric, value, value - 0.01, value + 0.01, 12)
                rows.append((*row, 1, "measured"))
                if model != "naive":
                    ends = value - 0.2, value - 0.21, value - 0.19
                    p = (2 / 101, 4 / 101) if model == "mlp" else (0.5, 0.5)
                    differences.append((*row[:4], "naive", metric, *ends, 12, *p))
        if model == "mlp":
            contrast = ("s", "random", "test", "mlp", "coin_flip", "term_auprc", 0.05, 0.04, 0.06, 12, 0.07, 0.07)
            differences.append(contrast)
        if model != "coin_flip":
            costs.append(("s", "random", model, 65.4, 130.8, 22713216, 0.1817, 0.25, 1))
    source = f"Somebody {HOSTILE}, https://example.org/paper"
    rows.append(("s", "random", "test", "theirs", "protein_auprc", 0.265, None, None, None, None, source))
    columns = ["study", "split", "subset", "model", "metric", "value", "low", "high", "n", "seeds", "source"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "comparison.tsv", sep="\t", index=False)
    columns = ["study", "split", "subset", "model", "reference", "metric", "difference", "low", "high", "n"]
    columns += ["p", "p_holm"]
    pd.DataFrame(differences, columns=columns).to_csv(folder / "differences.tsv", sep="\t", index=False)
    columns = ["study", "split", "model", "seconds", "embedding_seconds", "parameters", "energy_wh", "cut", "seeds"]
    pd.DataFrame(costs, columns=columns).to_csv(folder / "costs.tsv", sep="\t", index=False)
    about = {"examples": 12, "repeats": 1, "agreeing": 0, "near_duplicates": 3, "distant": 5, "ceiling": 0.935}
    about["quantiles"] = {"0.5": 0.31}
    about["worst"] = [{"id": ids[50], "nearest": ids[1], "similarity": 0.97}]
    leakage = {"method": "5-mers", "k": 5, "near": 0.5, "distant": 0.3, "groups": n}
    leakage |= {"subsets": {"valid": about, "test": about}, "n": {"train": 36, "valid": 12, "test": 12}}
    (folder / "leakage.json").write_text(json.dumps(leakage))
    counts = [{"step": "sequences read", "n": 1234, "unit": "proteins", "note": HOSTILE}]
    (folder / "prepare.json").write_text(json.dumps({"counts": counts}))
    rows = [{"what": "distinct texts", "n": 54, "share": 0.9, "note": HOSTILE}]
    rows.append({"what": "ceiling: accuracy", "n": None, "share": 0.955, "note": ""})
    (folder / "audit.json").write_text(json.dumps({"rows": rows}))
    look.save(look.message("balance"), folder / "balance.svg")
    look.save(look.message("deletion"), folder / "deletion.svg")
    verdict = {"verdict": f"The attributions mean something {HOSTILE}.", "model": "mlp", "seed": 0, "texts": 30}
    (folder / "deletion.json").write_text(json.dumps(verdict))
    (folder / "own.fasta").write_text(">a\nMK\n")
    figure = {"value": 8.0, "low": 7.0, "high": 9.0}
    adaptation = {"base": "esm", "corpus": {"file": f"{HOSTILE}.fasta"}, "transductive": False, "mask": 0.15}
    adaptation |= {"texts": {"train": 90, "valid": 10}, "head": "kept"}
    adaptation["perplexity"] = {"valid": {"texts": 10, "before": figure, "after": figure, "ratio": figure}}
    adaptation["accuracy"] = {"valid": {"before": figure, "after": figure, "difference": figure}}
    both = dict.fromkeys(("perplexity", "accuracy", "ratio", "difference"), figure)
    adaptation["baselines"] = {"bigram": both}
    (folder / "esm_mine.adaptation.json").write_text(json.dumps(adaptation))
    figures = [
        {
            "path": str(folder / f"{name}.svg"),
            "title": f"Title of {name}",
            "caption": str(TEMPLATE.parent / f"{name}.rst"),
        }
        for name in FIGURES
    ]
    return {
        "title": "Protein function",
        "summary": "What does it do?",
        "models": MODELS,
        "trivial": "naive",
        "headline": ["term_auprc", "protein_auprc"],
        "labels": str(folder / "labels.json"),
        "audit": str(folder / "audit.json"),
        "figures": [{"path": str(folder / "balance.svg"), "title": "Balance", "caption": "Of all."}],
        "prepare": str(folder / "prepare.json"),
        "files": [str(folder / "own.fasta")],
        "datasets": [
            {
                "name": "go",
                "title": "Gene Ontology",
                "version": "2021",
                "licence": "CC BY 4.0",
                "citation": "Ashburner",
                "files": {"go.obo": {"sha256": "a" * 64, "size": 12345}},
            }
        ],
        "backbones": [
            {"name": "esm", "licence": "GPL-3", "citation": "Lin", "kind": "protein", "parameters": 8000000},
            {
                **{"name": "esm_mine", "licence": "GPL-3", "citation": "Lin", "kind": "protein", "parameters": 8000000},
                "adapt": {"backbone": "esm"},
                "adaptation": str(folder / "esm_mine.adaptation.json"),
            },
        ],
        "splits": {
            "random": {
                "comparison": str(folder / "comparison.tsv"),
                "differences": str(folder / "differences.tsv"),
                "costs": str(folder / "costs.tsv"),
                "leakage": str(folder / "leakage.json"),
                "assignment": str(folder / "split.parquet"),
                "split_labels": str(folder / "split.labels.json"),
                "figures": figures,
                "explained": {
                    "verdict": str(folder / "deletion.json"),
                    "page": str(folder / "attention.html"),
                    "figures": [{"path": str(folder / "deletion.svg"), "title": "Without words", "caption": "Of few."}],
                },
            }
        },
    }


def draw_predictions(folder):
    """Run plot_predictions on a study of `write_study`."""
    inputs = ("examples.parquet", "split.parquet", "split.labels.json", "comparison.tsv")
    runs = [[str(folder / model / name) for model in MODELS] for name in ("predictions.parquet", "per_label.parquet")]
    outputs = [str(folder / f"{name}.svg") for name in ("predicted", "per_label", "best")]
    plot_predictions.plot_predictions(
        *(str(folder / name) for name in inputs), *runs, MODELS, "naive", ["term_auprc"], *outputs
    )


def draw(folder):
    """Run the four figure scripts on a study of `write_study`."""
    out = {name: str(folder / f"{name}.svg") for name in FIGURES}
    inputs = ("examples.parquet", "labels.json", "split.parquet", "split.labels.json")
    plot_examples.plot_examples(*(str(folder / name) for name in inputs), out["frequencies"], out["lengths"])
    draw_predictions(folder)
    histories = [str(folder / model / "history.jsonl") for model in MODELS]
    plot_training.plot_training(histories, [f"{m}/seed0" for m in MODELS], MODELS, "naive", out["curves"])
    metrics = ["term_auprc", "protein_auprc"]
    tables = (str(folder / f"{name}.tsv") for name in ("comparison", "differences"))
    plot_comparison.plot_comparison(*tables, metrics, MODELS, "naive", 0.9, out["comparison"], out["paired"])


def write_report(folder, studies):
    config = {"studies": {"s": {"note": HOSTILE}}, "bootstrap": {"level": 0.9, "replicates": 100}}
    (folder / "benchmarks/train").mkdir(parents=True)
    (folder / "benchmarks/train/a.tsv").write_text("s\tmax_rss\tcpu_time\n61\t120.5\t-\n")
    out = folder / "report.html", folder / "summary.txt"
    make_report.make_report(studies, config, str(folder / "benchmarks"), str(TEMPLATE), *map(str, out))
    return tuple(path.read_text(encoding="utf-8") for path in out)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    study = write_study(folder, [f"function {i}" for i in range(8)])
    draw(folder)
    html, summary = write_report(folder, {"s": study})
    return html, Page(html), summary


def test_the_page_is_whole(report):
    html, page, _ = report
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    local = [link[1:] for link in page.links if link.startswith("#")]
    assert set(local) <= set(page.ids)
    assert len(local) > 8
    assert "{{" not in html
    assert "{%" not in html


def test_the_page_loads_nothing(report):
    html, page, _ = report
    assert [value for value in page.loads if not value.startswith(("data:", "#"))] == []
    assert "@import" not in html
    assert not [tag for tag, attributes in page.tags if tag in ("link", "iframe", "object", "embed")]
    assert not [attributes for tag, attributes in page.tags if tag == "script" and attributes]
    policies = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies[0].startswith("default-src 'none'")
    assert "https://example.org/paper" in page.links  # a citation may be followed


def test_the_page_has_every_section_figure_and_fact(report):
    html, page, _ = report
    text = " ".join(" ".join(page.text).split())
    for name in (
        "headline",
        "study-1",
        "study-1-data",
        "study-1-examples",
        "study-1-split-1",
        "costs",
        "reproducibility",
    ):
        assert name in page.ids
    titles = [
        "Balance",
        *(f"Title of {name}" for name in FIGURES),
        "Without words",
    ]  # those of the whole study go first
    for number, title in enumerate(titles, start=1):
        assert f"Figure {number}. {title}." in text
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert [picture["aria-label"] for picture in pictures] == titles
    assert "ceiling: accuracy 95.5%" in text
    assert "93.5%" in text
    assert "1 repeat a training protein, 0 of them with its labels" in text
    assert "What mlp looks at" in text
    assert "The attributions mean something" in text
    links = [attributes.get("href", "") for tag, attributes in page.tags if tag == "a"]
    assert any(link.endswith("attention.html") and "://" not in link and not link.startswith("/") for link in links)
    assert "mlp against coin_flip" in text  # a contrast
    assert text.count("+0.050 +0.040 to +0.060") == 1  # which is in no other table
    assert "+0.100 +0.090 to +0.110 p < 0.04" in text  # the smallest p that 100 replicates resolve, twice
    assert "p 0.5" in text
    assert "p 0.07" not in text  # a single contrast is not adjusted
    assert text.count("adjusted for all differences of a column (Holm)") == 1
    assert "mlp beats naive by 0.100 [0.090–0.110] in term auPRC on test" in text
    assert "3 of 12 test proteins (25.0%) have a near-duplicate" in text
    assert "7 of 8 terms are judged" in text
    assert "90 % bootstrap intervals" in text
    for fact in (
        "1,234",
        "CC BY 4.0",
        "a" * 64,
        "1 min 01 s",
        "120 MB",
        "snakemake",
        "copyleft",
        "own.fasta",
    ):
        assert fact in text, fact
    assert "esm trained on to tell 15% masked tokens of 90 texts" in text
    assert "adapted from esm" in text
    assert "the random split" in text  # captions are filled in
    assert "snakemake.wildcards" not in html


def test_the_tables_hold_the_figures(report):
    _, page, _ = report
    values = [attributes.get("data-value") for tag, attributes in page.tags if tag == "td"]
    assert {"0.3", "0.2", "0.1", "0.265"} <= set(values)
    regions = [attributes for _, attributes in page.tags if attributes.get("role") == "region"]
    assert all(region["tabindex"] == "0" and region["aria-label"] for region in regions)


def test_what_a_model_cost_stands_beside_its_figures_and_nowhere_else(report):
    html, page, _ = report
    start = html.index("Headline metrics of Protein function")
    table = Page(html[html.index("<table", start) : html.index("</table>", start) + 8])
    text = " ".join(" ".join(table.text).split())
    assert "training embedding parameters energy estimate cut texts" in text
    assert text.count("1 min 05 s") == text.count("22.7 M") == text.count("180 mWh") == 2  # not known of coin_flip
    assert html.count("22.7 M") == 2
    assert "10 W for every busy processor core" in " ".join(page.text)


def test_a_study_of_classes_has_figures_and_captions_of_its_own(tmp_path, monkeypatch):
    study = write_study(tmp_path, [f"class {i}" for i in range(3)], task="multi_class")
    drawn = []
    confusion = plot_predictions.classfigures.confusion_and_calibration
    monkeypatch.setattr(
        plot_predictions.classfigures,
        "confusion_and_calibration",
        lambda *arguments: drawn.append(arguments) or confusion(*arguments),
    )
    draw(tmp_path)
    assert drawn[0][0].sum() == 12  # test examples
    assert drawn[0][3:5] == (["class 0", "class 1", "class 2"], "mlp")
    html, _ = write_report(tmp_path, {"s": study})
    page = Page(html)
    assert page.open == []
    text = " ".join(" ".join(page.text).split())
    assert "by true and predicted class" in text
    assert "one column a label" not in text
    for word in ("precision on test", "recall on test", "F1 on test", "Calibration: ECE"):
        assert word in text


def test_intervals_of_classes_come_from_the_comparison():
    rows = [("test", "mlp", "a_recall", 0.1, 0.2, "measured"), ("valid", "mlp", "b_recall", 0.3, 0.4, "measured")]
    table = pd.DataFrame(rows, columns=["subset", "model", "metric", "low", "high", "source"])
    found = plot_predictions.class_intervals(table, ["b", "a"], "recall", ["mlp", "naive"])
    np.testing.assert_array_equal(found["mlp"], [[np.nan, np.nan], [0.1, 0.2]])
    assert np.isnan(found["naive"]).all()


def dna_study(folder, **changes):
    """A study whose network is explained: the entry for `make_report`; `changes` go to the tables."""
    study = write_study(folder, [f"function {i}" for i in range(4)])
    study["splits"]["random"]["figures"] = []
    inside = folder / "inside"
    explained_dna.write_explained(inside, each=1, length=80)
    for write in changes.get("rewrite", ()):
        write(inside)
    look.save(look.message("scores"), inside / "attribution_scores.svg")
    tables = {
        "scores": str(inside / "attribution_scores.tsv"),
        **{name: str(inside / f"{name}.tsv") for name in ("motifs", "marginal")},
        "convergence": str(inside / "convergence.json"),
    }
    figure = {"path": str(inside / "attribution_scores.svg"), "title": "Sites", "caption": "Of sites."}
    run = {"page": str(folder / "heatmaps_all.pdf"), "model": "conv", "seed": 3, "tables": tables, "figures": [figure]}
    study["splits"]["random"]["explained"] = run
    return study


def test_a_network_on_dna_is_looked_into(tmp_path):
    html, _ = write_report(tmp_path, {"s": dna_study(tmp_path)})
    page = Page(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    text = " ".join(" ".join(page.text).split())
    assert "Look inside conv" in text
    assert "In-silico mutagenesis finds the implanted sites, of every factor at least 5 times chance" in text
    assert "Of the run with seed 3" in text
    assert "heatmaps_all.pdf" in page.links
    assert "mean of all implants 0.060 0.900 0.860–0.940" in text
    assert "mutagenesis auPRC gradient × input auPRC int. gradients auPRC" in text
    assert "The 8 motifs found" in text
    assert "SRF positive 1 120 NNCCATATATGG SRF MA0100.1 3e-08 yes" in text
    assert "SRF 0.990 0.010 yes" in text
    assert "Sites. Of sites." in text
    tones = [attributes.get("class") for tag, attributes in page.tags if tag == "li" and "class" in attributes]
    assert tones.count("yes") == 6
    assert tones.count("no") == 1  # DeepLIFT/SHAP of the fixture does not add up


def test_a_network_that_fails_is_told_so(tmp_path):
    factors = list(explained_dna.SITES)
    low = explained_dna.VALUES | {"ism": 0.2, "pwm": 0.6}
    rewrite = (
        lambda folder: explained_dna.write_scores(folder, factors, values=low),
        lambda folder: explained_dna.write_motifs(folder, factors, np.random.default_rng(0), stranger="MAX"),
        lambda folder: explained_dna.write_marginal(folder, factors, motif_string=0.4, own=-3),
    )
    html, _ = write_report(tmp_path, {"s": dna_study(tmp_path, rewrite=rewrite)})
    text = " ".join(" ".join(Page(html).text).split())
    assert "finds the implanted sites, but less than 5 times chance of SRF, MAX, CTCF and GABPA" in text
    assert "A scan with the known motifs finds them better" in text
    assert "for 3 of 4 factors (SRF, CTCF and GABPA; TOMTOM's q at most 3e-08, in the pattern of most seqlets" in text
    assert "no known motif is nearer); not for MAX" in text
    assert "raises its logit, and more than any other motif does, for 0 of 4 factors" in text
    assert "is failed by 4 of 4 factors" in text


def test_unknown_labels_are_drawn_as_unknown(tmp_path, monkeypatch):
    write_study(tmp_path, [f"function {i}" for i in range(5)])
    table = pd.read_parquet(tmp_path / "examples.parquet")
    table["measured"] = [[0, 2, 3] if place % 2 else None for place in range(len(table))]
    table["labels"] = [[0, 2, 4]] * len(table)  # 4 is not measured of every second one
    table.to_parquet(tmp_path / "examples.parquet")
    drawn = []
    monkeypatch.setattr(plot_predictions, "save", lambda figure, path: drawn.append(figure))
    draw_predictions(tmp_path)
    left, right = (axes.images[0].get_array() for axes in drawn[0].axes[:2])
    assert left.mask.sum() == 6 * 2  # of 4 judged labels, two are not measured of 6 of the 12 test examples
    assert not np.ma.getmaskarray(right).any()
    assert left.sum() == 12 + 6  # label 2 of all, label 4 of those of which it is known
    assert "not known whether the protein has the term" in drawn[0].legends[0].get_texts()[0].get_text()


def test_summary_has_one_line_a_split(report):
    _, _, summary = report
    assert summary == (
        "s/random: term auPRC mlp 0.300 [0.290-0.310] vs naive 0.200 (12 proteins, 12 terms; distant test "
        "0.300 [0.290-0.310] vs 0.200; published 0.265 is protein auPRC, where mlp has 0.300 [0.290-0.310] and "
        "naive 0.200)\n"
    )


def test_hostile_names_are_shown_and_do_nothing(tmp_path):
    study = write_study(tmp_path, [HOSTILE, *(f"{HOSTILE} {i}" for i in range(6))], example_prefix="<i>P")
    draw(tmp_path)
    study |= {"title": HOSTILE, "summary": HOSTILE}
    study["datasets"] = [{"name": HOSTILE, "title": HOSTILE, "licence": HOSTILE, "citation": HOSTILE}]
    study["splits"]["random"]["figures"][0] |= {"title": HOSTILE, "caption": HOSTILE}
    html, _ = write_report(tmp_path, {HOSTILE: study})
    page = Page(html)
    assert page.open == []
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not [tag for tag, _ in page.tags if tag == "i"]
    assert html.count("<script") == 1
    assert HOSTILE in "".join(page.text)


def test_no_study_is_a_page_too(tmp_path):
    html, summary = write_report(tmp_path, {})
    assert Page(html).open == []
    assert summary == ""


def test_the_drawn_model_is_chosen_on_valid(tmp_path, monkeypatch):
    write_study(tmp_path, [f"function {i}" for i in range(5)])
    table = pd.read_csv(tmp_path / "comparison.tsv", sep="\t")
    table.loc[(table["model"] == "coin_flip") & (table["subset"] == "valid"), "value"] = 0.99
    table.to_csv(tmp_path / "comparison.tsv", sep="\t", index=False)
    drawn = []
    heatmaps = plot_predictions.figures.annotation_heatmaps
    monkeypatch.setattr(
        plot_predictions.figures,
        "annotation_heatmaps",
        lambda truth, scores, *about, **known: (
            drawn.append((about[0], scores)) or heatmaps(truth, scores, *about, **known)
        ),
    )
    monkeypatch.setattr(plot_predictions, "save", lambda figure, path: None)
    draw_predictions(tmp_path)
    scores = pq.read_table(tmp_path / "coin_flip/predictions.parquet").to_pandas()
    expected = np.stack(scores.loc[scores["subset"] == "test", "scores"])
    assert drawn[0][0] == "coin_flip"
    np.testing.assert_array_equal(drawn[0][1], expected)


def test_figures_by_label():
    table = pd.DataFrame({"id": ["b", "a", "a"], "subset": ["test", "test", "valid"], "auprc": [0.2, 0.1, 0.9]})
    np.testing.assert_array_equal(plot_predictions.label_values(table, ["a", "b", "c"], "auprc"), [0.1, 0.2, np.nan])
    parts = [np.array([0.2, np.nan, np.nan]), np.array([0.4, 0.3, np.nan])]
    np.testing.assert_allclose(plot_predictions.mean_defined(parts), [0.3, 0.3, np.nan])
    assert plot_predictions.label_metric(["protein_auprc", "term_auroc"], "term") == "auroc"
    assert plot_predictions.label_metric(["accuracy"], "class") == "auprc"


def test_labels_are_counted():
    labels = pd.Series([np.array([0, 2]), np.array([2]), np.array([], dtype=int)])
    np.testing.assert_array_equal(plot_examples.count_labels(labels, 4), [1, 0, 2, 0])
    np.testing.assert_array_equal(plot_examples.count_labels(labels[:0], 2), [0, 0])


def test_a_broken_history_is_named(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 1}\n\nnot json\n')
    with pytest.raises(LexomeError, match=r"history\.jsonl, line 3: no JSON object"):
        plot_training.read_history(str(path))
