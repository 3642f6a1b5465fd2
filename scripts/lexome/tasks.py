"""What the `prepare` entry of a study says of its task, and which settings of the study fit it."""

from collections.abc import Mapping
from datetime import date

# As the prepare scripts write them into labels.json.
NOUNS = {
    "protein_function": ("protein", "term"),
    "go_aspect": ("definition", "class"),
    "tf_binding": ("sequence", "factor"),
    "species": ("window", "species"),
    "functional_genomics": ("document", "category"),
}
TEXT_RULES = ("go_aspect", "texts")  # rules whose examples are texts with labels
# Rules whose examples are documents with entities and links.
TAGGING_RULES = ("functional_genomics", "concepts")
OF_LABELS = ("auprc", "auroc", "accuracy", "precision", "recall", "mcc")
# Over a whole aspect of the ontology, see `cafametrics`; without `smin`, of which less is better.
OF_ONTOLOGY = (
    *("fmax", "rootless_fmax", "weighted_fmax", "micro_auprc", "rootless_micro_auprc"),
    *("ontology_protein_auprc", "rootless_ontology_protein_auprc", "ontology_term_auprc", "ontology_term_auroc"),
)
OF_CLASSES = (
    *("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc"),
    *("weighted_precision", "weighted_recall", "weighted_f1"),
)
# Of documents; what runs have of them goes by the labels (links, concepts, the words of each field) and the model.
OF_TAGS = (
    *(f"{unit}_{measure}" for unit in ("entity", "partial", "word") for measure in ("f1", "precision", "recall")),
    "word_bio_f1",
)
OF_LINKS = (
    *(f"{unit}_{measure}" for unit in ("link", "joint_link") for measure in ("f1", "precision", "recall")),
    "joint_link_partial_f1",
)
OF_CONCEPTS = (
    *(f"concept_{measure}" for measure in ("f1", "precision", "recall")),
    *("concept_document_f1", "concept_hierarchical_f1", "concept_span_f1", "concept_unseen_recall"),
)
# What training by epochs records of valid (`models.FIGURES`), beside the loss.
MONITORS = {
    "multi_label": ("valid_loss", "valid_label_auprc", "valid_label_auroc", "valid_example_auprc"),
    "multi_class": ("valid_loss", "valid_accuracy", "valid_macro_f1"),
    "tagging": ("valid_loss", "valid_entity_f1", "valid_link_f1"),
}
CARRY = {"multi_label": "several labels", "multi_class": "one class", "tagging": "entities and links"}


def task_of(prepare: Mapping) -> str:
    """`multi_label` (examples carry any number of labels), `multi_class` (exactly one) or `tagging` (entities)."""
    if prepare["rule"] in TAGGING_RULES:
        return "tagging"
    several = prepare["rule"] in ("protein_function", "tf_binding") or prepare.get("slim")
    return "multi_label" if several else "multi_class"


def of_terms(prepare: Mapping) -> bool:
    """Whether labels are terms of one aspect of an ontology, which examples carry with all that they imply."""
    return prepare["rule"] == "protein_function"


def fits_headline(metric: str, prepare: Mapping) -> bool:
    """Whether the runs of a study have a metric. Those of a single class count, whatever the class is called."""
    if task_of(prepare) == "multi_label":
        return metric in headlines(prepare)
    if task_of(prepare) == "tagging":
        # The words of a field count, whatever the field is called: `context_word_f1`; and the concepts of each of
        # several aspects.
        aspects = prepare.get("aspects", []) if prepare["rule"] == "concepts" else []
        own = [f"{aspect}_concept_f1" for aspect in aspects if len(aspects) > 1]
        return metric in [*headlines(prepare), *own] or metric.endswith("_word_f1")
    return metric in OF_CLASSES or metric.endswith(("_precision", "_recall"))


def headlines(prepare: Mapping) -> list[str]:
    """The metrics that can be shown first, but for those of single classes."""
    if task_of(prepare) == "multi_class":
        return list(OF_CLASSES)
    if task_of(prepare) == "tagging":
        return [*OF_TAGS, *(OF_CONCEPTS if prepare["rule"] == "concepts" else OF_LINKS)]
    own = [f"{noun}_{metric}" for noun in NOUNS[prepare["rule"]] for metric in OF_LABELS]
    return [*own, *(OF_ONTOLOGY if of_terms(prepare) else ())]


def check_task(study: Mapping, where: str) -> list[str]:
    """Mistakes of a study whose metrics or splits belong to the other task, one line each.

    Parameters
    ----------
    study
        Its entry in the config, which fits the schemas.
    where
        The path of its key.
    """
    prepare, task = study["prepare"], task_of(study["prepare"])
    carry = f"here, where every example carries {CARRY[task]}"
    mistakes = [
        f"{where}.headline: there is no {metric!r} {carry}; there are {', '.join(headlines(prepare))}"
        for metric in study["headline"]
        if not fits_headline(metric, prepare)
    ]
    mistakes += _check_species(prepare, f"{where}.prepare") + _check_protocol(prepare, f"{where}.prepare")
    mistakes += _check_windows(study, f"{where}.models")
    for name, model in study["models"].items():
        monitor = (model.get("training") or {}).get("monitor")
        if monitor and monitor not in MONITORS[task]:
            known = ", ".join(MONITORS[task])
            mistakes.append(f"{where}.models.{name}.training.monitor: no {monitor!r} {carry}; there are {known}")
    for name, split in study["splits"].items():
        if split["method"] == "stratified" and task != "multi_class":
            mistakes.append(f"{where}.splits.{name}.method: no 'stratified' {carry}; there is random")
    return mistakes


def _check_protocol(prepare: Mapping, where: str) -> list[str]:
    """Protocols of CAFA that do not fit each other, their files or the calendar."""
    time, targets = prepare.get("time"), prepare.get("targets")
    if prepare["rule"] != "protein_function" or not (time or targets or prepare.get("knowledge")):
        return []
    mistakes = []
    if time and targets:
        mistakes.append(f"{where}.targets: the test proteins are those of `time` already; leave one of the two out")
    if not time and not targets:
        mistakes.append(f"{where}.knowledge: there are no test proteins without `time` or `targets`; leave it out")
    if not time and "partial" in prepare.get("knowledge", []):
        mistakes.append(f"{where}.knowledge: 'partial' is of `time` only; leave it out")
    if time and prepare["format"] != "gaf":
        mistakes.append(f"{where}.time: CAFA terms have no dates; use a GAF file (format: gaf), or no `time`")
    days = []
    for key, day in (time or {}).items():
        try:
            days += [date.fromisoformat(day)] if day else []
        except ValueError:
            mistakes.append(f"{where}.time.{key}: {day!r} is no day of the calendar")
    if len(days) == 2 and date.fromisoformat(time["test_before"]) <= date.fromisoformat(time["train_before"]):
        mistakes.append(f"{where}.time.test_before: has to be after train_before, which is {time['train_before']}")
    return mistakes


def _check_species(prepare: Mapping, where: str) -> list[str]:
    """Species without a file, and files of no species."""
    if prepare["rule"] != "species":
        return []
    species, files = prepare["species"], prepare["files"]
    absent = [
        f"{where}.files.{name}: missing; name its FASTA, or take {name} off `species`"
        for name in species
        if name not in files
    ]
    strangers = [
        f"{where}.files.{name}: {name} is not in `species`; there are {', '.join(species)}"
        for name in files
        if name not in species
    ]
    owner: dict[str, str] = {}
    twice = [
        f"{where}.files.{name}: {path} is the file of {owner[path]} too; name that of {name}"
        for name, path in files.items()
        if prepare["source"] == "cds" and owner.setdefault(path, name) != name
    ]
    return absent + strangers + twice


def _check_windows(study: Mapping, where: str) -> list[str]:
    """Models that read windows otherwise than these are cut."""
    prepare = study["prepare"]
    if prepare["rule"] != "species":
        return []
    mistakes = []
    for name, model in study["models"].items():
        long = [shift for shift in model.get("readings", {}).get("shifts", []) if shift >= prepare["window"]]
        if long:
            mistakes.append(
                f"{where}.{name}.readings.shifts: {long[0]} leaves nothing of windows of {prepare['window']} "
                "nucleotides; take less"
            )
        if model.get("step") == 3 and not prepare["in_frame"]:
            mistakes.append(
                f"{where}.{name}.step: 3 counts codons, but windows start anywhere in them; set `prepare: in_frame: "
                "true`, or leave the key out"
            )
    return mistakes
