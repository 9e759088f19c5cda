"""How well a colour can be read on our pages: its contrast, and the nearest shade that has enough. WCAG 2.2 §1.4.3."""

import re

LEAST = 4.5
"""The contrast of text that is neither large nor bold."""

GROUNDS = {"light": ("#ffffff", "#fbfbf9"), "dark": ("#1b1f23", "#14171a")}
"""What a colour stands on, and what stands on it, in each theme: the panel and the paper of `colors.css`."""

_COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_CHANNEL_WEIGHTS = (0.2126, 0.7152, 0.0722)


def parse_colour(text: str) -> str:
    """A colour as `#rrggbb`, of that or of `#rgb`. Raises ValueError."""
    colour = text.strip().lower()
    if not _COLOUR.fullmatch(colour):
        raise ValueError("a colour is # and six hexadecimal digits, as in #0f766e")
    return colour if len(colour) == 7 else "#" + "".join(digit * 2 for digit in colour[1:])


def contrast_in(theme: str, colour: str) -> float:
    """The contrast of a colour where it is least, in a theme."""
    return min(contrast(colour, ground) for ground in GROUNDS[theme])


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def nearest_shade(theme: str, colour: str) -> str:
    """The colour itself if it can be read in a theme, else as much darker or lighter as it takes."""
    goal = 0 if theme == "light" else 255
    shades = (_mix(colour, goal, step) for step in range(256))
    return next(shade for shade in shades if contrast_in(theme, shade) >= LEAST)


def _luminance(colour: str) -> float:
    return sum(weight * _linear(each / 255) for weight, each in zip(_CHANNEL_WEIGHTS, _channels(colour), strict=True))


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _mix(colour: str, goal: int, step: int) -> str:
    """A colour on its way to black or white, which is reached at step 255."""
    return "#" + bytes(each + (goal - each) * step // 255 for each in _channels(colour)).hex()


def _channels(colour: str) -> bytes:
    return bytes.fromhex(colour[1:])
