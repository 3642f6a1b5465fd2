"""Metrics, monitors and splits fit what the study's examples carry."""

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from annotated import small
from lexome import plan
from lexome.errors import LexomeError
from lexome.metrics import multi_label_metrics
from lexome.models import FIGURES
from lexome.multiclass import multi_class_metrics
from lexome.settings import load_yaml
from lexome.tagmetrics import document_sums, figures
from lexome.tasks import (
    MONITORS,
    NOUNS,
    OF_CLASSES,
    OF_ONTOLOGY,
    TAGGING_RULES,
    fits_headline,
    headlines,
    of_terms,
    task_of,
)

ROOT = Path(__file__).parent.parent
SLIM, ASPECT = ({"rule": "go_aspect", "slim": slim} for slim in ("goslim_generic", None))
PROTEINS, TEXTS, BINDING = {"rule": "protein_function"}, {"rule": "texts"}, {"rule": "tf_binding"}


@pytest.fixture
def config(monkeypatch):
    monkeypatch.chdir(ROOT)
    return copy.deepcopy(load_yaml("config/config.yaml"))


def check(config):
    plan.check_workflow(config, plan.load_registries("config", config), "config/schemas")


@pytest.mark.parametrize(
    ("prepare", "task"),
    [
        *((PROTEINS, "multi_label"), (SLIM, "multi_label"), (BINDING, "multi_label")),
        *((ASPECT, "multi_class"), (TEXTS, "multi_class")),
    ],
)
def test_what_is_allowed_is_what_runs_have(prepare, task):
    assert task_of(prepare) == task
    rng = np.random.default_rng(0)
    truth, scores = np.eye(3, dtype=np.uint8)[rng.integers(3, size=30)], rng.dirichlet(np.ones(3), size=30)
    if task == "multi_label":
        measured = multi_label_metrics(truth, scores, *NOUNS[prepare["rule"]])
        calibrated = {name for name in measured if name.endswith("_ece")}  # of which less is better
        over_terms = set(OF_ONTOLOGY) if of_terms(prepare) else set()  # from the parsed ontology
        assert set(headlines(prepare)) == set(measured) - calibrated | over_terms
    else:
        assert set(headlines(prepare)) == set(multi_class_metrics(truth, scores)) - {"ece"}  # of which less is better
    recorded = FIGURES[task](truth, scores)
    assert set(MONITORS[task]) == {"valid_loss", *(f"valid_{name}" for name in recorded)}


@pytest.mark.parametrize("rule", TAGGING_RULES)
def test_what_is_allowed_of_documents_is_what_runs_have(rule):
    """Every figure that a run can have, whatever its labels are and its model finds; those of fields by their form."""
    document = dataclasses.replace(
        small(), entities=tuple(dataclasses.replace(one, fields={"concept": "GO:1"}) for one in small().entities)
    )
    concepts = rule == "concepts"
    links = None if concepts else [document.links]
    sums = document_sums(
        [document], [document], links, concepts=concepts, ancestors=lambda name: {name}, trained=set(), fields={}
    )
    assert task_of({"rule": rule}) == "tagging"
    assert set(headlines({"rule": rule})) == set(figures(sums))
    assert fits_headline("context_word_f1", {"rule": rule})
    assert not fits_headline("accuracy", {"rule": rule})
    several = {"rule": rule, "aspects": ["cellular_component", "molecular_function"]}
    assert fits_headline("cellular_component_concept_f1", several) == (rule == "concepts")
    assert not fits_headline("cellular_component_concept_f1", several | {"aspects": ["cellular_component"]})


@pytest.mark.parametrize(
    ("study", "metric"),
    [
        *(("go_aspect", metric) for metric in (*OF_CLASSES, "surgery_recall")),
        ("protein_function", "term_auprc"),
        ("protein_function", "protein_recall"),
        ("go_slim", "definition_auroc"),
    ],
)
def test_headlines(config, study, metric):
    config["studies"][study]["headline"] = [metric]
    check(config)


def training(model, monitor):
    return lambda study: study["models"][model].update(
        training={**study["models"][model]["training"], "monitor": monitor}
    )


@pytest.mark.parametrize(
    ("study", "change", "message"),
    [
        (
            "protein_function",
            lambda s: s.update(headline=["accuracy"]),
            r"\.headline: there is no 'accuracy'.*term_auprc",
        ),
        (
            "protein_function",
            lambda s: s.update(headline=["class_auprc"]),
            r"\.headline: .*several labels; .*term_auprc",
        ),
        ("go_slim", lambda s: s.update(headline=["term_auprc"]), r"go_slim\.headline: .*definition_auprc.*class_auprc"),
        (
            "go_aspect",
            lambda s: s.update(headline=["class_auprc"]),
            r"\.headline: .*one class; there are accuracy, bal",
        ),
        (
            "go_aspect",
            training("probe", "valid_label_auprc"),
            r"probe\.training\.monitor: .*valid_loss, valid_accuracy",
        ),
        ("go_aspect", training("native", "valid_example_auprc"), r"native\.training\.monitor: .*, valid_macro_f1$"),
        ("protein_function", training("mlp", "valid_macro_f1"), r"mlp\.training\.monitor: .*valid_label_auprc"),
        (
            "go_slim",
            lambda s: s["splits"]["official"].update(method="stratified"),
            r"go_slim\.splits\.official\.method: no 'stratified' here, where .* several labels; there is random",
        ),
    ],
)
def test_settings_of_the_other_task_are_refused(config, study, change, message):
    own = copy.deepcopy(config["studies"][study])  # others share parts of it
    config["studies"][study] = own
    change(own)
    with pytest.raises(LexomeError, match=message):
        check(config)
