"""The page's colours: every text on every ground has a contrast of at least 4.5 to 1 (WCAG 2.2, criterion 1.4.3)."""

import re

import pytest

from kerasmetricloss.reports.stylesheet import STYLESHEET

LEAST = 4.5
COLOR = re.compile(r"#[0-9a-f]{3,8}\b|var\(--([a-z]+)\)")
NAMED = dict(re.findall(r"--([a-z]+): (#[0-9a-f]+);", STYLESHEET))


def channels(color):
    """Red, green, blue and alpha, 0 to 1, of #rgb, #rgba, #rrggbb or #rrggbbaa."""
    digits = color[1:] if len(color) > 5 else "".join(2 * digit for digit in color[1:])
    red, green, blue, *alpha = (int(digits[k : k + 2], 16) / 255 for k in range(0, len(digits), 2))
    return (red, green, blue), alpha[0] if alpha else 1.0


def luminance(rgb):
    """WCAG's relative luminance of sRGB."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(text, ground):
    """WCAG's contrast ratio; a ground that lets light through lies on white."""
    rgb, alpha = channels(ground)
    grounds = luminance([alpha * c + 1 - alpha for c in rgb])
    dark, light = sorted([luminance(channels(text)[0]), grounds])
    return (light + 0.05) / (dark + 0.05)


def colors(name):
    """Every colour that a property of the style sheet takes, its variables resolved."""
    values = re.findall(rf"(?<![\w-]){name}:([^;}}]+)", STYLESHEET)
    return {NAMED[found[1]] if found[1] else found[0] for value in values for found in COLOR.finditer(value)}


def test_the_contrast_ratio_by_hand():
    assert contrast("#000", "#fff") == pytest.approx(21)  # (1 + .05) / (0 + .05)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # WebAIM's well-known near miss
    assert contrast("#fff", "#0000") == pytest.approx(1)  # a ground of no alpha is white


def test_the_style_sheet_s_colours_are_found():
    assert {NAMED["ink"], NAMED["faint"], NAMED["link"]} < colors("color")
    assert {"#fff", NAMED["soft"], NAMED["grey"], "#57606a33"} < colors("background")
    assert "prefers-color-scheme" not in STYLESHEET  # one theme: a dark one needs pairs of its own here


@pytest.mark.parametrize("ground", sorted(colors("background")))
@pytest.mark.parametrize("text", sorted(colors("color")))
def test_every_text_can_be_read_on_every_ground(text, ground):
    assert contrast(text, ground) >= LEAST
