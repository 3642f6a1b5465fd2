"""Trees of scikit-learn's classifiers as plain arrays: they can be saved and applied without pickles."""

from collections.abc import Mapping

import numpy as np

# A leaf points to itself, so that every example can take as many steps as the deepest tree has.
ARRAYS = ("feature", "threshold", "left", "right", "value", "roots", "depth")


def flatten(classifier) -> dict[str, np.ndarray]:
    """The nodes of a fitted forest of two classes (`ExtraTreesClassifier`, `RandomForestClassifier`), tree after tree.

    Returns
    -------
    feature : int32, threshold : float64, left, right : int32, value : float32
        Of each node, shape (n_nodes,): an example goes `left` if its feature is at most the threshold. `value` is the
        share of the second class in the node.
    roots : int32, shape (n_trees,)
    depth : int32, shape (1,)
        Steps from a root to the deepest leaf.
    """
    if list(classifier.classes_) != [0, 1]:
        raise ValueError("needs the classes 0 and 1")
    parts: dict[str, list] = {name: [] for name in ARRAYS}
    behind = depth = 0
    for estimator in classifier.estimators_:
        tree = estimator.tree_
        own = np.arange(tree.node_count)
        leaf = tree.children_left < 0
        parts["feature"].append(np.where(leaf, 0, tree.feature))
        parts["threshold"].append(np.where(leaf, 0.0, tree.threshold))
        parts["left"].append(np.where(leaf, own, tree.children_left) + behind)
        parts["right"].append(np.where(leaf, own, tree.children_right) + behind)
        values = tree.value[:, 0, :]
        parts["value"].append(values[:, 1] / values.sum(axis=1))
        parts["roots"].append([behind])
        behind, depth = behind + tree.node_count, max(depth, tree.max_depth)
    parts["depth"] = [[depth]]
    kinds = {"threshold": np.float64, "value": np.float32}
    return {name: np.concatenate(found).astype(kinds.get(name, np.int32)) for name, found in parts.items()}


def probabilities(arrays: Mapping[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """Mean share of the second class over the trees, float64, shape (n,).

    Parameters
    ----------
    arrays
        As `flatten` gives them.
    features
        float32, shape (n, n_features).
    """
    rows, total = np.arange(len(features)), np.zeros(len(features))
    for root in arrays["roots"]:
        at = np.full(len(features), root)
        for _ in range(int(arrays["depth"][0])):
            goes = features[rows, arrays["feature"][at]] <= arrays["threshold"][at]
            at = np.where(goes, arrays["left"][at], arrays["right"][at])
        total += arrays["value"][at]
    return total / len(arrays["roots"])
