"""Takes secrets out of text: known shapes, and values that were registered."""

from __future__ import annotations

import base64
import json
import re
import threading
from typing import Any, Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "***"
_SHORTEST: Final = 6  # masking shorter ones would make logs unreadable and protect nothing

_NAMES: Final = (
    "access_?token|account_?key|api_?key|aws_session_token|client_?assertion|client_?secret"
    "|id_token|passw(?:or)?d|private_key|refresh_token|(?:aws_)?secret_?access_?key|session_?token"
    "|sharedaccesssignature|sig|x-(?:amz|goog)-(?:credential|security-token|signature)"
)
"""Names in query strings, headers and settings whose values are secret."""

# What the groups match stays, the rest of a match goes.
_SHAPES: Final = re.compile(
    rf"""
      (?s:-----BEGIN\ [A-Z ]*PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]*PRIVATE\ KEY-----|\Z))
    | \b (?:AKIA|ASIA|ABIA|ACCA) [A-Z0-9]{{12,}} \b
    | \b eyJ [\w-]{{5,}} \. [\w-]+ (?: \. [\w-]* )*             # a JSON web token
    | \b ya29 \. [\w.-]+                                       # a Google access token
    | ( (?i: \b (?:proxy-)? authorization ['"]? \s* [:=] \s* (?: b? ['"] )? ) ) [^'"\r\n}}]+
    | ( (?i: \b bearer \s+ ) ) [\w.~+/-]+ =*
    | ( (?i: (?<![a-z0-9]) (?:{_NAMES}) ['"]? \s* [:=] \s* (?: b? ['"] )? ) )
      (?: (?<=") [^"]* | (?<=') [^']* | [^&\s'";,}}]+ )
    | ( \b [a-z][a-z0-9+.-]{{0,20}} :// [^\s/:]* : ) [^\s/]+ (?=@)  # a password in a URL
    """,
    re.VERBOSE,
)


class Redaction:
    """Replaces secrets in text by ``***``. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spellings: set[str] = set()
        self._registered: re.Pattern[str] | None = None

    def register(self, secret: str) -> None:
        """
        Hide *secret* from now on, also URL-quoted, in JSON and in base64.

        Values shorter than six characters are too common in ordinary text to be hidden.
        """
        if len(secret) < _SHORTEST:
            return
        with self._lock:
            self._spellings |= {
                secret,
                quote(secret, safe=""),
                quote_plus(secret),
                json.dumps(secret)[1:-1],
                base64.b64encode(secret.encode()).decode().rstrip("="),
            }
            longest_first = sorted(self._spellings, key=len, reverse=True)
            self._registered = re.compile("|".join(map(re.escape, longest_first)))

    def text(self, text: str) -> str:
        """Return *text* without secrets."""
        if self._registered is not None:
            text = self._registered.sub(HIDDEN, text)
        return _SHAPES.sub(_hide, text)

    def value(self, value: Any) -> Any:
        """Return *value* without secrets; what is no number, mapping or list becomes text."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.value(item) for item in value]
        return self.text(str(value))


def _hide(found: re.Match[str]) -> str:
    kept = next((text for text in found.groups() if text is not None), "")
    return f"{kept}{HIDDEN}"
