"""The page of maps: its data, what it says, and that it works by itself in a browser."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

import plot_distances
import plot_maps
from lexome import mappage, maptables
from lexome.runtime import write_json, write_tsv
from mapped import SPECIES, distance_tables, write_maps

TEMPLATE = Path(plot_maps.__file__).parents[1] / "resources/report/map.html.j2"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def write_page(folder, **how):
    write_maps(folder, **how)
    labels = [{"id": name, "name": shown} for name, shown in SPECIES.items()]
    write_json(folder / "labels.json", {"example_noun": "window", "label_noun": "species", "labels": labels})
    paths = [str(folder / name) for name in ("map.parquet", "map_scores.tsv", "labels.json")]
    out = [str(folder / name) for name in ("map.svg", "map.html")]
    plot_maps.plot_maps(*paths, str(TEMPLATE), "Which <species>?", "random", 15, *out)
    return (folder / "map.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    write_page(folder)
    return folder


@pytest.fixture(scope="module")
def html(folder):
    return (folder / "map.html").read_text(encoding="utf-8")


def data_of(html):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


def test_the_page_holds_every_point_of_every_map(html, folder):
    view, maps = data_of(html), pd.read_parquet(folder / "map.parquet")
    assert [entry["title"] for entry in view["views"]] == ["frozen", "tuned", "shares of 3-mers"]
    assert [entry["trivial"] for entry in view["views"]] == [False, False, True]
    assert len(view["ids"]) == 60
    names = list(SPECIES)
    own = maps[maps["model"] == "tuned"].set_index("id").loc[view["ids"]]
    assert [names[at] for at in view["truth"]] == own["species"].tolist()
    entry = view["views"][1]
    assert [names[at] for at in entry["predicted"]] == own["predicted"].tolist()
    assert np.corrcoef(entry["x"], own["x"])[0, 1] == pytest.approx(1)
    assert np.corrcoef(entry["y"], own["y"])[0, 1] == pytest.approx(-1)  # down the screen


def test_the_page_loads_nothing_and_trusts_nothing(html):
    assert "default-src 'none'" in html
    assert not re.search(r'(src|href)="', html)
    assert "Which &lt;species&gt;?" in html
    assert html.count("</script>") == 2  # names cannot end a script
    assert str(escape(SPECIES["mouse"])) in html


def test_the_table_has_every_figure_beside_chance(html):
    text = " ".join(re.sub(r"<[^>]+>", " ", html).split())
    assert "tuned 0.600 0.580–0.620 0.333" in text
    assert "shares of 3-mers (no model) 0.700 0.680–0.720 0.333" in text
    assert "frozen (0.500 [0.480–0.520]) is below and tuned" in text


def test_packing_keeps_proportions():
    points = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 2.0]])
    assert mappage.packed(points).tolist() == [[0, 7500], [10000, 7500], [10000, 2500]]
    assert mappage.packed(np.zeros((2, 2))).tolist() == [[5000, 5000], [5000, 5000]]


def test_seeds_are_told_where_there_are_several(tmp_path):
    html = write_page(tmp_path, runs=[("tuned", 0), ("tuned", 1), ("kmer3_shares", None)], n=20)
    assert [entry["title"] for entry in data_of(html)["views"]][:2] == ["tuned, seed 0", "tuned, seed 1"]


@pytest.mark.parametrize(
    ("value", "words"), [(0.9, "is above"), (0.71, "cannot be told from"), (0.5, "is below"), (None, "stands beside")]
)
def test_the_verdict_goes_by_intervals(folder, value, words):
    scores = maptables.read_table(folder / "map_scores.tsv")
    scores = scores[scores["model"] != "frozen"]
    own = scores["model"] == "tuned"
    ends = (np.nan, np.nan) if value is None else (value - 0.01, value + 0.01)
    scores.loc[own, ["value", "low", "high"]] = (value or 0.5, *ends)
    assert f"{words} shares of 3-mers" in mappage.verdict(scores)
    assert mappage.verdict(scores[own]) == ""


def test_what_the_report_says_of_distances(tmp_path, folder):
    pairs, tests = distance_tables()
    paths = {"scores": str(folder / "map_scores.tsv")}
    assert maptables.describe(paths, "tuned")["tests"] == []
    for name, table in (("pairs", pairs), ("tests", tests)):
        paths[name] = str(tmp_path / f"{name}.tsv")
        write_tsv(paths[name], table)
    told = maptables.describe(paths, "tuned")
    assert told["distance_verdict"].startswith(
        "tuned takes classes for each other the more often the later they parted"
    )
    assert "says no more of its errors" in told["distance_verdict"]
    assert told["tests"][0]["cells"][0] == {"rho": "−0.900", "interval": "−1.000 to +0.100", "p": "0.04"}
    plot_distances.plot_distances(
        *(paths[name] for name in ("pairs", "tests")),
        str(folder / "labels.json"),
        *(["tuned", "tuned"], ["naive", "frozen", "tuned"], "naive", str(tmp_path / "d.svg")),
    )
    assert "million years" in (tmp_path / "d.svg").read_text()


def test_verdicts_on_other_correlations():
    _, tests = distance_tables()
    tests.loc[tests["against"] == "divergence", ["rho", "p"]] = (0.9, 0.04)
    tests.loc[tests["against"] == "composition", "rho"] = np.nan
    assert "the earlier they parted" in maptables.distance_verdict(tests)
    tests["p"] = 0.2
    assert "do not clearly follow" in maptables.distance_verdict(tests, "tuned")
    assert maptables.test_rows(tests)[0]["cells"][1] is None
    tests["rho"] = np.nan
    assert maptables.distance_verdict(tests).startswith("No model errs")


def test_the_page_works_in_a_browser(html, tmp_path):
    """Draws, switches a class off in the legend, and goes from point to point by keys."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip("no browser here")
    script = """<script>
addEventListener("load", () => setTimeout(() => {
  const count = () => document.getElementById("count-left").textContent;
  const out = [document.documentElement.dataset.ready, count()];
  document.querySelector("#classes .class").click();
  out.push(count());
  document.getElementById("none").click();
  document.getElementById("all").click();
  const canvas = document.getElementById("map-left"), said = document.getElementById("said");
  const press = (key) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key }));
  press("ArrowLeft"); out.push(said.textContent);
  press("ArrowLeft"); out.push(said.textContent);
  press("Escape"); out.push(said.textContent);
  document.querySelector("input[value=wrong]").click(); out.push(count());
  const pen = canvas.getContext("2d"), pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  out.push(pixels.some((value, at) => at % 4 === 3 && value > 0));
  document.body.innerHTML = ""; document.body.textContent = "OUT" + JSON.stringify(out) + "END";
}, 300));
</script></body>"""
    path = tmp_path / "page.html"
    path.write_text(html.replace("</body>", script), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000", "--dump-dom"]
    done = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=90, check=False)
    ready, every, fewer, first, second, none, wrong, drawn = json.loads(re.search("OUT(.*)END", done.stdout)[1])
    view = data_of(html)
    assert ready == "yes"
    assert every == "60 of 60"
    assert fewer == f"{60 - view['truth'].count(0)} of 60"
    assert first.split(": ")[0] in view["ids"]
    assert second.split(": ")[0] in view["ids"]
    assert first != second
    assert none.startswith("Point at a mark")
    mistakes = sum(a != b for a, b in zip(view["views"][0]["predicted"], view["truth"], strict=True))
    assert wrong == f"{mistakes} of 60"
    assert drawn
