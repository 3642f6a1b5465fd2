"""What an adaptation did, in words and rows for the report: of `<name>.adaptation.json`."""

import re
from collections.abc import Mapping

from lexome.costtables import duration
from lexome.reporting import figure_text

TITLES = {
    "unigram": "how common tokens are",
    "bigram_left": "pairs of tokens, from the left",
    "bigram": "pairs of tokens, from both sides",
}


def adaptation_note(told: Mapping) -> str:
    """What a backbone was adapted to, and what that did to its perplexity."""
    corpus, held = told["corpus"], told["perplexity"]["valid"]
    subsets = " and ".join(corpus.get("subsets", [])).replace("left_out", "left out")
    where = corpus.get("file") or f"{subsets} of {corpus['study']}, {corpus['split']} split"
    if corpus.get("part") == "sources":
        where = f"whole sequences in pieces of {corpus['chunk']} letters, {where}"
    seen = (
        "they may hold valid and test texts, without labels"
        if told["transductive"]
        else "no valid or test text to the letter"
    )
    head = ""
    if told["head"] == "new":
        head = " (with a new head, trained on the unadapted weights; it learns on, so that part of the fall is its own)"
    if told.get("random_weights"):
        head = " (random weights)"
    return (
        f"{told['base']} trained on to tell {told['mask']:.0%} masked tokens of {told['texts']['train']:,} texts "
        f"({where}; {seen}). Perplexity of {held['texts']:,} other texts: {figure_text(held['before'])} before{head}, "
        f"{figure_text(held['after'])} after, ratio {figure_text(held['ratio'])}."
    )


def baseline_title(name: str) -> str:
    """What a baseline of `tokenbaselines` tells a masked token by."""
    chain = re.fullmatch(r"(codon_)?markov(\d+)(_left)?", name)
    if not chain:
        return TITLES.get(name, name)
    codon, order, left = chain.groups()
    frame = ", one for each place of a codon" if codon else ""
    return f"Markov chain over {order} nucleotides{frame}, from {'the left' if left else 'both sides'}"


def adaptation_rows(told: Mapping) -> list[dict[str, str]]:
    """Rows of the table of masked tokens of the texts held out; none where an older record has no accuracies.

    Returns
    -------
    list of dict
        `name`, `perplexity`, `accuracy`, and of the adapted model beside it `ratio` and `difference` ("" where it is
        the model itself); each figure with its interval.
    """
    if "accuracy" not in told:
        return []
    spread, right = told["perplexity"]["valid"], told["accuracy"]["valid"]
    start = "random weights, bias at token shares" if told.get("random_weights") else "before"
    rows = [
        ("after", spread["after"], right["after"], None, None),
        (start, spread["before"], right["before"], spread["ratio"], right["difference"]),
    ]
    for name, figures in told["baselines"].items():
        rows.append(
            (baseline_title(name), *(figures[key] for key in ("perplexity", "accuracy", "ratio", "difference")))
        )
    return [
        {
            "name": name,
            "perplexity": figure_text(perplexity),
            "accuracy": figure_text(accuracy),
            "ratio": figure_text(ratio),
            "difference": figure_text(difference, signed=True),
        }
        for name, perplexity, accuracy, ratio, difference in rows
    ]


def speed_note(told: Mapping) -> str:
    """How fast it was trained; "" where an older record does not tell."""
    speed = told.get("speed")
    if not speed:
        return ""
    share = f", {speed['utilisation']:.1%} of its dense bfloat16 peak" if speed["utilisation"] is not None else ""
    return (
        f"Trained on {speed['tokens']:,} tokens in {duration(speed['seconds'])} ({speed['device_name']}): "
        f"{speed['tokens_per_second']:,.0f} tokens a second, {speed['flops_per_token']:.3g} FLOP each, "
        f"{speed['flops_per_second']:.3g} FLOP/s{share}."
    )
