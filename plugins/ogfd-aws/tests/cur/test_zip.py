"""ZIP files: one CSV file in an archive."""

import gzip
import io
import zipfile

import pytest

from ogfd.plugin import FatalError, TransientError


def zipped(*texts, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for number, text in enumerate(texts):
            archive.writestr(f"acme-{number}.csv", text)
    return out.getvalue()


@pytest.fixture
def text(write):
    return gzip.decompress(write([{"lineItem/UsageType": f"type {n}"} for n in range(2000)]))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_the_file_in_the_archive_is_read(read, text, method):
    """Told by its first bytes, not by its name."""
    assert 2000 == read(zipped(text, method=method)).source_rows


@pytest.mark.parametrize("count", [0, 2])
def test_an_archive_holds_one_file(read, text, count):
    """Which of several is the report cannot be known."""
    archive = zipped(*[text] * count)

    with pytest.raises((FatalError, TransientError), match=rf"f\.csv\.gz.*holds {count} files"):
        read(archive)


@pytest.mark.parametrize("keep", [4, 60, 400, -1, -30])
def test_a_truncated_archive_is_never_taken_for_a_whole_one(read, text, keep):
    """Its directory comes last."""
    with pytest.raises(TransientError, match=r"f\.csv\.gz is (truncated|corrupt)"):
        read(zipped(text)[:keep])


def test_a_flipped_bit_is_noticed(read, text):
    """By the check sum in the archive."""
    whole = bytearray(zipped(text, method=zipfile.ZIP_STORED))
    whole[len(whole) // 2] ^= 1

    with pytest.raises(TransientError, match=r"f\.csv\.gz is corrupt"):
        read(bytes(whole))


def test_an_encrypted_archive_is_refused(read, text):
    """No transfer makes it readable."""
    whole = bytearray(zipped(text))
    whole[6] |= 1  # the flag in the file's own header
    whole[whole.rindex(b"PK\x01\x02") + 8] |= 1  # and in the directory

    with pytest.raises(FatalError, match=r"f\.csv\.gz cannot be unpacked: .*encrypted"):
        read(bytes(whole))
