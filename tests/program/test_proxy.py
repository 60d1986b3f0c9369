"""The installed program in a network that only an HTTP proxy with its own CA leads out of."""

import json
from urllib.parse import urlsplit

import pytest
import trustme
from proxying import Proxy

HOST = "store.acme.example"  # nobody knows its address: who does not ask the proxy gets nowhere
LOGIN = "ogfd:p%40ss-word"
FOREIGN = ("_proxy", "_PROXY", "_CA_BUNDLE", "SSL_CERT")


@pytest.fixture
def proxy(site):
    """Leads to the store of *site*, at an address of its own."""
    with Proxy(trustme.CA(), {HOST: urlsplit(site.s3.url).netloc.split(":")}) as proxy:
        proxy.login = "ogfd:p@ss-word"
        site.endpoint_url = f"https://{HOST}"
        site.environ = {
            name: value
            for name, value in site.environ.items()
            if not any(foreign in name for foreign in FOREIGN)
        }
        yield proxy


def test_a_month_comes_by_a_proxy_with_its_own_ca(site, proxy, first, tmp_path):
    """The password stands in a variable, and is seen in no log at the deepest level."""
    site.put(first)
    site.environ["CORPORATE_PROXY"] = proxy.url_for(LOGIN)
    site.daemon = (
        f'proxy = "env:CORPORATE_PROXY"\nca_file = "{proxy.trusted(tmp_path)}"\n'
        'log_level = "debug"\n'
    )
    done = site.run("sync", "--json")
    [run] = json.loads(done.stdout)["runs"]
    [outcome] = run["slices"]

    assert ("committed", first.truth.lines) == (outcome["outcome"], outcome["source_rows"])
    assert {f"CONNECT {HOST}:443 HTTP/1.1"} == set(proxy.seen)
    assert "ss-word" not in done.stdout + done.stderr + site.run("config", "show").stdout


def test_without_its_ca_the_proxy_is_not_trusted(site, proxy, first):
    """Nothing is read, nothing is tried twice, and the reason is said."""
    site.put(first)
    site.environ["https_proxy"] = proxy.url_for(LOGIN)
    site.s3.forget_requests()
    done = site.run("sync", "--json")

    assert 0 != done.returncode
    assert "certificate" in done.stdout + done.stderr
    assert [f"CONNECT {HOST}:443 HTTP/1.1"] == proxy.seen
    assert 0 == site.s3.count("ListObjectsV2")
    assert "ss-word" not in done.stdout + done.stderr
