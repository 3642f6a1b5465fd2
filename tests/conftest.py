"""What several tests share: a tiny backbone with random weights, a server that fails on demand."""

import hypothesis
import pytest

from fake_site import serve

# No test asserts a time.
hypothesis.settings.register_profile("lexome", deadline=None)
hypothesis.settings.load_profile("lexome")

LONGEST = ("test_workflow", "test_killed_workflow")


def pytest_collection_modifyitems(items):
    """The files that take longest start first: in parallel, they would else stand last, on one worker."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory):
    """Folder of an ESM encoder with two layers of width 16, random weights."""
    from lexome.initialisation import initialise

    folder = tmp_path_factory.mktemp("backbones") / "tiny"
    initialise(
        {
            "architecture": "esm",
            "layers": 2,
            "hidden": 16,
            "heads": 2,
            "intermediate": 32,
            "positions": 64,
            "seed": 0,
        },
        folder,
    )
    return folder


@pytest.fixture(scope="session")
def tiny_nucleotide_transformer(tmp_path_factory):
    """Folder of a Nucleotide Transformer with two layers of width 16, random weights."""
    from lexome.initialisation import initialise

    folder = tmp_path_factory.mktemp("backbones") / "nucleotides"
    sizes = {"layers": 2, "hidden": 16, "heads": 2, "intermediate": 24, "positions": 64, "seed": 0}
    initialise({"architecture": "nucleotide_transformer"} | sizes, folder)
    return folder


@pytest.fixture
def site():
    """A `fake_site.Site` that serves `fake_site.CONTENT`."""
    with serve() as site:
        yield site
