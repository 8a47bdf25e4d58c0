"""The emoji shortcodes that the page knows. An unknown one stays as it was typed, as in Slack."""

import re

_CHARACTERS = {
    "alarm_clock": "\u23f0",
    "arrow_right": "\u27a1\ufe0f",
    "arrows_counterclockwise": "\U0001f504",
    "ballot_box_with_check": "\u2611\ufe0f",
    "bell": "\U0001f514",
    "black_circle": "\u26ab",
    "black_square_button": "\U0001f532",
    "bulb": "\U0001f4a1",
    "checkered_flag": "\U0001f3c1",
    "clipboard": "\U0001f4cb",
    "construction": "\U0001f6a7",
    "eyes": "\U0001f440",
    "exclamation": "\u2757",
    "fast_forward": "\u23e9",
    "fire": "\U0001f525",
    "gear": "\u2699\ufe0f",
    "grey_question": "\u2754",
    "hammer_and_wrench": "\U0001f6e0\ufe0f",
    "heavy_check_mark": "\u2714\ufe0f",
    "heavy_minus_sign": "\u2796",
    "hourglass": "\u231b",
    "hourglass_flowing_sand": "\u23f3",
    "information_source": "\u2139\ufe0f",
    "key": "\U0001f511",
    "large_blue_circle": "\U0001f535",
    "large_green_circle": "\U0001f7e2",
    "large_orange_circle": "\U0001f7e0",
    "large_yellow_circle": "\U0001f7e1",
    "leftwards_arrow_with_hook": "\u21a9\ufe0f",
    "lock": "\U0001f512",
    "mag": "\U0001f50d",
    "mag_right": "\U0001f50e",
    "memo": "\U0001f4dd",
    "mute": "\U0001f507",
    "no_entry": "\u26d4",
    "no_entry_sign": "\U0001f6ab",
    "octagonal_sign": "\U0001f6d1",
    "package": "\U0001f4e6",
    "pause_button": "\u23f8\ufe0f",
    "point_right": "\U0001f449",
    "question": "\u2753",
    "raised_hand": "\u270b",
    "red_circle": "\U0001f534",
    "rewind": "\u23ea",
    "rocket": "\U0001f680",
    "rotating_light": "\U0001f6a8",
    "shield": "\U0001f6e1\ufe0f",
    "skull": "\U0001f480",
    "speech_balloon": "\U0001f4ac",
    "stethoscope": "\U0001fa7a",
    "stopwatch": "\u23f1\ufe0f",
    "tada": "\U0001f389",
    "thread": "\U0001f9f5",
    "toolbox": "\U0001f9f0",
    "warning": "\u26a0\ufe0f",
    "white_check_mark": "\u2705",
    "white_circle": "\u26aa",
    "white_large_square": "\u2b1c",
    "wrench": "\U0001f527",
    "x": "\u274c",
    "zap": "\u26a1",
}
_SHORTCODE = re.compile(r":([a-z0-9_+-]+):")


def with_emoji(html: str) -> str:
    """Replace shortcodes in text that is already HTML; nothing in the result needs escaping."""
    return _SHORTCODE.sub(_character, html)


def plain_emoji(text: str) -> str:
    """The same for a terminal."""
    return _SHORTCODE.sub(lambda match: _CHARACTERS.get(match[1], match[0]), text)


def _character(match: re.Match[str]) -> str:
    character = _CHARACTERS.get(match[1])
    return f'<span class="emoji" title="{match[0]}">{character}</span>' if character else match[0]
