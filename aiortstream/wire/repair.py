"""JSON as some servers write it, made JSON: for answers in which one flaw would hide a thousand records.

Python's own encoder writes `NaN`, `Infinity` and the halves of characters; others leave control characters and Windows
paths as they are. What is no value becomes null, what is no character U+FFFD; nothing else is touched, and whether the
result is JSON is for the decoder to say.
"""

from __future__ import annotations

import re

LARGEST = 2 * 1024 * 1024  # bytes: a page of a thousand records is less, and it is looked at on the event loop
_DEEPEST = 64  # levels; what lies deeper becomes null: a decoder gives up on the whole where one value is too deep

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]|-?Infinity|NaN', re.DOTALL)
_IN_STRING = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a character in two halves
    r'|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|\\["\\/bfnrt]'
    r"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|(?P<backslash>\\)|(?P<control>[\x00-\x1f])"
)


def repaired(body: bytes) -> bytes:
    """`body` without the flaws above; as it is where it is longer than `LARGEST`. Never raises."""
    if len(body) > LARGEST:
        return body
    text = body.decode("utf-8-sig", "replace")
    parts: list[str] = []
    depth = taken = 0  # `text` up to `taken` is in `parts`
    for token in _TOKEN.finditer(text):
        kind = token[0][0]
        if kind in "]}":
            depth -= 1
            if depth == _DEEPEST:
                parts.append("null")
                taken = token.end()
        elif kind in "[{":
            depth += 1
            if depth == _DEEPEST + 1:
                parts.append(text[taken : token.start()])
        elif depth <= _DEEPEST:
            good = _IN_STRING.sub(_character, token[0]) if kind == '"' else "null"
            parts += [text[taken : token.start()], good]
            taken = token.end()
    parts.append(text[taken:])
    return "".join(parts).encode()


def _character(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "half":
            return "\N{REPLACEMENT CHARACTER}"
        case "backslash":
            return r"\\"
        case "control":
            return f"\\u{ord(found[0]):04x}"
        case _:
            return found[0]
