"""Proteins: what a run sees in a protein. Its amino-acid tokens, masked residues, every substitution, two groups of
proteins by their embeddings, and the numbers painted on a structure.

Needs: the run that `protein` names in the config (a head on a frozen backbone), which is trained first where it has to
be; a protein (`--config 'protein={sequence: my.fa}'`, or the id of one of the study; without either the short test
protein that the run is surest of), and for the 3-D view its structure in PDB or mmCIF (`structure: my.pdb`; AlphaFold's
are at https://alphafold.ebi.ac.uk/entry/<UniProt accession>). Two GO terms or lists of ids as `groups`.
Makes: results/<study>/<split>/interpret/<model>/seed<k>/proteins/<name>/: tokens.tsv, masked.tsv, substitutions.tsv,
positions.tsv, explained.json, the figures tokens.svg, masked.svg, profile.svg, substitutions.svg and groups.svg,
protein.html and summary.txt, and with a structure structure.tsv and painted.cif, whose B factors are the numbers;
beside proteins/ the folder groups/ with groups.parquet, groups.tsv and groups.json. The target is
`snakemake look_inside_protein`; the rules have no wildcards, because the config names one protein.
"""

# A mistake that an input function finds comes with a traceback; here it is one line.
if "look_inside_protein" in sys.argv:
    proteinplan.protein_settings(config)


rule explain_protein:
    input:
        fasta=protein_fasta,
        examples=protein_study("examples.parquet"),
        assignment=protein_study("splits/{split}.parquet"),
        labels=protein_study("splits/{split}.labels.json"),
        predictions=protein_input("predictions.parquet"),
        model=protein_input("model"),
        backbone=protein_backbone,
    output:
        tokens=f"{EXPLAINED_PROTEIN}/tokens.tsv",
        masked=f"{EXPLAINED_PROTEIN}/masked.tsv",
        substitutions=f"{EXPLAINED_PROTEIN}/substitutions.tsv",
        positions=f"{EXPLAINED_PROTEIN}/positions.tsv",
        explained=f"{EXPLAINED_PROTEIN}/explained.json",
    log:
        f"results/logs/explain_protein/{Path(EXPLAINED_PROTEIN).name}.log",
    benchmark:
        f"results/benchmarks/explain_protein/{Path(EXPLAINED_PROTEIN).name}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=grow_memory(4000),
        runtime="2h",
    params:
        settings=protein_entry("sequence", "terms", "positions", "longest", "masked"),
        model=protein_model,
        backbone=protein_backbone_entry,
        bootstrap=bootstrap_settings,
        k=shingle_length,
        code=code("explain_protein"),
    message:
        "Look at every substitution in the protein"
    script:
        "../scripts/explain_protein.py"


rule map_proteins:
    input:
        examples=protein_study("examples.parquet"),
        assignment=protein_study("splits/{split}.parquet"),
        embeddings=protein_embeddings,
        ontology=groups_ontology,
        annotations=groups_annotations,
        lists=groups_lists,
    output:
        map=f"{EXPLAINED_RUN}/groups/groups.parquet",
        scores=f"{EXPLAINED_RUN}/groups/groups.tsv",
        counts=f"{EXPLAINED_RUN}/groups/groups.json",
    log:
        "results/logs/map_proteins/groups.log",
    benchmark:
        "results/benchmarks/map_proteins/groups.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="1h",
    params:
        settings=protein_entry("groups", "evidence"),
        prepare=groups_prepare,
        model=protein_model,
        embeddings=protein_embeddings_folder,
        bootstrap=bootstrap_settings,
        code=code("map_proteins"),
    message:
        "Compare the embeddings of two groups of proteins"
    script:
        "../scripts/map_proteins.py"


rule look_inside_protein:
    input:
        tokens=f"{EXPLAINED_PROTEIN}/tokens.tsv",
        masked=f"{EXPLAINED_PROTEIN}/masked.tsv",
        substitutions=f"{EXPLAINED_PROTEIN}/substitutions.tsv",
        positions=f"{EXPLAINED_PROTEIN}/positions.tsv",
        explained=f"{EXPLAINED_PROTEIN}/explained.json",
        groups=compared_groups("groups.parquet"),
        group_scores=compared_groups("groups.tsv"),
        group_counts=compared_groups("groups.json"),
        structure=protein_structure,
        metrics=protein_judged_files("metrics.json"),
        replicates=protein_judged_files("replicates.npz"),
        template=report_source("protein.html.j2"),
        parts=[report_source(name) for name in ("report.css", "protein.js")],
        viewer=f"{BASE}/resources/viewer/3Dmol-min.js",
    output:
        **optional_pictures(),
        tokens=f"{EXPLAINED_PROTEIN}/tokens.svg",
        masked=f"{EXPLAINED_PROTEIN}/masked.svg",
        profile=f"{EXPLAINED_PROTEIN}/profile.svg",
        substitutions=f"{EXPLAINED_PROTEIN}/substitutions.svg",
        page=f"{EXPLAINED_PROTEIN}/protein.html",
        summary=f"{EXPLAINED_PROTEIN}/summary.txt",
    log:
        f"results/logs/look_inside_protein/{Path(EXPLAINED_PROTEIN).name}.log",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="30m",
    params:
        settings=protein_entry("structure", "chain"),
        runs=protein_judged,
        about=about_protein,
        code=code("look_inside_protein"),
    message:
        "Show what the run sees in the protein"
    script:
        "../scripts/look_inside_protein.py"
