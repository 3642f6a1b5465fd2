"""Made-up protein families for tests of search and clusters."""

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def random_protein(rng, length=150):
    return "".join(rng.choice(list(LETTERS), length))


def mutated(rng, protein, identity):
    """The protein with other residues at so many places that exactly this share is left."""
    letters = list(protein)
    for place in rng.choice(len(letters), round((1 - identity) * len(letters)), replace=False):
        letters[place] = rng.choice([letter for letter in LETTERS if letter != letters[place]])
    return "".join(letters)
