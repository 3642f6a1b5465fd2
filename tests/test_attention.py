"""Attention: what the model computed, packed without loss that matters, on a page that works by itself."""

import json
import os
import re
import shutil
import string
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from lexome.attention import LETTERS, attention_weights, pack, shown_tokens, strongest
from plot_explanations import write_head_view

ROOT = Path(__file__).parent.parent
TEMPLATE = ROOT / "resources" / "report" / "attention.html.j2"
HOSTILE = ["[CLS]", "</script><b>", "<!--", "&amp;", "{{ x }}", 'a"b', "\u2028", "”", "[SEP]"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def random_attention(rng, layers=2, heads=3, n=9):
    weights = rng.random((layers, heads, n, n)).astype(np.float32) ** 6
    return weights / weights.sum(axis=-1, keepdims=True)


def unpack(view, text):
    """Weights as the page's script reads them, written anew."""
    n = len(text["tokens"])
    return np.array(
        [
            [[(view["letters"].index(letter) / 63) ** 2 for letter in head] for head in layer]
            for layer in text["weights"]
        ]
    ).reshape(view["layers"], view["heads"], n, n)


def make_view(n_texts=2):
    rng = np.random.default_rng(0)
    texts = []
    for number in range(n_texts):
        weights = random_attention(rng)
        texts.append(
            {
                "id": f"e{number}",
                "true": "one",
                "predicted": ["one", "</script>two"][number % 2],
                "right": number % 2 == 0,
                "probability": 0.9,
                "tokens": HOSTILE,
                "special": [True, *[False] * 7, True],
                "length": 9 + number,
                "weights": pack(weights),
                "strongest": strongest(weights),
            }
        )
    return {"layers": 2, "heads": 3, "letters": LETTERS, "texts": texts}


def write_page(folder, view):
    (folder / "attention.json").write_text(json.dumps(view))
    path = folder / "attention.html"
    write_head_view(folder / "attention.json", TEMPLATE, "A <study> & more", "official, native, seed 0", path)
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("page"), make_view())


class Page(HTMLParser):
    """Tags, their attributes, and the text of scripts as a browser parts them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.inside = True
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "script"

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    from lexome.attribution import load_classifier

    folder = tmp_path_factory.mktemp("model")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.ascii_lowercase]
    size = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(vocabulary), initializer_range=0.5, **size)
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(vocab={token: at for at, token in enumerate(vocabulary)}).save_pretrained(folder)
    import torch

    return load_classifier(folder, torch.device("cpu"))[0]


def test_weights_are_those_of_the_model(model):
    """Each layer's output follows from its weights and values: a second way through the model's first layer."""
    import torch

    ids = np.array([2, 9, 14, 7, 3])
    found = attention_weights(model, ids)
    assert found.shape == (3, 2, 5, 5)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
    assert found.std() > 0.05, "all weights are the same: the test would say nothing"
    layer = model.bert.encoder.layer[0].attention.self
    with torch.no_grad():
        hidden = model.bert.embeddings(torch.from_numpy(ids)[None])[0]
        queries, keys = ((part(hidden)).numpy().reshape(5, 2, 8) for part in (layer.query, layer.key))
    scores = np.einsum("ihd,jhd->hij", queries, keys) / np.sqrt(8)
    expected = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


def test_packed_weights_are_near_the_real_ones():
    weights = random_attention(np.random.default_rng(1), 2, 3, 30)
    view = {"layers": 2, "heads": 3, "letters": LETTERS}
    found = unpack(view, {"tokens": [""] * 30, "weights": pack(weights)})
    # Half a level in the square root.
    assert (np.abs(np.sqrt(found) - np.sqrt(weights)) <= 0.5 / 63 + 1e-6).all()
    assert np.abs(found - weights).max() < 0.016
    exact = np.array([0, 1, (21 / 63) ** 2])[None, None, None, :].repeat(3, axis=2)
    assert pack(exact) == [["A-V".replace("-", "_") * 3]]


def test_the_table_names_the_largest_mean_weight():
    weights = np.zeros((2, 2, 2, 2))
    weights[0, 0], weights[0, 1] = [[0.9, 0.1], [0.2, 0.8]], [[0.3, 0.7], [0.4, 0.6]]
    weights[1] = [[0, 1], [1, 0]]
    assert strongest(weights) == [[(0, 0.6), (1, 1.0)], [(1, 0.7), (0, 1.0)]]


@pytest.mark.parametrize("lengths", [[10, 12], [50] * 6, [10, 10, 10, 90, 200, 500], []])
def test_pages_stay_small(lengths):
    limit = shown_tokens(6, 12, lengths)
    size = lambda most: sum(min(n, most) ** 2 for n in lengths) * 72  # noqa: E731
    assert size(limit) <= 700_000
    assert limit <= 64
    if lengths and limit < min(64, max(lengths)):
        assert size(limit + 1) > 700_000


def test_the_page_needs_nothing_beside_it(page):
    text = page.read_text()
    assert not re.search(r"https?:|//\w+\.\w|@import|url\(", text)
    parsed = Page(text)
    for tag, attributes in parsed.tags:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert "src" not in attributes, tag
    assert "default-src 'none'" in text


def test_hostile_tokens_stay_text(page):
    text = page.read_text()
    assert "<b>" not in text
    parsed = Page(text)
    assert len(parsed.scripts) == 2, "a token ended a script"
    assert json.loads(parsed.scripts[0]) == json.loads(json.dumps(make_view()))
    assert "&lt;study&gt; &amp; more" in text
    assert "{{ x }}" in text


def test_a_page_of_six_long_texts_is_small(tmp_path):
    rng, view = np.random.default_rng(0), make_view(6)
    limit = shown_tokens(6, 12, [100] * 6)
    for text in view["texts"]:
        weights = random_attention(rng, 6, 12, limit)
        text |= {"tokens": ["token"] * limit, "special": [False] * limit}
        text |= {"weights": pack(weights), "strongest": strongest(weights)}
    assert write_page(tmp_path, view | {"layers": 6, "heads": 12}).stat().st_size < 1_000_000


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Open a page in headless Chromium: its DOM after the scripts, and what they wrote to the console."""
    names = [os.environ.get("LEXOME_CHROMIUM"), *BROWSERS]
    browser = next(filter(None, (shutil.which(name) for name in names if name)), None)
    if browser is None:
        pytest.skip("no Chromium or Chrome on the path (LEXOME_CHROMIUM may name one)")
    profile = tmp_path_factory.mktemp("browser")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}"]
    options += ["--enable-logging=stderr", "--window-size=1200,1000", "--virtual-time-budget=2000", "--dump-dom"]

    def open_page(path):
        done = subprocess.run(
            [browser, *options, Path(path).resolve().as_uri()], capture_output=True, text=True, check=True, timeout=120
        )
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    return open_page


def test_the_page_draws_its_lines(browse, page):
    dom, console = browse(page)
    assert console == []
    assert 'data-ready="yes"' in dom
    view = make_view()
    weights = unpack(view, view["texts"][0])[-1]
    assert len(re.findall("<line ", dom)) == (weights >= 0.04).sum()
    assert len(re.findall("<canvas", dom)) == 6
    assert len(re.findall('class="token', dom)) == 18


def test_the_page_answers(browse, page, tmp_path):
    """Choices by mouse and keyboard, as a user makes them."""
    acts = """
    const out = {}, $ = (query) => document.querySelector(query), $$ = (query) => [...document.querySelectorAll(query)];
    const lines = () => $$("#lines line").length;
    const key = (name) => document.activeElement.dispatchEvent(
      new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
    $("#none").click();
    out.none = lines();
    $("input[name=layer][value='0']").click();
    $("input[name=head][value='2']").click();
    out.head = lines();
    out.pressed = $$("#thumbnails [aria-pressed=true]").map((button) => button.title);
    $(".token[data-side=from][data-at='1']").focus();
    out.token = lines();
    out.said = $("#said").textContent;
    key("ArrowDown");
    out.down = document.activeElement.dataset.at;
    key("ArrowRight");
    out.right = document.activeElement.dataset.side;
    out.to = lines();
    key("Escape");
    out.escaped = lines();
    $$("#thumbnails button")[4].click();
    out.layer = $("input[name=layer]:checked").value;
    out.heads = $$("input[name=head]:checked").map((box) => box.value);
    $("#text").value = "1";
    $("#text").dispatchEvent(new Event("change"));
    out.told = $("#told").textContent;
    out.second = lines();
    $("#special").click();
    out.plain = lines();
    document.body.append(Object.assign(document.createElement("pre"), { id: "out" }));
    $("#out").textContent = encodeURIComponent(JSON.stringify(out));
    """
    path = tmp_path / "acts.html"
    path.write_text(page.read_text().replace("</body>", f"<script>{acts}</script></body>"))
    dom, console = browse(path)
    assert console == []
    out = json.loads(unquote(re.search(r'<pre id="out">([^<]*)<', dom)[1]))
    view = make_view()
    first, second = (unpack(view, text) for text in view["texts"])
    assert out["none"] == 0
    assert out["head"] == (first[0, 2] >= 0.04).sum()
    assert out["pressed"] == ["Layer 1, head 3"]
    assert out["token"] == (first[0, 2, 1] >= 0.005).sum()
    most = first[0, 2, 1].argmax()
    assert out["said"].startswith(f"{HOSTILE[1]} looks at {HOSTILE[most]} {100 * first[0, 2, 1, most]:.0f} %")
    assert (out["down"], out["right"]) == ("2", "to")
    assert out["to"] == (first[0, 2, :, 2] >= 0.005).sum()
    assert out["escaped"] == out["head"]
    assert (out["layer"], out["heads"]) == ("1", ["1"])
    assert out["second"] == (second[1, 1] >= 0.04).sum()
    assert out["plain"] == (second[1, 1, 1:-1, 1:-1] >= 0.04).sum()
    assert "The first 9 of 10 tokens" in out["told"]
    assert "wrong, it is one" in out["told"]


def test_console_errors_would_be_seen(browse, page, tmp_path):
    broken = tmp_path / "broken.html"
    broken.write_text(page.read_text().replace('find("lines")', 'find("absent")', 1))
    dom, console = browse(broken)
    assert console
    assert 'data-ready="yes"' not in dom


def test_a_page_without_texts_still_opens(browse, tmp_path):
    dom, console = browse(write_page(tmp_path, make_view() | {"texts": []}))
    assert console == []
    assert "No text was explained." in dom
