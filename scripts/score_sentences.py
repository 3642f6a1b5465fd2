"""Part a text into sentences and let a trained model say how probable each label is for each of them."""

import logging

from lexome.classified import label_names, sentence_table
from lexome.runtime import job, read_json, write_tsv
from lexome.texts import read_text


def score_sentences(
    text_path: str,
    model_folder: str,
    backbone_folder: str | None,
    labels_path: str,
    settings: dict,
    backbone: dict | None,
    gpus: int,
    table_path: str,
) -> None:
    """Write `sentences.tsv`, see `classified.sentence_table`.

    Parameters
    ----------
    backbone_folder
        The frozen backbone of a `head`, or None.
    labels_path
        `<split>.labels.json`.
    settings
        The model's entry in the config.
    backbone
        The entry of the model's backbone in the registry, or None.
    """
    import datasets

    from lexome.predictors import load_predictor
    from lexome.sentences import split_sentences

    datasets.disable_progress_bars()
    datasets.disable_caching()
    labels = read_json(labels_path)
    text = read_text(text_path)
    sentences = split_sentences(text)
    own = [" ".join(text[sentence.start : sentence.end].split()) for sentence in sentences]
    predictor = load_predictor(model_folder, settings, backbone_folder, backbone, labels["task"], gpus)
    scores = predictor(own)
    cut = predictor.cut(own)
    logging.info("%d sentences, %d of them longer than the model reads", len(own), cut.sum())
    names = label_names(labels["labels"])
    write_tsv(table_path, sentence_table(text, sentences, scores, names, labels["task"], cut))


if __name__ == "__main__":
    with job(snakemake):
        score_sentences(
            snakemake.input.text,
            snakemake.input.model,
            snakemake.input.backbone or None,
            snakemake.input.labels,
            snakemake.params.settings,
            snakemake.params.backbone,
            snakemake.resources.get("gpu", 0),
            snakemake.output.table,
        )
