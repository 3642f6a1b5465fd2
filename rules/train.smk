"""Train: one run (study, split, model, seed) to a model and its predictions on valid and test.

Needs: examples, labels, split; the embeddings of a frozen backbone for a head; tokens and backbone for fine-tuning; the
file of known motifs for a model that scans them; the predictions of a tagger for a model that links its entities or names
their concepts, which takes the ontology too; the hits of the split for a model that carries labels over from them; the
predictions of its members for an ensemble.
Makes: results/<study>/<split>/<model>/seed<k>/: model/, predictions.parquet, history.jsonl, cost.json.
The labels of test examples are dropped when a run is loaded: no model can learn from them.
"""


rule train_model:
    input:
        examples="results/{study}/examples.parquet",
        study_labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        embeddings=embeddings_files,
        tokens=tuned_tokens,
        backbone=tuned_backbone,
        corpora=corpora_files,
        motifs=model_motifs,
        tagger=tagger_predictions,
        ontology=model_ontology,
        hits=model_hits,
        members=member_predictions,
    output:
        model=directory("results/{study}/{split}/{model}/seed{seed}/model"),
        predictions="results/{study}/{split}/{model}/seed{seed}/predictions.parquet",
        history="results/{study}/{split}/{model}/seed{seed}/history.jsonl",
        cost="results/{study}/{split}/{model}/seed{seed}/cost.json",
    log:
        "results/logs/train_model/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/train_model/{study}/{split}/{model}/seed{seed}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=training_gpus,
        mem_mb=grow_memory(4000),
        runtime=training_runtime,
    params:
        settings=model_settings,
        embeddings=embeddings_folder,
        embedding_parameters=embedding_parameters,
        corpora=seen_corpora,
        members=members,
        checksums=checksums("motifs"),
        code=code("train_model"),
    message:
        "Train {wildcards.model} on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/train_model.py"
