"""Prepare: raw files to examples with labels. The only stage with a rule a study.

Needs: a study's files (config: studies.<study>.prepare).
Makes: results/ontologies/<ontology>.parquet, results/<study>/examples.parquet, labels.json, prepare.json; for binding
studies implants.parquet (the planted sites of simulated sequences); for those of species sources.parquet (the coding
sequences that the examples are windows of).
"""


rule parse_ontology:
    input:
        obo=ontology_source,
    output:
        terms="results/ontologies/{ontology}.parquet",
    log:
        "results/logs/parse_ontology/{ontology}.log",
    benchmark:
        "results/benchmarks/parse_ontology/{ontology}.tsv"
    priority: 10
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        checksums=checksums("obo"),
        code=code("parse_ontology"),
    message:
        "Parse the ontology {wildcards.ontology}"
    script:
        "../scripts/parse_ontology.py"


rule prepare_protein_function:
    input:
        ontology=ontology_table,
        annotations=prepare_file("annotations"),
        sequences=prepare_file("sequences"),
        taxonomy=prepare_file("taxonomy"),
        targets=prepare_targets,
    output:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
        report="results/{study}/prepare.json",
    log:
        "results/logs/prepare_protein_function/{study}.log",
    benchmark:
        "results/benchmarks/prepare_protein_function/{study}.tsv"
    wildcard_constraints:
        study=any_of(plan.studies_by_rule(studies, "protein_function")),
    priority: 10
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="30m",
    params:
        settings=prepare_settings,
        checksums=checksums("annotations", "sequences", "taxonomy", "targets"),
        code=code("prepare_protein_function"),
    message:
        "Prepare the proteins and functions of {wildcards.study}"
    script:
        "../scripts/prepare_protein_function.py"


rule prepare_go_aspect:
    input:
        ontology=ontology_table,
    output:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
        report="results/{study}/prepare.json",
    log:
        "results/logs/prepare_go_aspect/{study}.log",
    benchmark:
        "results/benchmarks/prepare_go_aspect/{study}.tsv"
    wildcard_constraints:
        study=any_of(plan.studies_by_rule(studies, "go_aspect")),
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        settings=prepare_settings,
        code=code("prepare_go_aspect"),
    message:
        "Prepare the definitions of {wildcards.study}"
    script:
        "../scripts/prepare_go_aspect.py"


rule prepare_texts:
    input:
        file=prepare_file("file"),
    output:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
        report="results/{study}/prepare.json",
    log:
        "results/logs/prepare_texts/{study}.log",
    benchmark:
        "results/benchmarks/prepare_texts/{study}.tsv"
    wildcard_constraints:
        study=any_of(plan.studies_by_rule(studies, "texts")),
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        settings=prepare_settings,
        checksums=checksums("file"),
        code=code("prepare_texts"),
    message:
        "Prepare the texts of {wildcards.study}"
    script:
        "../scripts/prepare_texts.py"


rule prepare_functional_genomics:
    input:
        archive=prepare_file("archive"),
        loose=prepare_loose,
    output:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
        report="results/{study}/prepare.json",
    log:
        "results/logs/prepare_functional_genomics/{study}.log",
    benchmark:
        "results/benchmarks/prepare_functional_genomics/{study}.tsv"
    wildcard_constraints:
        study=any_of(plan.studies_by_rule(studies, "functional_genomics")),
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        settings=prepare_settings,
        checksums=checksums("archive"),
        code=code("prepare_functional_genomics"),
    message:
        "Prepare the annotated documents of {wildcards.study}"
    script:
        "../scripts/prepare_functional_genomics.py"


rule prepare_concepts:
    input:
        ontology=ontology_table,
        file=prepare_file("file"),
    output:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
        report="results/{study}/prepare.json",
    log:
        "results/logs/prepare_concepts/{study}.log",
    benchmark:
        "results/benchmarks/prepare_concepts/{study}.tsv"
    wildcard_constraints:
        study=any_of(plan.studies_by_rule(studies, "concepts")),
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="15m",
    params:
        settings=prepare_settings,
        checksums=checksums("file"),
        code=code("prepare_concepts"),
    message:
        "Prepare the mentions of terms of {wildcards.study}"
    script:
        "../scripts/prepare_concepts.py"


rule prepare_tf_binding:
    input:
        motifs=prepare_file("motifs"),
        background=prepare_file("background"),
        genome=prepare_file("genome"),
        blacklist=prepare_file("blacklist"),
        files=prepare_tables,
    output:
        examples="results/{study}/examples.parquet",
        labels="results/{study}/labels.json",
        implants="results/{study}/implants.parquet",
        report="results/{study}/prepare.json",
    log:
        "results/logs/prepare_tf_binding/{study}.log",
    benchmark:
        "results/benchmarks/prepare_tf_binding/{study}.tsv"
    wildcard_constraints:
        study=any_of(plan.studies_by_rule(studies, "tf_binding")),
    priority: 10
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(4000),
        runtime="1h",
    params:
        settings=prepare_settings,
        checksums=checksums("motifs", "background", "genome", "blacklist", "files"),
        code=code("prepare_tf_binding"),
    message:
        "Prepare the bound and unbound sequences of {wildcards.study}"
    script:
        "../scripts/prepare_tf_binding.py"


rule prepare_species:
    input:
        codon_usage=prepare_file("codon_usage"),
        files=prepare_tables,
    output:
        examples="results/{study}/examples.parquet",
        sources="results/{study}/sources.parquet",
        labels="results/{study}/labels.json",
        report="results/{study}/prepare.json",
    log:
        "results/logs/prepare_species/{study}.log",
    benchmark:
        "results/benchmarks/prepare_species/{study}.tsv"
    wildcard_constraints:
        study=any_of(plan.studies_by_rule(studies, "species")),
    priority: 10
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(6000),
        runtime="30m",
    params:
        settings=prepare_settings,
        checksums=checksums("codon_usage", "files"),
        code=code("prepare_species"),
    message:
        "Prepare the windows of coding DNA of {wildcards.study}"
    script:
        "../scripts/prepare_species.py"
