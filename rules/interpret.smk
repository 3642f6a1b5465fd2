"""Interpret: what a fine-tuned text classifier looks at, checked by taking words away.

Needs: a fine-tuned run (its model/ and predictions), examples, labels, split; the study's key `interpret`.
Makes: results/<study>/<split>/interpret/<model>/seed<k>/: texts.parquet (explained test texts), attributions.parquet
(a row a word), deletion.tsv and deletion.json (what removing words costs, and the verdict), attention.json, and the
figures attributions.svg, words.svg, deletion.svg and the page attention.html.
"""


rule explain_texts:
    input:
        examples="results/{study}/examples.parquet",
        study_labels="results/{study}/labels.json",
        assignment="results/{study}/splits/{split}.parquet",
        split_labels="results/{study}/splits/{split}.labels.json",
        predictions="results/{study}/{split}/{model}/seed{seed}/predictions.parquet",
        model="results/{study}/{split}/{model}/seed{seed}/model",
    output:
        texts="results/{study}/{split}/interpret/{model}/seed{seed}/texts.parquet",
        attributions="results/{study}/{split}/interpret/{model}/seed{seed}/attributions.parquet",
        table="results/{study}/{split}/interpret/{model}/seed{seed}/deletion.tsv",
        verdict="results/{study}/{split}/interpret/{model}/seed{seed}/deletion.json",
        attention="results/{study}/{split}/interpret/{model}/seed{seed}/attention.json",
    log:
        "results/logs/explain_texts/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/explain_texts/{study}/{split}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        study=any_of(interpreted_studies()),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=grow_memory(4000),
        runtime="2h",
    params:
        settings=interpret_settings,
        bootstrap=bootstrap_settings,
        code=code("explain_texts"),
    message:
        "Explain {wildcards.model} on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/explain_texts.py"


rule plot_explanations:
    input:
        texts="results/{study}/{split}/interpret/{model}/seed{seed}/texts.parquet",
        attributions="results/{study}/{split}/interpret/{model}/seed{seed}/attributions.parquet",
        table="results/{study}/{split}/interpret/{model}/seed{seed}/deletion.tsv",
        attention="results/{study}/{split}/interpret/{model}/seed{seed}/attention.json",
        labels="results/{study}/labels.json",
        template=report_source("attention.html.j2"),
        style=report_source("attention.css"),
        behaviour=report_source("attention.js"),
    output:
        texts=explanation("attributions", "svg"),
        words=explanation("words", "svg"),
        deletion=explanation("deletion", "svg"),
        attention=explanation("attention", "html"),
    log:
        "results/logs/plot_explanations/{study}/{split}/{model}/seed{seed}.log",
    benchmark:
        "results/benchmarks/plot_explanations/{study}/{split}/{model}/seed{seed}.tsv"
    wildcard_constraints:
        study=any_of(interpreted_studies()),
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        title=study_title,
        run="{split}, {model}, seed {seed}",
        code=code("plot_explanations"),
    message:
        "Draw what {wildcards.model} looks at on {wildcards.study} ({wildcards.split}), seed {wildcards.seed}"
    script:
        "../scripts/plot_explanations.py"
