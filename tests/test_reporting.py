"""What the report says: verdicts, summary lines, tables, leakage notes, costs and licences."""

import json
import subprocess
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
import pytest

from lexome import adaptationtables, page, reporting
from lexome.errors import LexomeError
from lexome.look import GRID, INK, PALETTE

COLUMNS = ["study", "split", "subset", "model", "metric", "value", "low", "high", "n", "seeds", "source"]
ROWS = [
    ("test", "naive", "term_auprc", 0.027, 0.02, 0.04, 268),
    ("valid", "naive", "term_auprc", 0.028, 0.02, 0.04, 262),
    ("test", "mlp", "term_auprc", 0.312, 0.295, 0.331, 268),
    ("valid", "mlp", "term_auprc", 0.300, 0.28, 0.32, 262),
    ("test_distant", "mlp", "term_auprc", 0.2, 0.15, 0.25, 200),
    ("test", "logistic", "term_auprc", 0.35, 0.33, 0.37, 268),
    ("valid", "logistic", "term_auprc", 0.290, 0.27, 0.31, 262),
    ("test", "naive", "protein_auprc", 0.25, 0.24, 0.26, 981),
    ("test", "mlp", "protein_auprc", 0.41, 0.4, 0.42, 981),
]
PUBLISHED = [
    ("test", "book", "protein_auprc", 0.265, "The book"),
    ("valid", "book", "protein_auprc", 0.9, "The book"),
]
HEADLINE = ["term_auprc", "protein_auprc"]
NOUNS = ("protein", "term")


def comparison(rows=ROWS, published=PUBLISHED):
    table = [("s", "random", *row, 3, "measured") for row in rows]
    table += [("s", "random", *row[:4], np.nan, np.nan, np.nan, np.nan, row[4]) for row in published]
    return pd.DataFrame(table, columns=COLUMNS)


def differences(low, high, subset="test", model="mlp", metric="term_auprc"):
    row = {"subset": subset, "model": model, "reference": "naive", "metric": metric}
    return pd.DataFrame([row | {"difference": (low + high) / 2, "low": low, "high": high, "n": 268}])


def test_the_best_model_is_chosen_on_valid_alone():
    table = comparison()
    assert reporting.best_model(table, "term_auprc", "naive") == "mlp"  # logistic is better on test
    table.loc[table["subset"] != "valid", "value"] = 0.0
    assert reporting.best_model(table, "term_auprc", "naive") == "mlp"
    assert reporting.best_model(table, "protein_auprc", "naive") is None  # a published valid figure is no model


def test_the_best_model_of_a_metric_where_lower_is_better():
    rows = [("valid", name, "smin", value, value, value, 9) for name, value in (("a", 2.0), ("b", 1.0), ("c", 3.0))]
    assert reporting.best_model(comparison(rows, []), "smin", "c") == "b"


def test_summary_line():
    assert reporting.summary_line(comparison(), HEADLINE, "naive", NOUNS) == (
        "s/random: term auPRC mlp 0.312 [0.295-0.331] vs naive 0.027 (981 proteins, 268 terms; "
        "distant test 0.200 [0.150-0.250] vs undefined; published 0.265 is protein auPRC, where mlp has "
        "0.410 [0.400-0.420] and naive 0.250)"
    )


def test_summary_line_of_a_published_headline_metric():
    table = comparison(published=[("test", "book", "term_auprc", 0.3, "The book")])
    assert reporting.summary_line(table, ["term_auprc"], "naive").endswith(
        "vs naive 0.027 (distant test 0.200 [0.150-0.250] vs undefined; published 0.300)"
    )


def test_summary_line_without_another_model_or_value():
    only = comparison([ROWS[0]], [])
    line = reporting.summary_line(only, HEADLINE, "naive", NOUNS)
    assert line == "s/random: term auPRC naive 0.027 [0.020-0.040], no other model"
    valid = comparison([ROWS[3]], [])
    assert reporting.summary_line(valid, HEADLINE, "naive", NOUNS) == (
        "s/random: term auPRC mlp undefined vs naive undefined"
    )


def test_verdict_needs_an_interval_on_the_better_side_of_zero():
    table = comparison()
    good = reporting.verdict(table, differences(0.23, 0.27), "term_auprc", "naive")
    assert good == {"tone": "yes", "text": "mlp beats naive by 0.250 [0.230–0.270] in term auPRC on test."}
    doubtful = reporting.verdict(table, differences(-0.01, 0.03), "term_auprc", "naive")
    assert doubtful["tone"] == "no"
    assert doubtful["text"] == (
        "No model clearly beats the trivial baseline: mlp differs from naive by +0.010 [−0.010 to +0.030] "
        "in term auPRC on test."
    )
    assert reporting.verdict(table, differences(-0.2, -0.1), "term_auprc", "naive")["tone"] == "no"


def test_verdict_does_not_switch_to_the_winner_on_test():
    both = pd.concat([differences(-0.01, 0.03), differences(0.1, 0.2, model="logistic")])
    text = reporting.verdict(comparison(), both, "term_auprc", "naive")["text"]
    assert text.startswith("The model chosen on valid does not beat the trivial baseline: mlp differs")


def test_verdict_speaks_of_distant_test():
    near = differences(0.23, 0.27)
    held = pd.concat([near, differences(0.1, 0.2, "test_distant")])
    assert reporting.verdict(comparison(), held, "term_auprc", "naive")["text"].endswith(
        "on test, and by 0.150 [0.100–0.200] on distant test."
    )
    lost = pd.concat([near, differences(-0.1, 0.2, "test_distant")])
    assert reporting.verdict(comparison(), lost, "term_auprc", "naive")["text"].endswith(
        "; on distant test it does not (+0.050 [−0.100 to +0.200])."
    )


def test_verdict_where_lower_is_better():
    rows = [("valid", name, "smin", value, value, value, 9) for name, value in (("mlp", 1.0), ("naive", 3.0))]
    found = reporting.verdict(comparison(rows, []), differences(-2.5, -1.5, metric="smin"), "smin", "naive")
    assert found == {"tone": "yes", "text": "mlp beats naive by 2.000 [1.500–2.500] in Smin on test."}


def test_verdict_without_anything_to_compare():
    nothing = reporting.verdict(comparison([ROWS[1]], []), differences(0, 1), "term_auprc", "naive")
    assert nothing["tone"] == "unknown"
    missing = reporting.verdict(comparison(), differences(0, 1, "valid"), "term_auprc", "naive")
    assert missing["tone"] == "unknown"


def test_tables_are_read_with_names_as_text(tmp_path):
    table = comparison()
    table.loc[0, "model"] = "NA"
    table.loc[1, "model"] = "007"
    table.to_csv(tmp_path / "c.tsv", sep="\t", index=False)
    read = reporting.read_table(tmp_path / "c.tsv")
    assert list(read["model"][:2]) == ["NA", "007"]
    pd.testing.assert_series_equal(read["value"], table["value"])
    assert np.isnan(read["low"].iloc[-1])


def test_pivot_has_a_row_a_model_the_best_first_and_the_cells_in_order():
    columns = [("term_auprc", "test"), ("term_auprc", "test_distant"), ("protein_auprc", "test")]
    rows = reporting.pivot(comparison(), columns, "naive")
    assert [row["model"] for row in rows] == ["logistic", "mlp", "naive", "book"]
    mlp, book = rows[1], rows[3]
    assert [cell and cell["value"] for cell in mlp["cells"]] == [0.312, 0.2, 0.41]
    assert mlp["cells"][0] == {"value": 0.312, "low": 0.295, "high": 0.331, "n": 268, "excludes_0": True, "p": ""}
    assert (mlp["seeds"], book["seeds"]) == (3, None)
    assert [row["trivial"] for row in rows] == [False, False, True, False]
    assert book["published"]
    assert book["source"] == "The book"
    assert book["cells"] == [
        None,
        None,
        {"value": 0.265, "low": None, "high": None, "n": None, "excludes_0": False, "p": ""},
    ]


def test_pivot_of_differences():
    table = pd.concat([differences(0.1, 0.3), differences(-0.1, 0.3, model="logistic")])
    rows = reporting.pivot(table, [("term_auprc", "test")], "naive")
    assert [(row["model"], row["cells"][0]["excludes_0"]) for row in rows] == [
        ("mlp", True),
        ("logistic", False),
    ]


def test_metrics_and_subsets_in_the_order_of_the_report():
    table = comparison()
    assert reporting.ordered_metrics(table, ["term_auprc", "absent"]) == ["term_auprc", "protein_auprc"]
    assert reporting.ordered_subsets(table) == ["test", "test_distant", "valid"]


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.3125, False, "0.312"),
        (-0.05, False, "−0.050"),
        (0.05, True, "+0.050"),
        (-1234.5, True, "−1,234"),
        (12.34, False, "12.3"),
    ],
)
def test_numbers(value, signed, text):
    assert reporting.number_text(value, signed) == text


def test_leakage_note():
    leakage = {"near": 0.5, "distant": 0.05, "subsets": {"test": {"examples": 200, "repeats": 0, "agreeing": 0}}}
    leakage["subsets"]["test"] |= {"near_duplicates": 42, "distant": 80}
    note = reporting.leakage_note(leakage, "protein")
    assert note.startswith("42 of 200 test proteins (21.0%) have a near-duplicate in training (similarity 0.5 or more)")
    assert "80 are distant from all of training (below 0.05)." in note
    assert note.endswith("not meaning.")
    kmers = reporting.leakage_note(leakage | {"k": 5, "method": "containment of distinct 5-mers"}, "protein")
    assert "about 87% and 55% sequence identity" in kmers
    assert reporting.leakage_note({"subsets": {}}, "protein") == "There is no test subset to check."


@pytest.mark.parametrize(
    ("licence", "flag"),
    [
        ("GPL-3.0-only", "copyleft"),
        ("GNU General Public License v3", "copyleft"),
        ("LGPLv2", "copyleft"),
        ("CC BY-SA 4.0", "copyleft"),
        ("CC-BY-NC-SA-4.0", "non-commercial"),
        ("CC BY 4.0", None),
        ("MIT; see the example", None),
        ("Apache-2.0", None),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_licence_flags(licence, flag):
    assert reporting.licence_flag(licence) == flag


def test_sources_are_described_whatever_their_entry_leaves_out():
    bare = reporting.describe_source({"name": "mine"})
    assert (bare["title"], bare["version"], bare["flag"], bare["files"]) == ("mine", "", "unknown", [])
    entry = {
        "name": "b",
        "licence": "GPL-3",
        "hub": "x/y",
        "revision": "abc",
        "files": {"w": {"sha256": "0" * 64}},
    }
    full = reporting.describe_source(entry)
    assert (full["version"], full["flag"]) == ("abc", "copyleft")
    assert full["files"] == [{"name": "w", "sha256": "0" * 64, "size": None}]
    assert reporting.describe_source({"name": "b", "init": {"seed": 0}})["version"] == "random weights"
    assert reporting.describe_source({"name": "b", "adapt": {"backbone": "a"}})["version"] == "adapted from a"


def adaptation(**changes):
    """What adapt_backbone leaves for the report."""
    figures = {
        name: {"value": value, "low": value - 0.1, "high": value + 0.1}
        for name, value in (("before", 8.0), ("after", 4.0), ("ratio", 0.5))
    }
    told = {"base": "bert", "corpus": {"study": "s", "split": "official", "subsets": ["train", "left_out"]}}
    told |= {"transductive": False, "mask": 0.15, "texts": {"train": 1800, "valid": 200}, "head": "kept"}
    return told | {"perplexity": {"valid": figures | {"texts": 200, "masked_tokens": 900}}} | changes


def test_an_adaptation_is_told_with_its_perplexities():
    note = adaptationtables.adaptation_note(adaptation())
    assert note == (
        "bert trained on to tell 15% masked tokens of 1,800 texts (train and left out of s, official split; no valid "
        "or test text to the letter). Perplexity of 200 other texts: 8.000 [7.900–8.100] before, 4.000 [3.900–4.100] "
        "after, ratio 0.500 [0.400–0.600]."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"transductive": True}, "they may hold valid and test texts, without labels"),
        ({"head": "new"}, "before (with a new head, trained on the unadapted weights; it learns on"),
        ({"corpus": {"file": "left_out/x.txt"}}, "(left_out/x.txt; no valid"),
    ],
)
def test_what_is_special_about_an_adaptation_is_said(changes, words):
    assert words in adaptationtables.adaptation_note(adaptation(**changes))
    assert words not in adaptationtables.adaptation_note(adaptation())


MATPLOTLIB = (
    '<?xml version="1.0"?><!DOCTYPE svg><svg width="72pt" height="72pt" viewBox="0 0 72 72" '
    'xmlns="http://www.w3.org/2000/svg"><metadata>Matplotlib, https://matplotlib.org/</metadata>'
    "<style>*{x: y}</style><defs>"
    f'<path id="m1" style="fill: {INK}; stroke: {PALETTE[3]}"/></defs><g clip-path="url(#p1)">'
    f'<use href="#m1" style="fill: {GRID}"/></g></svg>'
)


def test_figures_of_matplotlib_become_part_of_the_page(tmp_path):
    (tmp_path / "a.svg").write_text(MATPLOTLIB)
    html = page.embed_figure(tmp_path / "a.svg", 'an "alt" <b>', "f1")
    assert html.startswith('<svg viewBox="0 0 72 72" role="img" aria-label="an &#34;alt&#34; &lt;b&gt;">')
    assert 'id="f1-m1"' in html
    assert 'href="#f1-m1"' in html
    assert "url(#f1-p1)" in html
    assert "fill: var(--ink); stroke: var(--model3)" in html
    assert "fill: var(--grid)" in html
    assert "http" not in html
    assert "<style" not in html


def test_other_pictures_are_kept_apart_from_the_page(tmp_path):
    (tmp_path / "a.svg").write_text("<svg><script>alert(1)</script></svg>")
    html = page.embed_figure(tmp_path / "a.svg", '"', "f1")
    assert html.startswith('<img alt="&#34;" src="data:image/svg+xml;base64,')
    assert "<script" not in html
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    assert 'src="data:image/png;base64,iVBORw=="' in page.embed_figure(tmp_path / "a.png", "x", "f1")
    with pytest.raises(LexomeError, match=r"a\.pdf: a figure of the report must be one of \.png"):
        page.embed_figure(tmp_path / "a.pdf", "x", "f1")


def test_captions_are_given_or_filled_in(tmp_path):
    assert page.caption("As it is.", "s", "random", "multi_label") == "As it is."
    path = tmp_path / "a.rst"
    path.write_text("The {{ snakemake.wildcards.split }} split\nof {{ snakemake.wildcards.study }}.\n")
    assert page.caption(str(path), "s", "random", "multi_label") == "The random split of s."


def test_a_caption_speaks_of_the_task_where_it_is_known(tmp_path):
    path = tmp_path / "a.rst"
    path.write_text(
        '{% if task != "multi_class" %}Labels.{% endif %} {% if task != "multi_label" %}Classes.{% endif %}'
    )
    assert page.caption(str(path), "s", "random", "multi_label") == "Labels."
    assert page.caption(str(path), "s", "random", "multi_class") == "Classes."


@pytest.mark.parametrize("name", ["predicted", "per_label", "best"])
def test_captions_of_predictions_suit_either_task_and_none(name):
    path = Path(page.__file__).parents[2] / "resources" / "report" / f"{name}.rst"
    of_labels, of_classes = (page.caption(str(path), "s", "random", task) for task in ("multi_label", "multi_class"))
    assert of_labels
    assert of_classes
    assert of_labels not in of_classes
    context = {"snakemake": {"wildcards": {"study": "s", "split": "random"}}}
    both = " ".join(jinja2.Template(path.read_text()).render(context).split())
    assert both.startswith(of_labels)
    assert both.endswith(of_classes)


def test_theme_colours_are_lighter_on_dark_paper():
    for _, light, dark in page.theme_colours():
        assert int(dark[1:3], 16) + int(dark[3:5], 16) > int(light[1:3], 16) + int(light[3:5], 16)
    assert page.css_colour(PALETTE[2]) == "var(--model2)"
    assert page.css_colour("#123456") == "#123456"


def test_commit_of_a_folder(tmp_path):
    assert page.git_commit(tmp_path / "nowhere") is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], check=True)
    (tmp_path / "file").write_text("1")
    subprocess.run([*git, "add", "file"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert page.git_commit(tmp_path) == head
    (tmp_path / "file").write_text("2")
    assert page.git_commit(tmp_path) == f"{head} with changes"


def test_environment_names_the_software(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    found = page.environment(tmp_path)
    assert found["lexome"] == "1.2.3"
    assert found["packages"]["numpy"] == np.__version__
    assert page.environment(tmp_path / "nowhere")["lexome"] == "unknown"


def test_a_missing_name_in_the_template_is_an_error(tmp_path):
    (tmp_path / "t.j2").write_text("{{ a }}{{ b }}")
    with pytest.raises(Exception, match="'b' is undefined"):
        page.render(tmp_path / "t.j2", {"a": "<"})
    assert page.render(tmp_path / "t.j2", {"a": "<", "b": 1}) == "&lt;1\n"


def test_settings_become_plain():
    value = {"a": (1, 2), "b": {"c": None}}
    assert reporting.plain(value) == json.loads('{"a": [1, 2], "b": {"c": null}}')


def test_p_values_are_told_where_there_was_something_to_adjust_for():
    columns = ["subset", "metric", "model", "reference", "p", "p_holm"]
    rows = [
        ("test", "auprc", "a", "naive", 2 / 101, 4 / 101),  # as small as 100 replicates can tell
        ("test", "auprc", "b", "naive", 0.031, 0.031),
        ("test", "auprc", "c", "naive", np.nan, np.nan),
        ("test", "auprc", "a", "b", 0.2, 0.2),  # the only one of its family
        ("valid", "auprc", "a", "naive", 0.3, 0.3),
    ]
    told = reporting.with_p(pd.DataFrame(rows, columns=columns), "naive", 100)["p_text"]
    assert told.tolist() == ["< 0.04", "0.031", "", "", ""]
    assert reporting.with_p(pd.DataFrame(rows, columns=columns), "naive", None)["p_text"][0] == "0.04"
    bare = pd.DataFrame(rows, columns=columns).drop(columns=["p", "p_holm"])
    assert reporting.with_p(bare, "naive", 100)["p_text"].tolist() == [""] * 5


def test_contrasts_are_told_by_reference_with_the_better_direction():
    rows = [
        ("conv", "kmer3", "factor_auroc", 0.2, 0.1, 0.3),
        ("conv", "pwm", "factor_auroc", -0.02, -0.03, -0.01),
        ("wide", "pwm", "factor_auroc", 0.01, -0.01, 0.03),
        ("conv", "pwm", "factor_ece", -0.02, -0.03, -0.01),
        ("wide", "conv", "factor_auroc", 0.01, np.nan, np.nan),
    ]
    columns = ["model", "reference", "metric", "difference", "low", "high"]
    table = pd.DataFrame(rows, columns=columns).assign(subset="test")
    assert reporting.contrast_notes(table, "factor_auroc") == [
        "Against kmer3 in factor auROC on test, better: conv (+0.200 [+0.100 to +0.300]).",
        "Against pwm in factor auROC on test, worse: conv (−0.020 [−0.030 to −0.010]); "
        "not told apart: wide (+0.010 [−0.010 to +0.030]).",
    ]
    assert reporting.contrast_notes(table, "factor_ece")[0].split(", ")[1].startswith("better: conv")
