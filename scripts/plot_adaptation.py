"""Draw the loss of an adaptation beside what counts alone can tell."""

from lexome.adaptationfigures import adaptation_curve
from lexome.look import save
from lexome.runtime import read_history, read_json


def plot_adaptation(history_path: str, report_path: str, curve_path: str) -> None:
    """Write the picture, from `<name>.history.jsonl` and `<name>.adaptation.json`."""
    save(adaptation_curve(read_history(history_path), read_json(report_path)), curve_path)


if __name__ == "__main__":
    from lexome.runtime import job

    with job(snakemake):
        plot_adaptation(snakemake.input.history, snakemake.input.report, snakemake.output.curve)
