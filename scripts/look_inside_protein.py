"""Show what a run sees in a protein: figures, a page with its structure, and a summary."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from markupsafe import Markup

from lexome import page, proteinpage
from lexome.bootstrap import stream
from lexome.judged import figures
from lexome.look import plural, save, short
from lexome.mapfigures import class_maps
from lexome.proteineffects import along_neighbours
from lexome.residuefigures import drop_profiles, masked_bars, substitution_maps, token_planes
from lexome.residues import CLASSES, MASKED_COLUMNS
from lexome.runtime import atomic, read_json, read_tsv, write_tsv
from lexome.structures import fits_pdb, match, paint, read_structure, residue_table, written


def look_inside_protein(
    tables: Mapping[str, str],
    groups: Mapping[str, str],
    structure_path: str | None,
    chain: str | None,
    judged: Sequence[Mapping],
    about: Mapping,
    template: str,
    viewer_path: str,
    outputs: Mapping[str, str],
) -> None:
    """Write the figures, `protein.html`, `summary.txt`, and of a structure `structure.tsv` and `painted.cif`.

    Parameters
    ----------
    tables
        `tokens`, `masked`, `substitutions`, `positions` and `explained` of `explain_protein`.
    groups
        `map`, `scores` and `counts` of `map_proteins`; empty where no groups are compared.
    structure_path, chain
        The user's structure, None for none, and which of its chains, None for the one that fits best.
    judged
        The run and the trivial one: `model`, `seed`, and the files `metrics` and `replicates`.
    about
        `study`, `title`, `split`, `headline`, `level`, `backbone`, `layers`, `licence`.
    viewer_path
        The script that draws structures.
    outputs
        Paths by name; `groups` with groups, `structure` and `painted` with a structure.
    """
    explained = read_json(tables["explained"])
    tokens = read_tsv(tables["tokens"], numbers=("x", "y"))
    masked = read_tsv(tables["masked"], numbers=("position", *MASKED_COLUMNS[3:]))
    effects = read_tsv(tables["substitutions"], numbers=("position", "logit", "probability", "effect"))
    positions = read_tsv(tables["positions"], numbers=("position", "mean_drop", "worst_effect"))
    protein, backbone = explained["protein"], about["backbone"]
    titles = {
        term["id"]: f"{short(term['name'], 60)}, probability {proteinpage.probability_text(term['probability'])}"
        for term in explained["terms"]
    }
    shown = explained["masked"]["shown"]
    save(token_planes(tokens, proteinpage.token_notes(explained["tokens"], backbone)), outputs["tokens"])
    save(masked_bars(masked, shown, explained["masked"]["reason"]), outputs["masked"])
    save(drop_profiles(positions, titles, (explained["first"], explained["last"])), outputs["profile"])
    save(substitution_maps(effects, titles), outputs["substitutions"])
    pictures = {
        "tokens": (outputs["tokens"], "The 20 amino acids in two planes, coloured by biochemical class"),
        "masked": (outputs["masked"], "Probability of each amino acid at masked positions"),
        "profile": (outputs["profile"], "Mean drop of the logit along the sequence, term by term"),
        "substitutions": (outputs["substitutions"], "Change of the logit by every substitution"),
    }
    compared = None
    if groups:
        compared = draw_groups(groups, outputs["groups"])
        pictures["groups"] = (outputs["groups"], f"Maps of proteins: {' and '.join(compared['names'])}")
    solid = None
    if structure_path:
        solid = paint_structure(structure_path, chain, protein, positions, explained, outputs)
    context = {
        "about": about,
        "protein": protein,
        "explained": explained,
        "where": proteinpage.SUBSETS[protein["subset"]],
        "nearest": proteinpage.nearest_text(protein),
        "runs": judged,
        "figures": [figures(metric, judged, about["level"]) for metric in about["headline"]],
        "tokens": proteinpage.token_rows(explained["tokens"], backbone),
        "token_verdict": proteinpage.token_verdict(explained["tokens"], backbone),
        "classes": CLASSES,
        "masked": proteinpage.masked_rows(explained["masked"]["scores"]),
        "groups": compared,
        "terms": proteinpage.term_rows(explained),
        "effect_verdict": proteinpage.effect_verdict(explained),
        "cost": proteinpage.cost_text(explained["cost"]),
        "top": top_positions(positions, explained["terms"]),
        "structure": solid,
        "viewer": Markup(Path(viewer_path).read_text(encoding="utf-8").replace("</script", "<\\/script"))
        if solid
        else "",
        "pictures": {name: page.embed_figure(path, alt, name) for name, (path, alt) in pictures.items()},
        "colours": page.theme_colours(),
    }
    html = page.render(template, context, {"plural": plural})
    with atomic(outputs["page"]) as temporary:
        temporary.write_text(html, encoding="utf-8")
    with atomic(outputs["summary"]) as temporary:
        temporary.write_text("\n".join(summary(context)) + "\n", encoding="utf-8")


def draw_groups(groups: Mapping[str, str], figure_path: str) -> dict:
    """The maps of the compared groups, and what the page says of them."""
    maps, scores = pd.read_parquet(groups["map"]), read_tsv(groups["scores"], text=("vectors", "metric"))
    told = read_json(groups["counts"])
    names = [row["name"] for row in told["groups"]]
    panels = {proteinpage.VECTORS[own]: maps[maps["vectors"] == own] for own in dict.fromkeys(maps["vectors"])}
    save(class_maps(panels, {name: name for name in names}, proteinpage.group_notes(scores)), figure_path)
    verdict = proteinpage.group_verdict(scores, names)
    return {"names": names, "rows": proteinpage.group_rows(scores), "verdict": verdict, "counts": told}


def paint_structure(
    path: str,
    chain: str | None,
    protein: Mapping,
    positions: pd.DataFrame,
    explained: Mapping,
    outputs: Mapping[str, str],
) -> dict:
    """Write the painted structure and its table; what the page shows of it."""
    model = read_structure(path)
    found = match(protein["sequence"], model, chain, path)
    term = explained["terms"][0]
    own = positions[positions["term"] == term["id"]]
    values = np.full(protein["length"], np.nan)
    values[own["position"].astype(int) - 1] = own["mean_drop"]
    table = residue_table(found, protein["sequence"], values)
    write_tsv(outputs["structure"], table)
    paint(model, found, table["percent"])
    with atomic(outputs["painted"]) as temporary:
        temporary.write_text(written(model, "cif"), encoding="utf-8")
    # The viewer knows insertion codes in PDB only.
    kind = "pdb" if fits_pdb(model) else "cif"
    known = table[table["value"].notna()]
    rng = stream(0, protein["id"], "neighbours")
    buried = along_neighbours(known["value"].to_numpy(), known["neighbours"].to_numpy(), rng, explained["level"])
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return {
        "name": Path(path).name,
        "term": term["name"],
        "match": found.told(),
        "check": proteinpage.check_row({"check": "buried", **buried}),
        "view": {
            "text": written(model, kind),
            "kind": kind,
            "chain": found.chain.name,
            "cartoon": all("O" in residue for residue in found.chain.residues),
            "residues": [
                {key: row[key] for key in ("chain", "number", "letter", "position", "value", "percent")} for row in rows
            ],
        },
    }


def top_positions(positions: pd.DataFrame, terms: Sequence[Mapping], most: int = 10) -> list[dict]:
    """Of each term the positions that matter most, as a line."""
    told = []
    for term in terms:
        rows = positions[positions["term"] == term["id"]].nlargest(most, "mean_drop")
        line = ", ".join(f"{row.letter}{int(row.position)} ({row.mean_drop:.2f})" for row in rows.itertuples())
        told.append({"name": term["name"], "line": line})
    return told


def summary(context: Mapping) -> list[str]:
    """The page in a few lines."""
    protein, about, run = context["protein"], context["about"], context["runs"][0]
    lines = [
        f"{protein['id']} ({protein['length']} residues), looked at with {run['model']} (seed {run['seed']}) of "
        f"{about['study']}, split {about['split']}",
        f"  {context['where']} {context['nearest']}",
        f"  1. {context['token_verdict']}",
    ]
    reason = context["explained"]["masked"]["reason"]
    told = "; ".join(
        f"{row['title']} {row['value']} [{row['interval']}], background {row['baseline']}" for row in context["masked"]
    )
    lines.append(f"  2. masked residues: {'none, ' + reason if reason else told}")
    lines.append(f"  3. {context['groups']['verdict'] if context['groups'] else 'no groups were compared'}")
    lines.append(f"  4. {context['effect_verdict']} {context['cost']}")
    lines += [f"     {row['name']}: {row['line']}" for row in context["top"]]
    solid = context["structure"]
    if solid:
        fit = solid["match"]
        lines.append(
            f"  5. {solid['name']}, chain {fit['chain']}: {fit['aligned']} residues aligned, {len(fit['mismatches'])} "
            f"of them differ; {fit['unseen']} of the protein are not in the structure"
        )
    else:
        lines.append("  5. no structure was given")
    trivial = context["runs"][1]["model"]
    for row in context["figures"]:
        own, other = (f"{cell['value']} [{cell['interval'] or 'no interval'}]" for cell in row["cells"])
        lines.append(f"  on test, {row['title']}: {run['model']} {own}; {trivial} {other}")
    return lines


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        runs = zip(snakemake.params.runs, snakemake.input.metrics, snakemake.input.replicates, strict=True)
        names = ("tokens", "masked", "substitutions", "positions", "explained")
        parts = {"map": "groups", "scores": "group_scores", "counts": "group_counts"}
        look_inside_protein(
            {name: snakemake.input[name] for name in names},
            {name: snakemake.input[key] for name, key in parts.items() if snakemake.input.get(key)},
            snakemake.input.get("structure") or None,
            snakemake.params.settings["chain"],
            [run | {"metrics": metrics, "replicates": replicates} for run, metrics, replicates in runs],
            snakemake.params.about,
            snakemake.input.template,
            snakemake.input.viewer,
            dict(snakemake.output.items()),
        )
