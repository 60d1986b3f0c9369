"""What counts as a secret."""

import base64
import json
from urllib.parse import quote

import pytest

from ogfd.telemetry.redaction import Redaction

SECRET = 'p/a+s"s wörd'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
        ("ASIAIOSFODNN7EXAMPLE", "***"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: ***"),
        ("{'Authorization': 'Basic dXNlcjpw', 'x': 'y'}", "{'Authorization': '***', 'x': 'y'}"),
        ('{"authorization": "AWS4-HMAC-SHA256 Credential=a, Sig=b"}', '{"authorization": "***"}'),
        ("token eyJhbGciOi.eyJzdWIiOi.c2ln here", "token *** here"),
        ("sent bearer abc123==", "sent bearer ***"),
        ("ya29.a0AfH6SMB-x", "***"),
        (
            "https://a.blob.core.windows.net/c?sv=2024&sig=a%2Bb%3D&se=2026",
            "https://a.blob.core.windows.net/c?sv=2024&sig=***&se=2026",
        ),
        ("GET /b/k?X-Amz-Signature=0a1b&X-Amz-Date=2", "GET /b/k?X-Amz-Signature=***&X-Amz-Date=2"),
        ("x-amz-security-token: FwoGZXIvYXdz", "x-amz-security-token: ***"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI", "AWS_SECRET_ACCESS_KEY=***"),
        ("AZURE_CLIENT_SECRET=abc~def", "AZURE_CLIENT_SECRET=***"),
        ('{"client_secret": "two words", "a": 1}', '{"client_secret": "***", "a": 1}'),
        ("DefaultEndpointsProtocol=https;AccountKey=a/b==;E=c",
         "DefaultEndpointsProtocol=https;AccountKey=***;E=c"),
        ("postgresql://ogfd:hunter2@db/ogfd", "postgresql://ogfd:***@db/ogfd"),
        ("by http://user:p@ssw0rd@proxy:3128/ now", "by http://user:***@proxy:3128/ now"),
        ("http://me@corp.example:p@ss@proxy", "http://me@corp.example:***@proxy"),
        ("redis://:p@ss@cache", "redis://:***@cache"),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIE\nvQ==\n-----END PRIVATE KEY-----\nrest",
            "***\nrest",
        ),
    ],
)  # fmt: skip
def test_known_shapes_are_hidden(text, expected):
    """The secret goes, what surrounds it stays readable."""
    assert expected == Redaction().text(text)


@pytest.mark.parametrize(
    "text",
    [
        "slice aws-prod/cost/2026-10 committed",
        "s3://bucket/prefix/report-00001.csv.gz",
        "https://management.azure.com/subscriptions/0000?api-version=2024-08-01",
        "the signature does not match",
        "no authorization",
        "design=3",
        "http://127.0.0.1:8090/metrics asked by me@corp.example",
        "http://user@host:8090/",
        "arn:aws:iam::123456789012:role/ogfd",
    ],
)
def test_ordinary_text_is_left_alone(text):
    """Logs must stay useful."""
    assert text == Redaction().text(text)


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET, safe=""),
        json.dumps(SECRET)[1:-1],
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_registered_secret_is_hidden_however_it_is_spelled(spelling):
    """In URLs, in JSON and in base64 as well."""
    redaction = Redaction()
    redaction.register(SECRET)

    assert "***" in redaction.text(f"before {spelling} after")
    assert spelling not in redaction.text(f"before {spelling} after")


def test_a_secret_that_contains_another_is_hidden_whole():
    """The longest match wins."""
    redaction = Redaction()
    redaction.register("secret-one")
    redaction.register("secret-one-and-more")

    assert "*** ***" == redaction.text("secret-one-and-more secret-one")


def test_a_very_short_secret_does_not_make_logs_unreadable():
    """Hiding every `a` would help nobody."""
    redaction = Redaction()
    redaction.register("a")

    assert "a cat" == redaction.text("a cat")


def test_values_keep_their_shape():
    """Mappings and lists are gone through, numbers stay."""
    redaction = Redaction()
    redaction.register("hunter2-hunter2")

    assert {"a": ["***", 1, None], "***": True} == redaction.value(
        {"a": ("hunter2-hunter2", 1, None), "hunter2-hunter2": True}
    )
