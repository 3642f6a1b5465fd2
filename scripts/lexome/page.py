"""One HTML page that needs nothing beside it: pictures put inside, a template filled, the software named."""

import base64
import datetime
import hashlib
import platform
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

from lexome.errors import LexomeError
from lexome.look import GRID, INK, MUTED, PALETTE, PAPER

KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".svg": "image/svg+xml"}
# CSS variables that stand for the colours of figures; the template's style sheet sets those of THEME.
THEME = {"ink": INK, "muted": MUTED, "grid": GRID, "paper": PAPER}
MODELS = {f"model{place}": colour for place, colour in enumerate(PALETTE)}
PACKAGES = (
    *("snakemake", "torch", "transformers", "datasets", "safetensors", "numpy", "scipy", "pandas", "pyarrow"),
    *("scikit-learn", "biopython", "obonet", "matplotlib", "jinja2"),
)


def embed_figure(path: str | Path, alt: str, prefix: str) -> Markup:
    """A picture as HTML that loads nothing.

    SVG files that matplotlib wrote become part of the page, in the page's font and with the colours of
    `lexome.look` as CSS variables, so that they follow a dark theme. Every other picture becomes an `img`
    with its bytes inside, where no script in it can run.

    Parameters
    ----------
    alt
        What the picture shows, for those who cannot see it.
    prefix
        Put before every id in an SVG, so that two pictures on one page do not meet.

    Raises
    ------
    LexomeError
        If the file is no PNG, JPEG or SVG.
    """
    path = Path(path)
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise LexomeError(f"{path}: a figure of the report must be one of {', '.join(KINDS)}")
    content = path.read_bytes()
    if kind == "image/svg+xml" and b"https://matplotlib.org/" in content[:2000]:
        return _inline_svg(content.decode("utf-8"), alt, prefix)
    data = base64.b64encode(content).decode("ascii")
    return Markup('<img alt="{}" src="data:{};base64,{}">').format(alt, kind, data)


def _inline_svg(text: str, alt: str, prefix: str) -> Markup:
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    for name, colour in {**THEME, **MODELS}.items():
        text = text.replace(colour, f"var(--{name})")
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    opening, rest = text.split(">", 1)
    opening = re.sub(r'\s(width|height|version|xmlns(:\w+)?)="[^"]*"', "", opening)
    return Markup(f'{opening} role="img" aria-label="{escape(alt)}">{rest}')


def caption(text: str, study: str, split: str, task: str) -> str:
    """A caption in one paragraph: `text` itself, or, if it names a .rst file, that file filled in.

    The file is one that Snakemake's own report shows: plain sentences in which `snakemake.wildcards.study`
    and `snakemake.wildcards.split` may stand. `task` (of labels.json) may choose among them; Snakemake does not know
    it, so that a file has to read well without.
    """
    if not text.endswith(".rst"):
        return text
    template = jinja2.Template(Path(text).read_text(encoding="utf-8"), undefined=jinja2.StrictUndefined)
    return " ".join(template.render(snakemake={"wildcards": {"study": study, "split": split}}, task=task).split())


def theme_colours(lift: float = 0.3) -> list[tuple[str, str, str]]:
    """CSS variable, colour on white and colour on dark paper (nearer to white by `lift`) of every model."""
    colours = []
    for name, colour in MODELS.items():
        parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
        lifted = "".join(f"{round(part + (255 - part) * lift):02x}" for part in parts)
        colours.append((name, colour, f"#{lifted}"))
    return colours


def css_colour(colour: str) -> str:
    """A colour of a figure as the page writes it: its variable where it has one."""
    return next((f"var(--{name})" for name, own in MODELS.items() if own == colour), colour)


def describe_file(path: str | Path) -> dict:
    """A file as `name` (its path), `size` (bytes) and `sha256`; of a folder, of the names and sums of all it holds."""
    if Path(path).is_dir():
        inside = [describe_file(part) for part in sorted(Path(path).rglob("*")) if part.is_file()]
        told = "".join(f"{part['sha256']}  {Path(part['name']).relative_to(path)}\n" for part in inside)
        return {
            "name": str(path),
            "size": sum(part["size"] for part in inside),
            "sha256": hashlib.sha256(told.encode()).hexdigest(),
        }
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": str(path), "size": Path(path).stat().st_size, "sha256": digest}


def environment(root: str | Path) -> dict:
    """What made the report: `lexome` (version), `commit` (or None), `date`, `python`, `platform`, `packages`.

    Parameters
    ----------
    root
        The folder of the workflow, with its pyproject.toml.
    """
    root = Path(root)
    try:
        version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    except (OSError, KeyError, ValueError):
        version = "unknown"
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            packages[name] = "not in the report's environment"
    return {
        "lexome": version,
        "commit": git_commit(root),
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": packages,
    }


def git_commit(root: str | Path) -> str | None:
    """The commit of a folder, `... with changes` where files differ from it; None where there is none."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + (" with changes" if changed else "")


def _git(root: str | Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()


def render(template: str | Path, context: dict, filters: dict | None = None) -> str:
    """Fill a Jinja2 template; everything that is not `Markup` is escaped, a missing name is an error.

    Files that the template includes lie in its folder.
    """
    template = Path(template)
    jinja = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    jinja.filters |= filters or {}
    return jinja.get_template(template.name).render(context).strip() + "\n"
