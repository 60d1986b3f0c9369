"""
One network for the whole process: what the configuration and the environment say of it reaches
`ctx.request` as a `Network`, and the SDKs as the variables that they read.

    [daemon] proxy, no_proxy, ca_file --+--> Network ----> ctx.request
    HTTPS_PROXY, NO_PROXY, ... ---------+       |
                                                +--------> HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE, ...
                                                           (botocore, azure-core, google-auth, ...)
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from anyio import to_thread

from ogfd.traffic.web.network import DIRECT, Network

_SCHEMES: Final = ("http", "https")
_DEFAULT_CONTEXT: Final = "_SSL_CONTEXT_VERIFIED"
_CERTIFICATES: Final = (
    "SSL_CERT_FILE",  # OpenSSL, so urllib and whoever makes a default context
    "REQUESTS_CA_BUNDLE",  # requests, so google-auth and azure-core; botocore without its own
    "AWS_CA_BUNDLE",  # botocore
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",  # gRPC, which brings its own list otherwise
)
_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.+?-----END \1-----", re.DOTALL
)


@asynccontextmanager
async def shared(network: Network, directory: Path) -> AsyncGenerator[Network]:
    """
    Have every SDK of the process use *network*, and give it as `ctx.request` is to use it.

    Enter it before the SDKs make their clients; the variables are as before afterwards.

    Args:
        network: what the configuration says; the environment fills in what it leaves out.
        directory: where the certificates are written that all are to trust.

    Raises:
        ValueError: if a proxy is none for HTTP.
        OSError: if certificates cannot be read or written.
    """
    whole = completed(network, os.environ)
    bundle = None
    if whole.ca_file is not None:
        bundle = directory / "ca-bundle.pem"
        await to_thread.run_sync(write_bundle, whole.ca_file, bundle)
    with _environment(variables(whole, os.environ, bundle)):
        trust = None if bundle is None else await to_thread.run_sync(whole.trust)
        with _trusted_by_aiohttp(trust):
            yield whole


@contextmanager
def _environment(changes: Mapping[str, str]) -> Generator[None]:
    before = {name: os.environ.get(name) for name in changes}
    try:
        os.environ.update(changes)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def completed(network: Network, environ: Mapping[str, str]) -> Network:
    """
    Return *network* with what it leaves out taken from *environ*, read as urllib reads it.

    Raises:
        ValueError: if a proxy is none for HTTP.
    """
    named = {scheme: _variable(environ, f"{scheme}_proxy") for scheme in _SCHEMES}
    proxies = network.proxies or {scheme: url for scheme, url in named.items() if url}
    no_proxy = network.no_proxy or _variable(environ, "no_proxy").split(",")
    return replace(
        network,
        proxies={scheme: _proxy(url) for scheme, url in proxies.items()},
        no_proxy=tuple(entry.strip() for entry in no_proxy if entry.strip()),
    )


def variables(network: Network, environ: Mapping[str, str], bundle: Path | None) -> dict[str, str]:
    """
    Return the variables that make SDKs use *network*.

    Args:
        network: from `completed`.
        environ: the environment as it is.
        bundle: the certificates to trust; None for those that ``SSL_CERT_FILE`` names, if it is
            set, wherever a library's own variable is not.
    """
    found = {f"{scheme}_proxy": url for scheme, url in network.proxies.items()}
    if found:
        found["no_proxy"] = _no_proxy(network)
    # Both spellings: some read the one, some the other, and where both are set they differ.
    found |= {name.upper(): value for name, value in found.items()}
    for name in _CERTIFICATES:
        if bundle is not None:
            found[name] = str(bundle)
        elif environ.get("SSL_CERT_FILE") and not environ.get(name):
            found[name] = environ["SSL_CERT_FILE"]
    return found


def write_bundle(ca_file: Path, path: Path) -> None:
    """
    Write the certificates that are trusted already, and those in *ca_file*, to *path*.

    Those of the SDKs (certifi) are among them, unless ``SSL_CERT_FILE`` says whom to trust.

    Raises:
        OSError: if a file cannot be read or written.
    """
    found = [ssl.DER_cert_to_PEM_cert(each) for each in _trusted().get_ca_certs(binary_form=True)]
    part = path.with_suffix(".tmp")
    # Nothing else of the file: some keep the authority's private key in it, and all may read ours.
    own = [match[0] + b"\n" for match in _CERTIFICATE.finditer(ca_file.read_bytes())]
    part.write_bytes("".join(found).encode() + b"".join(own))
    part.chmod(0o644)
    part.replace(path)


def _trusted() -> ssl.SSLContext:
    context = ssl.create_default_context()
    directory = ssl.get_default_verify_paths().capath
    # OpenSSL reads a directory when it meets an issuer: until then the context lists none of it.
    for each in Path(directory).glob("*.[0-9]") if directory else ():
        with suppress(OSError):  # one that is gone is skipped there too
            context.load_verify_locations(each)
    if not os.environ.get("SSL_CERT_FILE") and find_spec("certifi") is not None:
        # It comes with the SDKs that trust it, so it is no dependency of ours.
        context.load_verify_locations(import_module("certifi").where())
    return context


@contextmanager
def _trusted_by_aiohttp(trust: ssl.SSLContext | None) -> Generator[None]:
    # aiohttp made the context for sessions without one of their own when it was imported, so no
    # variable reaches those of azure-core any more; there is no public way to it.
    before = getattr(aiohttp.connector, _DEFAULT_CONTEXT, None)
    if trust is None or not isinstance(before, ssl.SSLContext):
        yield
        return
    setattr(aiohttp.connector, _DEFAULT_CONTEXT, trust)
    try:
        yield
    finally:
        setattr(aiohttp.connector, _DEFAULT_CONTEXT, before)


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name, environ.get(name.upper(), "")).strip()


def _proxy(url: str) -> str:
    text = url.strip()
    whole = text if "://" in text else f"http://{text}"  # as curl and requests take it
    if not _is_proxy(whole):
        raise ValueError(
            "the proxy must be an HTTP proxy, http://HOST:PORT; in a password before that, "
            "characters such as / ? # and @ are percent-quoted"
        )
    return whole


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        whole = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0
    except ValueError:  # a port that is none
        return False
    # A password that is not quoted ends where a path begins, and would show as one.
    rest = parts.path.strip("/") or parts.query or parts.fragment
    return bool(whole) and not rest and url.isprintable() and " " not in url


def _no_proxy(network: Network) -> str:
    if "*" in network.no_proxy:
        return "*"  # alone: urllib takes it for a host's name otherwise
    # What stands for all below is a name without its star: only ctx.request knows that.
    names = [entry.removeprefix("*") for entry in network.no_proxy]
    return ",".join(dict.fromkeys([*names, *DIRECT]))
