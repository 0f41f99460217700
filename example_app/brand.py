"""A platform's colour as a stylesheet that stays readable in light and in dark."""

from typing import TypeAlias

Rgb: TypeAlias = tuple[float, float, float]

BLACK: Rgb = (0, 0, 0)
WHITE: Rgb = (255, 255, 255)
NIGHT: Rgb = (14, 16, 21)
LIGHT_PAGE: Rgb = (243, 244, 247)  # the darkest light surface and the lightest dark one,
DARK_PANEL: Rgb = (38, 43, 53)  # as app.css has them


def stylesheet(color: str) -> str:
    """Return the custom properties that app.css paints a platform with.

    `color` is written "#rrggbb". Text in the colour, and text on it, reaches a contrast of 4.5.
    """
    brand: Rgb = (int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16))
    light = _properties(brand, accent=_readable(brand, on=LIGHT_PAGE))
    dark = _properties(_mix(brand, NIGHT, 0.5), accent=_readable(brand, on=DARK_PANEL))
    return (
        f":root {{\n{light}}}\n\n@media (prefers-color-scheme: dark) {{\n:root {{\n{dark}}}\n}}\n"
    )


def _properties(bar: Rgb, *, accent: Rgb) -> str:
    ink = _ink(bar)
    shade = BLACK if ink is WHITE else WHITE
    values = {
        "bar": bar,
        "bar-ink": ink,
        "bar-active": _mix(bar, shade, 0.25),
        "accent": accent,
        "accent-ink": _ink(accent),
    }
    return "".join(f"  --{name}: {_css(value)};\n" for name, value in values.items())


def _ink(background: Rgb) -> Rgb:
    return max(WHITE, BLACK, key=lambda ink: _contrast(ink, background))


def _readable(color: Rgb, *, on: Rgb) -> Rgb:
    """Return the colour, moved towards black or white until it can be read."""
    target = _ink(on)
    steps = (_mix(color, target, step / 20) for step in range(21))
    return next(mixed for mixed in steps if _contrast(mixed, on) >= 4.6)


def _mix(color: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (a + (b - a) * share for a, b in zip(color, other, strict=True))
    return red, green, blue


def _contrast(one: Rgb, other: Rgb) -> float:
    """Return the contrast ratio of WCAG 2.2, 1 to 21."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Rgb) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (v / 255 for v in color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _css(color: Rgb) -> str:
    return "#" + "".join(f"{round(value):02x}" for value in color)
