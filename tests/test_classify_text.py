"""A text becomes a table, a spreadsheet, a page and a chart that say the same, and bad input is named."""

import copy
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import openpyxl
import pandas as pd
import pytest

from classify_text import classify_text
from lexome import plan
from lexome.classified import DOCUMENT, decide, label_names, overview, read_table, tags
from lexome.errors import LexomeError
from lexome.judged import figures
from lexome.look import INK, PAPER
from lexome.models import KINDS
from lexome.page import theme_colours
from lexome.runs import Part, RunData
from lexome.runtime import write_json
from lexome.sentences import split_sentences
from lexome.settings import load_yaml
from lexome.textfigures import CLASSES
from lexome.textpage import STRONG, label_looks
from lexome.texts import read_text
from score_sentences import score_sentences

SETTINGS = {"kind": "tfidf", "first_words": None, "ngrams": [1, 1], "min_df": 1, "C": 10.0, "max_iter": 200}
LABELS = [{"id": "process", "name": "a process"}, {"id": "component", "name": "a <component>"}, {"id": "sentence"}]
SIGNS = ["transport", "nucleus", "binding"]
TEXT = (
    'Transport is <b>active</b> & "quick", e.g. in\r\nneurons. The nucleus is a component.\r\n\r\n=1+1 is binding. '
    "Transport again."
)


def scores_of(name):
    """Made-up metrics of a run, judged on enough groups or too few."""
    rows = [
        {"subset": "test", "metric": "accuracy", "value": {"tfidf": 0.91234, "naive": 0.5}[name], "n": 400},
        {"subset": "test", "metric": "macro_f1", "value": None, "n": 0},
        {"subset": "valid", "metric": "accuracy", "value": 0.11111, "n": 50},
    ]
    return {"rows": rows, "meta": {"subsets": {"test": {"groups": 400 if name == "tfidf" else 5}}}}


def make(folder, text=TEXT, task="multi_class"):
    """Train on one word a class, then run both scripts; gives the folder of the results."""
    rng = np.random.default_rng(0)
    classes = rng.integers(3, size=60)
    targets = np.eye(3, dtype=np.uint8)[classes]
    texts = [f"the {SIGNS[at]} of w{rng.integers(9)}" for at in classes]
    part = Part([f"e{at}" for at in range(60)], targets, None, texts)
    data = RunData(part, part, part, LABELS, task)
    KINDS["tfidf"](data, SETTINGS, 0, folder / "model", 0)
    nouns = {"example_noun": "definition", "label_noun": "aspect", "length_unit": "words"}
    write_json(folder / "labels.json", {"task": task, **nouns, "labels": LABELS})
    (folder / "paper.txt").write_bytes(text.encode())
    judged = []
    for name in ("tfidf", "naive"):
        write_json(folder / f"{name}.json", scores_of(name))
        draws = np.linspace(0.8, 1.0, 1001)
        np.savez(folder / f"{name}.npz", **{"test/accuracy": draws, "test/macro_f1": draws})
        files = {"metrics": folder / f"{name}.json", "replicates": folder / f"{name}.npz"}
        judged.append({"model": name, "seed": 0, **files})
    about = {"study": "s", "split": "official", "title": "A study", "headline": ["accuracy", "macro_f1"], "level": 0.9}
    out = folder / "out"
    score_sentences(
        folder / "paper.txt", folder / "model", None, folder / "labels.json", SETTINGS, None, 0, out / "sentences.tsv"
    )
    classify_text(
        folder / "paper.txt",
        out / "sentences.tsv",
        folder / "labels.json",
        judged,
        about,
        "resources/report/text.html.j2",
        *(out / name for name in ("sentences.xlsx", "text.html", "shares.svg", "summary.txt")),
    )
    return out


@pytest.fixture(scope="module", params=["multi_class", "multi_label"])
def made(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(request.config.rootpath)
        return make(tmp_path_factory.mktemp(request.param), task=request.param), request.param


NAMES = ["a process", "a <component>", "sentence (sentence)"]


def test_table_points_into_the_text(made):
    out, task = made
    table = pd.read_csv(out / "sentences.tsv", sep="\t", keep_default_na=False)
    assert list(table.columns) == ["number", "start", "end", "sentence", *NAMES, "predicted", "cut"]
    own = [" ".join(TEXT[row.start : row.end].split()) for row in table[:-1].itertuples()]
    assert own == table["sentence"].tolist()[:-1]
    assert own == [
        'Transport is <b>active</b> & "quick", e.g. in neurons.',
        *("The nucleus is a component.", "=1+1 is binding.", "Transport again."),
    ]
    assert table["number"].tolist() == ["1", "2", "3", "4", DOCUMENT]
    assert table["predicted"].tolist()[:-1] == [NAMES[at] for at in (0, 1, 2, 0)]
    np.testing.assert_allclose(table[NAMES].iloc[-1].astype(float), table[NAMES][:-1].astype(float).mean(), atol=1e-5)
    if task == "multi_class":
        np.testing.assert_allclose(table[NAMES].astype(float).sum(axis=1), 1, atol=1e-5)


def test_spreadsheet_says_the_same_and_computes_nothing(made):
    out, _ = made
    table = pd.read_csv(out / "sentences.tsv", sep="\t", keep_default_na=False)
    book = openpyxl.load_workbook(out / "sentences.xlsx")
    assert book.sheetnames == ["sentences", "document"]
    rows = list(book["sentences"].iter_rows(values_only=True))
    assert list(rows[0]) == list(table.columns)
    for row, wanted in zip(rows[1:], table[:-1].itertuples(index=False), strict=True):
        assert row[0] == int(wanted.number)
        assert row[3] == wanted.sentence
        np.testing.assert_allclose(row[4:7], [float(value) for value in wanted[4:7]])
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)
    document = list(book["document"].iter_rows(values_only=True))
    assert document[0] == ("label", "mean", "sentences", "share")
    assert [row[0] for row in document[1:]] == NAMES
    np.testing.assert_allclose([row[1] for row in document[1:]], table[NAMES].iloc[-1].astype(float), atol=1e-5)
    assert [row[2] for row in document[1:]] == [2, 1, 1]
    assert [row[3] for row in document[1:]] == [0.5, 0.25, 0.25]


class Page(HTMLParser):
    """Sentences of the page with their style and probabilities, and addresses that it would load."""

    def __init__(self, text):
        super().__init__()
        self.sentences, self.loads, self.paragraphs, self.open = [], [], 0, 0
        self.skip = False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.loads += [given[key] for key in ("src", "href", "action") if given.get(key, "#")[0] != "#"]
        if "data-number" in given:
            self.sentences.append({**given, "text": ""})
            self.open = 0
        if self.sentences and tag == "span":
            self.open += 1
        self.skip = tag == "sup"

    def handle_endtag(self, tag):
        self.skip = False
        if tag == "span":
            self.open -= 1

    def handle_data(self, data):
        if self.sentences and self.open > 0 and not self.skip:
            self.sentences[-1]["text"] += data


def test_page_shows_text_and_probabilities_and_loads_nothing(made):
    out, task = made
    html = (out / "text.html").read_text(encoding="utf-8")
    page = Page(html)
    assert page.loads == []
    assert "<b>active" not in html
    table, scores = read_table(out / "sentences.tsv", NAMES)
    assert [s["text"] for s in page.sentences][:4] == table["sentence"].tolist()
    for shown, own in zip(page.sentences, scores, strict=True):
        chances = json.loads(shown["data-chances"])
        assert {name: pytest.approx(value) for name, value in chances} == dict(zip(NAMES, own, strict=True))
        assert "tabindex" in shown
    # Two paragraphs, of two sentences each.
    text = html[html.index('<div class="text">') : html.index('id="tip"')]
    assert [len(re.findall("data-number", block)) for block in text.split("<p>")[1:]] == [2, 2]
    # A stronger colour for a higher probability of what is predicted.
    strength = [int(re.search(r"--strength: (\d+)%", shown["style"])[1]) for shown in page.sentences]
    assert np.all(np.diff(np.array(strength)[np.argsort(scores.max(axis=1))]) >= 0)
    assert ("probabilities sum to 1" in html) == (task == "multi_class")


def test_page_tells_how_good_the_model_is(made):
    """The run's own figures, the trivial model's beside them, and no interval from a handful of groups."""
    html = (made[0] / "text.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr><th scope=\"row\">(\w+ ?\w*).*?</tr>", html, flags=re.DOTALL)
    assert [row.strip() for row in rows[:2]] == ["accuracy", "macro F1"]
    row = re.search(r'<tr><th scope="row">accuracy.*?</tr>', html, flags=re.DOTALL)[0]
    cells = re.findall(r'<td class="num">([\d.]+) <span class="interval">(.*?)</span>', row)
    assert cells == [("0.912", "[0.810–0.990]"), ("0.500", "no interval")]
    assert "n = 400" in row
    assert "n = 0" not in html
    assert "0.111" not in html
    assert "Outside its domain" in html
    assert "definitions" in html


def test_summary_and_chart(made):
    out, _ = made
    sums = overview(read_table(out / "sentences.tsv", NAMES)[1], NAMES, made[1])
    line = (out / "summary.txt").read_text()
    assert line.startswith("paper.txt: mean probability over its sentences: a process ")
    svg = (out / "shares.svg").read_text()
    for row in sums.itertuples():
        assert f"{row.label} {row.mean:.3f}" in line
        assert f">{row.mean:.3f}</text>" in svg
        assert f">{row.share:.0%} ({row.sentences})</text>" in svg


def test_independent_labels_may_be_several_or_none():
    scores = np.array([[0.6, 0.9, 0.1], [0.2, 0.4, 0.1]])
    assert decide(scores, "multi_label") == [[1, 0], []]
    assert decide(scores, "multi_class") == [[1], [1]]
    assert overview(scores, ["a", "b", "c"], "multi_label")["sentences"].tolist() == [1, 1, 0]


def test_nothing_predicted_and_many_labels(tmp_path, request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)
    out = make(tmp_path, "Nothing known here.", "multi_label")
    html = (out / "text.html").read_text(encoding="utf-8")
    assert re.search(r"<sup>none \d+</sup>", html)
    sums = overview(np.random.default_rng(0).random((4, 40)), [f"label {at}" for at in range(40)], "multi_label")
    looks = label_looks(sums)
    assert len({look["tag"] for look in looks}) == 40
    commonest = sums.sort_values(["sentences", "mean"], ascending=False).index[:10]
    assert len({looks[at]["colour"] for at in commonest}) == 10


def test_names_and_tags_are_told_apart():
    assert label_names(LABELS) == NAMES
    assert label_names([{"id": "x", "name": "one"}, {"id": "y", "name": "one"}]) == ["one (x)", "one (y)"]
    assert tags(["biological process", "cellular component", "surgery"]) == ["BP", "CC", "Su"]
    assert tags(["big part", "blue pin", "?"]) == ["BP1", "BP2", "?"]


def luminance(colour):
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def rgb(colour):
    return np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_letters_can_be_read_on_the_strongest_colour(theme, request):
    """WCAG 2.1: contrast of at least 4.5."""
    ink, paper = INK, PAPER
    if theme == "dark":
        css = (request.config.rootpath / "resources/report/report.css").read_text()
        ink, paper = (re.findall(rf"--{name}: (#\w+)", css)[1] for name in ("ink", "paper"))
    themed = {light: {"light": light, "dark": dark}[theme] for _, light, dark in theme_colours()}
    for colour in CLASSES:
        mixed = STRONG / 100 * rgb(themed[colour]) + (1 - STRONG / 100) * rgb(paper)
        low, high = sorted((luminance(rgb(ink)), luminance(mixed)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, colour


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        (b" \n\t\r\n", "holds no text"),
        (b"\xef\xbb\xbf", "holds no text"),
        (b"one\ntwo \xe9t\xe9", r"line 2: not UTF-8 text \(byte 0xe9\); save it as UTF-8"),
        (b"\xef\xbb\xbfone\n\nth\xff", r"line 3: not UTF-8 text \(byte 0xff\)"),
        (b"%PDF-1.7 \xff", "is a PDF; take the text out"),
        ("p53 acts.".encode("utf-16"), "is UTF-16 text; save it as UTF-8: iconv -f UTF-16"),
    ],
)
def test_bad_texts_are_named(content, message, tmp_path):
    path = tmp_path / "paper.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LexomeError, match=rf"paper\.txt[:,] {message}"):
        read_text(path)


def test_a_byte_order_mark_is_no_text_and_line_ends_stay(tmp_path):
    (tmp_path / "paper.txt").write_bytes("\ufeffp53 acts.\r\nIt binds.".encode())
    text = read_text(tmp_path / "paper.txt")
    assert text == "p53 acts.\r\nIt binds."
    assert [text[s.start : s.end] for s in split_sentences(text)] == ["p53 acts.", "It binds."]


def test_a_table_of_other_labels_is_refused(made):
    with pytest.raises(LexomeError, match="labels are not those of the split"):
        read_table(made[0] / "sentences.tsv", ["a process"])


@pytest.fixture
def config(request, monkeypatch):
    monkeypatch.chdir(request.config.rootpath)
    return copy.deepcopy(load_yaml("tests/config/config.yaml"))


def check(config):
    plan.check_workflow(config, plan.load_registries("config", config), "config/schemas")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "txts"}, r"classify\.study: 'txts' is not known; there are .*texts"),
        ({"study": "from_gaf"}, r"classify\.study: 'from_gaf' reads sequences, not texts; choose one of texts"),
        ({"split": "random"}, r"classify\.split: 'random' is not a split of texts; there are official"),
        ({"model": "naive"}, r"classify\.model: 'naive' reads no text; choose one of tfidf, probe"),
        ({"model": "bert"}, r"classify\.model: 'bert' is not a model of texts"),
        ({"seed": 7}, r"classify\.seed: native is not trained with seed 7; there are 0"),
        ({"seed": "7"}, r"classify\.seed: native is not trained with seed 7"),
        ({"seed": "one"}, r"classify\.seed: .*one.* does not fit: one of the model's seeds, a whole number"),
        ({"seeds": 0}, r"classify\.seeds: unknown key"),
        ({"text": "nowhere.txt"}, r"text: no file nowhere\.txt; give the path from the folder you run snakemake in"),
    ],
)
def test_mistakes_in_the_config_name_their_key(config, change, message):
    check(config)
    if "text" in change:
        config |= change
    else:
        config["classify"] |= change
    with pytest.raises(LexomeError, match=message):
        check(config)


def test_braces_in_a_path_are_refused(config, tmp_path):
    """Snakemake would look for a wildcard of that name."""
    for name, good in (("a (1), 50%.txt", True), ("{a}.txt", False)):
        (tmp_path / name).write_text("p53 acts.")
        config["text"] = str(tmp_path / name)
        if good:
            check(config)
        else:
            with pytest.raises(LexomeError, match=r"text: .*\{a\}\.txt: Snakemake takes braces.*rename the file"):
                check(config)


@pytest.mark.parametrize(
    ("content", "message"), [(b" \n", "holds no text"), (b"caf\xe9", "not UTF-8 text"), (b"%PDF-1.7", "is a PDF")]
)
def test_a_text_is_looked_at_before_anything_is_trained(config, content, message, tmp_path):
    path = tmp_path / "paper.txt"
    path.write_bytes(content)
    config["text"] = str(path)
    with pytest.raises(LexomeError, match=rf"(?s)config:.* text: .*paper\.txt.*{message}"):
        check(config)


def test_the_config_may_do_without(config):
    config["classify"]["seed"] = "0"
    check(config)
    assert plan.classify_settings(config)["seed"] == 0
    del config["text"], config["classify"]
    check(config)
    assert plan.classified_folder(config, "a/p53.txt") == "results/classified/p53"
    with pytest.raises(LexomeError, match="classify: missing; say which run"):
        plan.classify_settings(config)
    config["classify"] = {"study": "gone", "split": "official", "model": "native", "seed": 0}
    with pytest.raises(LexomeError, match=r"classify\.study: gone is off; switch it on, or choose one of texts$"):
        plan.classify_settings(config)


def test_a_headline_that_no_run_has_is_named(tmp_path):
    write_json(tmp_path / "m.json", scores_of("tfidf"))
    run = {"model": "tfidf", "seed": 0, "metrics": tmp_path / "m.json", "replicates": None}
    with pytest.raises(LexomeError, match=r"m\.json has no 'term_auprc'; there are accuracy, macro_f1"):
        figures("term_auprc", [run], 0.9)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a b/paper.txt", "paper"),
        ("My {paper} (v1.2), 50%.txt", "My-paper-v1.2-50"),
        ("../...", "text"),
        ("été.final.txt", "été.final"),
    ],
)
def test_names_of_texts(path, name):
    assert plan.text_name(path) == name


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium to open the page with")
def test_page_works_in_a_browser(made, tmp_path):
    """Pointing at a sentence shows its probabilities, and nothing goes wrong in the script."""
    html = (made[0] / "text.html").read_text(encoding="utf-8")
    act = "<script>document.querySelector('.s').focus()</script></body>"
    (tmp_path / "page.html").write_text(html.replace("</body>", act), encoding="utf-8")
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--dump-dom", f"file://{tmp_path / 'page.html'}"], capture_output=True, text=True, timeout=100
    )
    shown = re.search(r'<div id="tip" role="status"[^>]*>(.*?)<script>', done.stdout, flags=re.DOTALL)
    assert shown, done.stderr[-2000:]
    assert "Sentence 1" in shown[1]
    assert shown[1].count("<i ") == 3
