"""The functions that give the rules of maps and curves their inputs and params.

Needs: what rules/common.smk and rules/common_report.smk define.
Makes: no file.
"""

from types import SimpleNamespace

from lexome import mapsplan


def mapped_runs(wildcards):
    """Each run that is mapped, as wildcards: study, split, model and seed."""
    return [
        SimpleNamespace(
            study=wildcards.study, split=wildcards.split, model=model, seed=seed
        )
        for model, seed in studies[wildcards.study]["maps"]["of"]
    ]


def run_folder(run):
    """Where a run lies."""
    return f"results/{run.study}/{run.split}/{run.model}/seed{run.seed}"


def map_predictions(wildcards):
    """The predictions of each mapped run."""
    return [f"{run_folder(run)}/predictions.parquet" for run in mapped_runs(wildcards)]


def map_sources(wildcards):
    """What the vectors of the mapped runs come from: stored embeddings, or tokens and a fine-tuned model."""
    files = []
    for run in mapped_runs(wildcards):
        if fine_tuned(run):
            files += [f"{run_folder(run)}/model", tuned_tokens(run)]
        else:
            files += embeddings_files(run)
    return list(dict.fromkeys(files))


def map_runs(wildcards):
    """The mapped runs as `map_embeddings` reads them."""
    told = []
    for run in mapped_runs(wildcards):
        settings = model_settings(run)
        entry = {
            "model": run.model,
            "seed": int(run.seed),
            "kind": settings["kind"],
            "backbone": settings["backbone"],
            "predictions": f"{run_folder(run)}/predictions.parquet",
        }
        if fine_tuned(run):
            limit = backbones[settings["backbone"]]["max_tokens"]
            entry |= {
                "model_folder": f"{run_folder(run)}/model",
                "tokens": tuned_tokens(run),
                "max_length": min(settings["training"]["max_length"], limit),
            }
        else:
            entry |= {
                "embeddings": embeddings_folder(run),
                "layers": settings["layers"],
                "pooling": settings["pooling"],
            }
        told.append(entry)
    return told


def map_settings(wildcards):
    """How vectors are mapped and measured, and whether sequences begin with a codon."""
    entry = studies[wildcards.study]["maps"]
    in_frame = prepare_settings(wildcards).get("in_frame", False)
    return {
        "neighbours": entry["neighbours"],
        "umap": dict(entry["umap"]),
        "in_frame": in_frame,
    }


def map_neighbours(wildcards):
    """Neighbours that have a say in the kNN accuracy."""
    return studies[wildcards.study]["maps"]["neighbours"]


def map_gpus(wildcards):
    """GPUs of the maps: a fine-tuned model gains from one, stored embeddings do not."""
    return int(any(fine_tuned(run) for run in mapped_runs(wildcards)))


def divergence_times(wildcards):
    """Divergence times of pairs of species in million years."""
    return studies[wildcards.study]["maps"]["distances"]


def mapped_models(wildcards):
    """Models of the mapped runs, each once."""
    return list(dict.fromkeys(run.model for run in mapped_runs(wildcards)))


def curve_comparisons(wildcards):
    """The comparisons that a curve is read from."""
    return [
        f"results/{entry['study']}/{entry['split']}/comparison.tsv"
        for entry in mapsplan.curve_entries(wildcards.study, studies)
    ]


def curve_entries(wildcards):
    """Those comparisons with their study, split and value of the setting."""
    return [
        {**entry, "comparison": path}
        for entry, path in zip(
            mapsplan.curve_entries(wildcards.study, studies),
            curve_comparisons(wildcards),
        )
    ]


def curve_models(wildcards):
    """Models of all studies of a curve."""
    return mapsplan.curve_models(wildcards.study, studies)


def curve_label(wildcards):
    """What the setting of a curve is called."""
    return studies[wildcards.study]["curve"]["label"]


MAP_FIGURES = {
    "map": "Maps of the vectors",
    "confusion_distance": "Confusion and divergence time",
}


def map_file(name, kind, what):
    """A figure, table or page of the maps, with its caption for Snakemake's own report."""
    return report(
        f"results/{{study}}/{{split}}/maps/{name}.{kind}",
        caption=f"../resources/report/{name}.rst",
        category="{study}",
        labels={"split": "{split}", "what": what},
    )


def mapped(study, split):
    """The maps of a (study, split) for the report: tables, figures and page; None where there are none."""
    if study not in mapsplan.mapped_studies(studies):
        return None
    folder = f"results/{study}/{split}/maps"
    names, tables = ["map"], {"scores": f"{folder}/map_scores.tsv"}
    if study in mapsplan.compared_studies(studies):
        names.append("confusion_distance")
        tables |= {
            "pairs": f"{folder}/confusion_distance.tsv",
            "tests": f"{folder}/mantel.tsv",
        }
    figures = [
        {
            "path": f"{folder}/{name}.svg",
            "title": MAP_FIGURES[name],
            "caption": report_source(f"{name}.rst"),
        }
        for name in names
    ]
    chosen = studies[study]["maps"]["of"][-1][0]
    return {
        "page": f"{folder}/map.html",
        "tables": tables,
        "figures": figures,
        "chosen": chosen,
        "neighbours": studies[study]["maps"]["neighbours"],
    }


def drawn_curve(study):
    """The curve of a study for the report: table, figure, metric and words; None where there is none."""
    if study not in mapsplan.curve_studies(studies):
        return None
    return {
        "table": f"results/{study}/curve.tsv",
        "metric": studies[study]["headline"][0],
        **{key: studies[study]["curve"][key] for key in ("label", "unit")},
        "figure": {
            "path": f"results/{study}/figures/curve.svg",
            "title": f"{studies[study]['headline'][0].replace('_', ' ').capitalize()} against {studies[study]['curve']['label']}",
            "caption": report_source("curve.rst"),
        },
    }
