"""Train: one run (study, split, model, seed) to a model and its predictions on valid and test.

Needs: examples, labels, split; the embeddings of the model's backbone where it has one.
Makes: results/<study>/<split>/<model>/seed<k>/: model/, predictions.parquet, history.jsonl.
The labels of test examples are dropped when a run is loaded: no model can learn from them.
"""


rule train_model:
    input:
        examples="results/{study}/examples.parquet",
        study_labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        embeddings=embeddings_files,
    output:
        model=directory("results/{study}/{split}/{model}/seed{seed}/model"),
        predictions="results/{study}/{split}/{model}/seed{seed}/predictions.parquet",
        history="results/{study}/{split}/{model}/seed{seed}/history.jsonl",
    log:
        "results/logs/train_model/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/train_model/{study}/{split}/{model}/seed{seed}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="1h",
    params:
        settings=model_settings,
        embeddings=embeddings_folder,
        code=code("train_model"),
    message:
        "Train {wildcards.model} on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/train_model.py"
