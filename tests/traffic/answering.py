"""The error that an answer is."""

from ogfd.plugin import HttpError, Response


def answer(status: int) -> HttpError:
    response = Response(status=status, headers={}, body=b"", url="https://h/x")
    return HttpError(f"answered {status}", response=response)
