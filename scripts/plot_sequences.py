"""Draw the explained sequences of a DNA network, the scores of its attributions and what it has learnt."""

from pathlib import Path

import numpy as np
import pandas as pd

from lexome import dnafigures, insidefigures, logos
from lexome.attributionscores import importance
from lexome.dna import one_hot
from lexome.inside import Explained, best_bound, panel, selected_places, shown_places, zoom
from lexome.insidetables import read_table
from lexome.look import save, save_pages

MANY = 4  # factors beyond which the report shows fewer of each


def plot_sequences(
    sequences: str,
    attributions: str,
    attention: str,
    implants: str,
    scores: str,
    motifs: str,
    matrices: str,
    marginal: str,
    heat_maps_path: str,
    all_path: str,
    zooms_path: str,
    logos_path: str,
    attention_path: str,
    scores_path: str,
    motifs_path: str,
    marginal_path: str,
) -> None:
    """Write the pictures.

    Parameters
    ----------
    sequences, attributions, attention, scores, motifs, matrices, marginal
        Of one folder: `sequences.parquet`, `attributions.npz`, `attention.npz` (empty for networks without attention),
        `attribution_scores.tsv`, `motifs.tsv`, `motifs.npz` and `marginal.tsv`.
    implants
        Of the study; empty where sequences were measured.
    all_path
        A PDF of all shown sequences, two pages a factor; the other pictures choose among them.
    """
    explained = load_explained(sequences, attributions, implants)
    each = 3 if len(explained.factors) <= MANY else 2
    selected = [
        panel(explained, place) for name in explained.factors for place in selected_places(explained, name, each)
    ]
    everything = {
        (name, bound): [panel(explained, place) for place in shown_places(explained, name, bound)]
        for name in explained.factors
        for bound in (True, False)
    }
    limit = dnafigures.colour_limit([one for own in everything.values() for one in own] or selected)
    save(dnafigures.heat_maps(selected, limit), heat_maps_path)
    save_pages((dnafigures.heat_maps(own, limit) for own in everything.values() if own), all_path)

    best = [place for place in (best_bound(explained, name) for name in explained.factors) if place is not None]
    windows = [(panel(explained, place), *zoom(explained.importances["ism"][place])) for place in best]
    save(dnafigures.zoomed_heat_maps(windows, limit), zooms_path)
    by_method = [
        (*window, {name: values[window[0].place] for name, values in explained.importances.items()})
        for window in windows
    ]
    save(logos.method_logos(by_method), logos_path)
    save(draw_attention(explained, attention, best), attention_path)

    save(insidefigures.attribution_scores(read_table(scores)), scores_path)
    save(draw_motifs(motifs, matrices, each), motifs_path)
    save(insidefigures.marginal_effects(read_table(marginal)), marginal_path)


def load_explained(sequences: str, attributions: str, implants: str) -> Explained:
    """The explained rows with their arrays, importances and implants."""
    rows = pd.read_parquet(sequences).reset_index(drop=True)
    with np.load(attributions) as arrays:
        values = {name: arrays[name] for name in arrays.files}
    letters = one_hot(rows["sequence"].tolist())
    importances = {name: importance(name, array, letters) for name, array in values.items()}
    return Explained(rows, values, importances, pd.read_parquet(implants))


def draw_attention(explained: Explained, path: str, places: list[int]):
    """The attention maps of up to four of these rows; `attention` has a row for each shown one."""
    with np.load(path) as arrays:
        maps = arrays["attention"] if "attention" in arrays.files else None
    shown = np.flatnonzero(explained.rows["shown"])
    row_of = {int(place): row for row, place in enumerate(shown)}
    drawn = [] if maps is None else [(panel(explained, place), maps[row_of[place]]) for place in places[:MANY]]
    return dnafigures.attention_maps(drawn)


def draw_motifs(motifs: str, matrices: str, each: int):
    """The first motifs of every factor."""
    table = read_table(motifs)
    table = table.sort_values("rank", kind="stable").groupby("factor", sort=False).head(each)
    order = {name: place for place, name in enumerate(dict.fromkeys(table["factor"]))}
    table = table.sort_values("factor", key=lambda names: names.map(order), kind="stable")
    with np.load(matrices) as arrays:
        known = {Path(name).name: arrays[name] for name in arrays.files if name.startswith("matches/")}
        found = {
            (row.factor, row.pattern): arrays[f"{row.factor}/{row.pattern}"]
            for row in table.itertuples()
            if f"{row.factor}/{row.pattern}" in arrays.files
        }
    return logos.motif_logos(table, found, known)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_sequences(
            snakemake.input.sequences,
            snakemake.input.attributions,
            snakemake.input.attention,
            snakemake.input.implants,
            snakemake.input.scores,
            snakemake.input.motifs,
            snakemake.input.matrices,
            snakemake.input.marginal,
            snakemake.output.heatmaps,
            snakemake.output.heatmaps_all,
            snakemake.output.zooms,
            snakemake.output.logos,
            snakemake.output.attention,
            snakemake.output.attribution_scores,
            snakemake.output.motifs,
            snakemake.output.marginal,
        )
