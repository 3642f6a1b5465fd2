"""Convert: annotated documents from one form to another, put together and parted.

Needs: files or folders of documents (`--config documents=PATH to=brat`); for MAE's XML the definition of its tags
(`tag_definition=PATH`) and, in an archive, the folders wanted (`folders="[NAME]"`).
Makes: results/converted/<name>.<form>/: the documents and conversion.json (the target `snakemake convert_documents`).
"""

# A mistake that an input function finds comes with a traceback; here it is one line.
if "convert_documents" in sys.argv:
    convertplan.convert_settings(config)


rule convert_documents:
    input:
        documents=documents_to_convert,
        loose=loose_documents,
    output:
        folder=directory(convertplan.converted_folder(config)),
    log:
        f"results/logs/convert_documents/{Path(convertplan.converted_folder(config)).name}.log",
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=grow_memory(2000),
        runtime="30m",
    params:
        settings=conversion_settings,
        code=code("convert_documents"),
    message:
        "Convert documents to {params.settings[to]}"
    script:
        "../scripts/convert_documents.py"
