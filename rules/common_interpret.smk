"""The functions that give the rules of explaining a run their inputs and params.

Needs: what rules/common.smk defines.
Makes: no file.
"""

# Figures of a run that is explained: title, and what Snakemake's own report calls them.
EXPLANATIONS = {
    "attributions": "What speaks for the predicted classes",
    "words": "Words that speak most for each class",
    "deletion": "What is lost without the words that matter",
    "attention": "Attention heads",
}
# The same of a network on DNA, in the order of the report; its pictures are told apart by their names.
SEQUENCE_FIGURES = {
    "attribution_scores": "Do attributions find the sites?",
    "heatmaps": "What every substitution does",
    "zooms": "Close up",
    "logos": "Several methods, one sequence",
    "motifs": "Motifs found in the network",
    "marginal": "What planted motifs do",
    "attention_maps": "Where attention goes",
}
SHOWN_SEQUENCES = {"heatmaps_all": "All shown sequences"}
EXPLANATIONS |= SEQUENCE_FIGURES | SHOWN_SEQUENCES


def interpreted_studies():
    """Studies whose config says which run is explained."""
    return [name for name, study in studies.items() if study.get("interpret")]


def explained_texts():
    """Those of them whose examples are texts."""
    return [
        name
        for name in interpreted_studies()
        if studies[name]["prepare"]["rule"] in plan.TEXT_RULES
    ]


def explained_dna():
    """Those of them whose examples are DNA."""
    return [name for name in interpreted_studies() if name not in explained_texts()]


def interpretation_folder(study, split):
    """Where the explanations of a (study, split) lie."""
    run = studies[study]["interpret"]
    return f"results/{study}/{split}/interpret/{run['model']}/seed{run['seed']}"


def explained(study, split):
    """The explained run of a (study, split) for the report: files, figures and page; None where there is none."""
    run = studies[study].get("interpret")
    if not run:
        return None
    folder = interpretation_folder(study, split)
    names = ["deletion", "words", "attributions"]
    told = {
        "verdict": f"{folder}/deletion.json",
        "page": f"{folder}/attention.html",
    }
    if study in explained_dna():
        names = [
            name
            for name in SEQUENCE_FIGURES
            if name != "attention_maps" or attends(study)
        ]
        told = {
            "page": f"{folder}/heatmaps_all.pdf",
            "model": run["model"],
            "seed": run["seed"],
            "tables": {
                "scores": f"{folder}/attribution_scores.tsv",
                "motifs": f"{folder}/motifs.tsv",
                "marginal": f"{folder}/marginal.tsv",
                "convergence": f"{folder}/convergence.json",
            },
        }
    figures = [
        {
            "path": f"{folder}/{name}.svg",
            "title": EXPLANATIONS[name],
            "caption": report_source(f"{name}.rst"),
        }
        for name in names
    ]
    return told | {"figures": figures}


def attends(study):
    """Whether the network that is explained has attention."""
    model = studies[study]["models"][studies[study]["interpret"]["model"]]
    blocks = int(model["architecture"] == "conv_transformer")
    return model.get("transformer_blocks", blocks) > 0


def interpret_settings(wildcards):
    """How the run in the wildcards is explained; motifs are a matter of their own."""
    entry = dict(studies[wildcards.study]["interpret"])
    for key in ("discovery", "motif_file", "matrices"):
        entry.pop(key, None)
    run = {"model": wildcards.model, "seed": int(wildcards.seed)}
    return {"shown": 10} | entry | run


def known_motifs(wildcards):
    """The file of the motifs that a study's factors are known to bind; nothing where none are named."""
    return plan.known_motifs(studies[wildcards.study])[0] or []


def known_matrices(wildcards):
    """The matrix of each factor in that file."""
    return plan.known_motifs(studies[wildcards.study])[1]


def discovery_settings(wildcards):
    """How motifs are looked for: the seed that draws sequences, and how many of each factor."""
    run = studies[wildcards.study]["interpret"]
    return {"seed": int(wildcards.seed), "discovery": run.get("discovery", 150)}


def study_title(wildcards):
    """The title of a study."""
    return studies[wildcards.study]["title"]


def explanation(name, kind):
    """A figure or page of an explained run, with its caption for Snakemake's own report."""
    return report(
        f"results/{{study}}/{{split}}/interpret/{{model}}/seed{{seed}}/{name}.{kind}",
        caption=f"../resources/report/{name}.rst",
        category="{study}",
        labels={"split": "{split}", "what": f"{EXPLANATIONS[name].lower()}, {{model}}"},
    )
