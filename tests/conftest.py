"""What several tests share: a tiny backbone with random weights, a server that fails on demand."""

import hypothesis
import pytest

from fake_site import serve

# No test asserts a time.
hypothesis.settings.register_profile("lexome", deadline=None)
hypothesis.settings.load_profile("lexome")


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


@pytest.fixture
def site():
    """A `fake_site.Site` that serves `fake_site.CONTENT`."""
    with serve() as site:
        yield site
