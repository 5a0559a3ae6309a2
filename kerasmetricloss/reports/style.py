"""How things look and are called: names, numbers, colours. Colours hold for the colour-blind and in grey print."""

import math
import re
from dataclasses import dataclass

METRIC_TITLES = {
    "dice": "Dice score",
    "jaccard": "Jaccard index",
    "accuracy": "Accuracy",
    "hausdorff_mm": "Hausdorff distance (mm)",
    "avd_ml": "Absolute volume difference (ml)",
}
METRIC_SHORT = {"dice": "Dice", "jaccard": "Jaccard", "accuracy": "ACC", "hausdorff_mm": "HDD", "avd_ml": "AVD"}
NO_NUMBER = "–"
COUNTED = ("hausdorff_mm",)  # a mean that means nothing without the number of cases it leaves out
UNITS = {"hausdorff_mm": "mm", "avd_ml": "ml"}
CROSS_ENTROPY = ("CE", "wCE")
TVERSKY = "sTversky α/β"
SENSITIVE = re.compile(r"sDice(-L\d+)?|sJaccard|Lovasz(-bins\d+)?|sTversky-[\d.]+/[\d.]+")

INK, FAINT, RULE, GREY = "#1b1f24", "#57606a", "#d0d7de", "#d9dde2"
TRUTH, PREDICTION = "#4aa3ff", "#ff4d3d"  # Fig. 3's blue and red, light enough to show on black
FOUND = "#3ddc84"  # Fig. 5's green


@dataclass(frozen=True)
class Line:
    """How one loss is drawn: three cues, so that no reader depends on colour."""

    color: str
    marker: str
    dash: str


# cross-entropy in neutral tones, metric-sensitive losses in Okabe and Ito's colours: the two groups part at a glance
_LINES = {
    "CE": Line("#1b1f24", "o", "-"),
    "wCE": Line("#8b949e", "s", "--"),
    "sDice": Line("#0072b2", "^", "-"),
    "sDice-L1": Line("#0072b2", "^", "-"),
    "sDice-L2": Line("#56b4e9", "v", "--"),
    "sJaccard": Line("#d55e00", "D", "-."),
    "Lovasz": Line("#009e73", "P", ":"),
}
_OTHERS = [Line("#cc79a7", "X", "--"), Line("#7a5195", "*", "-."), Line("#8c6d1f", "<", ":"), Line("#56b4e9", ">", "-")]
_WEIGHTINGS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b"]


def loss_lines(losses: list[str]) -> dict[str, Line]:
    """Give every loss its colour, marker and dash; soft Tversky runs through viridis by its alpha."""
    lines, unknown = {}, 0
    for loss in losses:
        weights = re.fullmatch(r"sTversky-([\d.]+)/([\d.]+)", loss)
        if loss in _LINES:
            lines[loss] = _LINES[loss]
        elif weights:
            alpha, beta = float(weights[1]), float(weights[2])
            step = min(8, max(0, round(10 * alpha) - 1))
            lines[loss] = Line(_WEIGHTINGS[step], "osv^D<>PX"[step], "-" if round(alpha + beta, 6) == 1 else ":")
        else:
            again, which = divmod(unknown, len(_OTHERS))
            dashes = _OTHERS[(which + again) % len(_OTHERS)]  # in the next round those of the neighbour
            lines[loss] = Line(_OTHERS[which].color, _OTHERS[which].marker, dashes.dash)
            unknown += 1
    return lines


def is_known(loss: str) -> bool:
    """Tell whether a loss is one of the paper's, metric-sensitive or a cross-entropy.

    Example:
        >>> is_known("wCE"), is_known("sDice"), is_known("DiceCE")
        (True, True, False)
    """
    return loss in ("CE", "wCE") or is_sensitive(loss)


def is_sensitive(loss: str) -> bool:
    """Tell whether a loss is one of the paper's metric-sensitive losses.

    Example:
        >>> is_sensitive("sTversky-0.3/0.7"), is_sensitive("wCE"), is_sensitive("my_loss")
        (True, False, False)
    """
    return SENSITIVE.fullmatch(loss) is not None


def loss_title(loss: str) -> str:
    """A loss as the paper prints it.

    Example:
        >>> loss_title("Lovasz"), loss_title("Lovasz-bins1000"), loss_title("sTversky-0.3/0.7")
        ('Lovász', 'Lovász (1000 bins)', 'sTversky 0.3/0.7')
    """
    binned = re.fullmatch(r"Lovasz-bins(\d+)", loss)
    if binned:
        return f"Lovász ({binned[1]} bins)"
    return "Lovász" if loss == "Lovasz" else loss.replace("sTversky-", "sTversky ")


def column_title(loss: str) -> str:
    """A loss as the head of a column: soft Tversky by its weights alone, since `family` names it above."""
    return loss.removeprefix("sTversky-") if family(loss) == TVERSKY else loss_title(loss)


def family(loss: str) -> str:
    """The head above a loss' column, as in the paper's Tables II and III; "" for a loss of neither family.

    Example:
        >>> family("wCE"), family("sJaccard"), family("sTversky-0.3/0.7"), family("my_loss")
        ('CE-based', 'Metric-sensitive', 'sTversky α/β', '')
    """
    if loss in CROSS_ENTROPY:
        return "CE-based"
    if loss.startswith("sTversky-") and is_sensitive(loss):
        return TVERSKY
    return "Metric-sensitive" if is_sensitive(loss) else ""


def metric_title(metric: str) -> str:
    """A metric in full, with its unit."""
    return METRIC_TITLES.get(metric, metric)


def metric_short(metric: str) -> str:
    """A metric as the paper's tables abbreviate it, with its unit."""
    short = METRIC_SHORT.get(metric, metric)
    return f"{short} ({UNITS[metric]})" if metric in UNITS else short


# Results of one data set with two networks are told apart by the network's name: po18-deeplab.
NETWORKS = {"deeplab": "DeepLab", "unet": "U-Net"}


def dataset_title(dataset: str) -> str:
    """A data set as the paper prints it. Upper case is left as it is: Kvasir and kvasir are two names.

    Example:
        >>> [dataset_title(name) for name in ("po18", "br18-multi", "po18-0.05", "po18-deeplab-96x72", "Kvasir")]
        ['PO18', 'BR18', 'PO18-0.05', 'PO18-DeepLab-96x72', 'Kvasir']
    """
    name, dash, variant = dataset.partition("-") if dataset != "br18-multi" else ("br18", "", "")
    variant = "-".join(NETWORKS.get(part, part) for part in variant.split("-"))
    return (name.upper() if name.islower() else name) + dash + variant


def number(value: float, *, signed: bool = False) -> str:
    """Three decimals, a true minus sign, a dash for an undefined value; a signed number keeps its sign at 0.000 too.

    Example:
        >>> number(0.8704), number(-0.02, signed=True), number(-0.0002, signed=True), number(float("nan"))
        ('0.870', '−0.020', '−0.000', '–')
    """
    if math.isnan(value):
        return NO_NUMBER
    text = f"{value:+.3f}" if signed else f"{value:.3f}"
    if float(text) == 0 and not (signed and value < 0):
        text = text.replace("-", "+" if signed else "")
    return text.replace("-", "−")


def mean_text(mean: float, left_out: int, *, counted: bool = False) -> str:
    """A mean, and in brackets the cases it leaves out: where there are any, or the measure is always `counted`.

    Example:
        >>> mean_text(0.8704, 0), mean_text(0.8704, 2), mean_text(22.6734, 0, counted=True)
        ('0.870', '0.870 (2)', '22.673 (0)')
    """
    return number(mean) + (f" ({left_out})" if left_out or counted else "")


def percent(share: float) -> str:
    """A level as it was asked for, without rounding it to whole per cent.

    Example:
        >>> percent(0.95), percent(1 - 0.025), percent(0.005)
        ('95%', '97.5%', '0.5%')
    """
    return f"{100 * share:.4g}%"


def share_text(share: float) -> str:
    """A share in whole per cent, but 0% is none and 100% is all.

    Example:
        >>> share_text(284 / 285), share_text(1.0), share_text(0.004), share_text(0.5)
        ('99.6%', '100%', '0.4%', '50%')
    """
    whole = f"{share:.0%}"
    return f"{100 * share:.3g}%" if whole in ("0%", "100%") and 0 < share < 1 else whole


def p_value(p: float, *, resolution: float, alpha: float = 0.05) -> str:
    """A p-value with the digits it deserves; one of zero is below its resolution, rounded up to two digits.

    Args:
        p: the p-value.
        resolution: `Comparison.resolution`, of the same number of sides.
        alpha: level that the print must tell the side of.

    Example:
        >>> p_value(0.0312, resolution=1e-4), p_value(0.0004, resolution=1e-4), p_value(0.0, resolution=1e-4)
        ('0.031', '0.0004', '<0.0001')
        >>> p_value(0.0496, resolution=1e-4), p_value(0.0504, resolution=1e-4)
        ('0.0496', '0.0504')
        >>> p_value(0.0, resolution=1 / 300), p_value(0.0, resolution=1.0)  # 1 / 300 = .00333...
        ('<0.0034', '≤1')
    """
    if math.isnan(p):
        return NO_NUMBER
    if p == 0:
        return f"<{_rounded_up(resolution)}" if resolution < 1 else "≤1"
    if 0.9 * alpha <= p < 1.1 * alpha and alpha >= 1e-4:  # as many digits as tell on which side of alpha it is
        shown = (f"{p:.{digits}f}" for digits in range(4, 12))
        return next((text for text in shown if (float(text) < alpha) == (p < alpha)), f"{p:.11f}")
    return f"{p:.3f}" if p >= 0.001 else f"{p:.1g}" if p >= 1e-4 else f"{p:.0e}"


def _rounded_up(share: float) -> str:
    """Two significant digits of a share below 1, never less than it, without zeros at the end."""
    digits = 1 - math.floor(math.log10(share))
    up = math.ceil(share * 10**digits - 1e-9)  # 0.0001 times 10**5 is 10.000000000000002
    return f"{up / 10**digits:.{digits}f}".rstrip("0").rstrip(".")


def count(number_of: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 case", "60 cases"."""
    return f"{number_of:,} {one if number_of == 1 else many or one + 's'}"
