"""Baselines of masked tokens: each equals its definition, written out with loops and dictionaries."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from lexome.masking import FIXED, Masker
from lexome.tokenbaselines import Chain, Kinds, Kmers, measure_baselines, smooth

WORDS = {token: at for at, token in enumerate(["<pad>", "<cls>", "<mask>", *"abcdefg"])}
MASKER = Masker(0.3, 0, 2, np.array([0, 1, 2]), np.arange(3, 10))


def kmer_vocabulary(k):
    """Specials, all k-mers in an order of their own, single letters."""
    kmers = ["".join(letters) for letters in itertools.product("ATCG", repeat=k)]
    return {token: at for at, token in enumerate(["<unk>", "<pad>", "<mask>", "<cls>", *kmers, *"ATCGN"])}


def words(n=40, seed=0):
    """Texts in which a letter is followed by itself or the next one."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        row = [1, int(rng.integers(3, 10))]
        for _ in range(int(rng.integers(5, 30))):
            row.append(int(row[-1] if rng.random() < 0.5 else 3 + (row[-1] - 2) % 7))
        rows.append(np.array(row))
    return rows


def judge(rows, places, masker, distribution, ids):
    """Sums of loss, tokens and hits of a distribution (texts, place -> {id: chance}), a token at a time."""
    sums = np.zeros((len(places), 3))
    ordinary = set(masker.ordinary.tolist())
    for at, place in enumerate(places):
        shown, chosen = masker(rows[place], int(place), FIXED)
        for where in chosen.tolist():
            chances = distribution(shown.tolist(), where)
            for token in ids:
                if shown[where] != masker.mask_id:
                    chances[token] *= 0.1 * (token == shown[where]) + 0.1 / len(ordinary)
                if token not in ordinary:
                    chances[token] = 0
            total = sum(chances.values())
            truth = int(rows[place][where])
            best = max(ids, key=lambda token, chances=chances: (chances[token], -token))
            sums[at] += [-math.log(chances[truth] / total), 1, best == truth]
    return sums


def count(rows):
    every = Counter(dict.fromkeys(WORDS.values(), 1))
    follow = {token: Counter() for token in WORDS.values()}
    for row in rows:
        every.update(row.tolist())
        for one, two in itertools.pairwise(row.tolist()):
            follow[one][two] += 1
    return every, follow


@pytest.fixture(scope="module")
def measured():
    rows = words()
    train, places = np.arange(25), np.arange(25, 40)
    return rows, places, count(rows[:25]), measure_baselines(rows, train, places, MASKER, WORDS)


def after(follow, every, weight, one, two):
    return (follow[one][two] + weight * every[two] / every.total()) / (follow[one].total() + weight)


def best_weight(follow, every):
    """The power of 2 by which every pair is told best from all others."""

    def likelihood(weight):
        total = 0.0
        for one, row in follow.items():
            for two, n in row.items():
                without = {**follow, one: row - Counter({two: 1})}
                total += n * math.log(after(without, every, weight, one, two))
        return total

    return max((2.0**power for power in range(25)), key=likelihood)


@pytest.mark.parametrize("name", ["unigram", "bigram_left", "bigram"])
def test_counts_of_tokens_and_pairs(measured, name):
    rows, places, (every, follow), found = measured
    ids, weight = list(WORDS.values()), best_weight(follow, every)
    ordinary = [token for token in ids if token > 2]

    def distribution(shown, where):
        left, right = shown[where - 1], shown[where + 1] if where + 1 < len(shown) else 2
        single = {token: every[token] / sum(every[other] for other in ordinary) for token in ids}
        if name == "unigram":
            return single
        # Of what is shown, 0.3 * 0.1 is random, and 0.3 * 0.8 of all is hidden.
        error, chances = 0.03 / 0.76, dict(single)
        if left != 2:
            told = {token: after(follow, every, weight, left, token) for token in ids}
            chances = {token: (1 - error) * told[token] + error * single[token] for token in ids}
        if name == "bigram" and right != 2:
            for token in ids:
                chances[token] *= (1 - error) * after(follow, every, weight, token, right) + error / 7
        return chances

    np.testing.assert_allclose(found[name], judge(rows, places, MASKER, distribution, ids), rtol=1e-9)
    assert list(found) == ["unigram", "bigram_left", "bigram"]


def test_what_is_shown_is_right_half_of_the_time(measured):
    """Without it, a kept token would cost what a masked one does."""
    rows, places, _, found = measured
    kept = 0
    for at, place in enumerate(places):
        shown, chosen = MASKER(rows[place], int(place), FIXED)
        kept += sum(shown[where] == rows[place][where] for where in chosen)
        assert found["unigram"][at, 1] == len(chosen)
    assert kept
    assert found["unigram"][:, 2].sum() >= kept


def test_the_more_a_baseline_sees_the_more_it_tells(measured):
    spread = {name: sums[:, 0].sum() / sums[:, 1].sum() for name, sums in measured[-1].items()}
    assert spread["bigram"] < spread["bigram_left"] - 0.1 < spread["unigram"] - 0.3
    assert spread["unigram"] < math.log(7)


def dna(n, period, seed=0, k=2, length=24):
    """Texts of k-mers whose letters follow a chain of its own at each place of a codon; some end in a letter."""
    vocabulary = kmer_vocabulary(k)
    rng = np.random.default_rng(seed)
    step = rng.dirichlet(np.full(4, 0.3), size=(period, 4))
    rows = []
    for at in range(n):
        letters = [int(rng.integers(4))]
        for place in range(1, length + at % 2):
            letters.append(int(rng.choice(4, p=step[place % period, letters[-1]])))
        text = "".join("ACGT"[letter] for letter in letters)
        tokens = [text[start : start + k] for start in range(0, len(text), k)]
        if at % 5 == 0:
            tokens[3] = "N"
        rows.append(np.array([3, *(vocabulary[token] for token in tokens)]))
    return rows, vocabulary


def masker_of(vocabulary, rate=0.3):
    return Masker(rate, 0, 2, np.arange(4), np.arange(4, len(vocabulary)))


def naive_smooth(counts, context, letter):
    """Chance of a letter after a context: a dictionary of (context, letter) -> count, order by order."""
    below = 0.25 if not context else naive_smooth(counts, context[1:], letter)
    own = {x: sum(n for (c, y), n in counts.items() if y == x and c.endswith(context)) for x in "ACGT"}
    kinds = max(sum(n > 0 for n in own.values()), 1)
    return (own[letter] + kinds * below) / (sum(own.values()) + kinds)


def test_the_chain_equals_loops_over_letters():
    """k = 3 and all orders below it, with and without a codon's places; masked tokens on the left one by one."""
    k, mask = 3, 2
    rows, vocabulary = dna(30, 3, k=k)
    names = {at: token for token, at in vocabulary.items()}
    kmers = Kmers.of(vocabulary, len(vocabulary))
    single = np.full(len(vocabulary), 1 / len(vocabulary))
    share = 64 / len(vocabulary)
    for period in (1, 3):
        counts = [Counter() for _ in range(period)]
        starts = Counter()
        for row in rows:
            text = "".join(names[token] for token in row[1:].tolist())
            for at in range(2, len(text)):
                if "N" not in text[at - 2 : at + 1]:
                    counts[at % period][text[at - 2 : at], text[at]] += 1
                    starts[text[at - 2 : at]] += at % period == 0
        chances = {
            (context, x): [naive_smooth(part, context, x) for part in counts]
            for context in map("".join, itertools.product("ACGT", repeat=2))
            for x in "ACGT"
        }

        def told(context, word, chances=chances, period=period):
            product = 1.0
            for at, letter in enumerate(word):
                product *= chances[context, letter][at % period]
                context = context[1:] + letter
            return product

        words_3 = ["".join(letters) for letters in itertools.product("ACGT", repeat=3)]
        chain = Chain(rows, kmers, period, single, mask)
        texts = [
            np.array([3, vocabulary["ACG"], mask, mask, vocabulary["TTA"]]),
            np.array([3, mask, vocabulary["N"], mask]),
        ]
        text, column = np.array([0, 0, 1, 1]), np.array([2, 3, 1, 3])
        left, right = (part(texts, text, column) for part in (chain.left, chain.right))
        np.testing.assert_allclose(left.sum(axis=1), 1)
        total = sum(starts.values()) + 16
        for word in words_3:
            id_ = vocabulary[word]
            through = sum(told("CG", other) * told(other[1:], word) for other in words_3)
            unknown = sum((starts[c] + 1) / total * told(c, word) for c, _ in chances if _ == "A")
            expected = [told("CG", word) * share, through * share, unknown * share, unknown * share]
            np.testing.assert_allclose(left[:, id_], expected, rtol=1e-9)
            np.testing.assert_allclose(right[:, id_], [1, told(word[1:], "TTA") * share, 1, 1], rtol=1e-9)
        assert right[1, vocabulary["A"]] == pytest.approx(1 / len(vocabulary))


def test_chains_see_what_pairs_of_rare_tokens_cannot():
    """6-mers are too many to be counted in pairs, the letters of a chain are not; a codon's places tell more again."""
    spread = {}
    for period in (1, 3):
        rows, vocabulary = dna(150, period, k=6, length=120)
        found = measure_baselines(rows, np.arange(110), np.arange(110, 150), masker_of(vocabulary, 0.15), vocabulary)
        assert list(found) == ["unigram", "bigram_left", "bigram", "markov5_left", "markov5", "codon_markov5"]
        assert len({tuple(sums[:, 1]) for sums in found.values()}) == 1
        spread[period] = {name: sums[:, 0].sum() / sums[:, 1].sum() for name, sums in found.items()}
    one, three = spread.values()
    assert one["markov5"] < one["markov5_left"] - 0.1 < one["bigram"] - 0.2
    for told in (one, three):
        assert told["bigram"] < told["unigram"] + 0.05 < math.log(4101)
    assert three["codon_markov5"] < min(three["markov5"] - 0.1, three["markov5_left"], three["bigram"])


def test_single_letters_at_the_end_of_texts_are_expected_there():
    """Half of the texts end in a letter. Chances that are the same everywhere would cost ln 18 + ln 4 nats."""
    rows, vocabulary = dna(200, 1, k=3)
    kmers = [at for token, at in vocabulary.items() if len(token) == 3]
    masker = Masker(0.9, 0, 2, np.array([*range(4), *kmers, vocabulary["N"]]), np.arange(4, len(vocabulary)))
    found = measure_baselines(rows, np.arange(150), np.arange(150, 200), masker, vocabulary)
    for name in ("markov2", "codon_markov2"):
        assert found[name][:, 1].sum() > 15
        assert found[name][:, 0].sum() / found[name][:, 1].sum() < math.log(2) + math.log(4) + 0.1


def test_kinds_follow_each_other_as_counted():
    rows, vocabulary = dna(30, 1, k=3)
    single = np.bincount(np.concatenate(rows), minlength=len(vocabulary)).astype(float)
    single[:4] = 0
    single /= single.sum()
    kinds = Kinds(rows, Kmers.of(vocabulary, len(vocabulary)), single, 2)
    ids = {0: vocabulary["ACG"], 1: vocabulary["T"], 2: vocabulary["N"]}
    assert [kinds.of[at] for at in (*ids.values(), vocabulary["<cls>"])] == [0, 1, 2, 2]
    follow = Counter((one, two) for one, two in itertools.product(range(3), range(4)))
    for row in rows:
        follow.update(itertools.pairwise([*(int(kinds.of[token]) for token in row), 3]))
    step = {pair: n / sum(follow[pair[0], to] for to in range(4)) for pair, n in follow.items()}
    inner = {(one, two): step[one, two] / sum(step[one, to] for to in range(3)) for one in range(3) for two in range(3)}
    shares = [single[kinds.of == kind].sum() for kind in range(3)]
    texts = [np.array([3, ids[0], 2, 2, ids[1], 2]), np.array([3, 2, ids[2]])]
    text, column = np.array([0, 0, 0, 1]), np.array([2, 3, 5, 1])
    left, right = kinds.left(texts, text, column), kinds.right(texts, text, column)
    np.testing.assert_allclose(left @ single, 1)
    np.testing.assert_allclose(right @ single, [1, 1, 1, 1])
    for kind, token in ids.items():
        twice = sum(inner[0, by] * inner[by, kind] for by in range(3))
        expected = np.array([inner[0, kind], twice, inner[1, kind], inner[2, kind]]) / shares[kind]
        np.testing.assert_allclose(left[:, token], expected)
        behind = [step[kind, to] / sum(shares[by] * step[by, to] for by in range(3)) for to in (1, 3, 2)]
        np.testing.assert_allclose(right[:, token], [1, *behind])


def test_a_place_without_a_codon_gains_nothing_from_codons():
    rows, vocabulary = dna(150, 1, k=3, length=90)
    found = measure_baselines(rows, np.arange(110), np.arange(110, 150), masker_of(vocabulary), vocabulary)
    spread = {name: sums[:, 0].sum() / sums[:, 1].sum() for name, sums in found.items()}
    assert spread["codon_markov2"] == pytest.approx(spread["markov2"], abs=0.05)


def test_k_that_codons_do_not_divide_has_no_codons():
    rows, vocabulary = dna(40, 1, k=2)
    found = measure_baselines(rows, np.arange(30), np.arange(30, 40), masker_of(vocabulary), vocabulary)
    assert list(found)[3:] == ["markov1_left", "markov1"]


def test_kmers_are_found_in_complete_vocabularies_alone():
    vocabulary = kmer_vocabulary(2)
    kmers = Kmers.of(vocabulary, len(vocabulary))
    assert kmers.k == 2
    assert [kmers.codes[vocabulary[token]] for token in ("AA", "AC", "GT", "TT", "A", "N", "<cls>")] == [
        0, 1, 11, 15, -1, -1, -1,
    ]  # fmt: skip
    assert (kmers.codes[kmers.ids] == np.arange(16)).all()
    del vocabulary["AC"]
    assert Kmers.of(vocabulary, 30) is None
    assert Kmers.of(WORDS, 10) is None
    assert Kmers.of({"<cls>": 0, **{letter: at for at, letter in enumerate("ACGT", 1)}}, 5) is None


def test_smoothed_chances_sum_to_one_and_tend_to_the_counts():
    counts = np.random.default_rng(0).integers(0, 3, (2, 16, 4)).astype(float)
    np.testing.assert_allclose(smooth(counts).sum(axis=2), 1)
    assert (smooth(counts) > 0).all()
    np.testing.assert_allclose(
        smooth(counts * 1e9 + 1e9)[0, 3], (counts[0, 3] + 1) / (counts[0, 3] + 1).sum(), rtol=1e-6
    )
    np.testing.assert_allclose(smooth(np.zeros((1, 16, 4))), 0.25)
