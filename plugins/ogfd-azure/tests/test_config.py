"""What an operator may write, and what is refused with a reason."""

import pytest
from ogfd_azure import ogfd_connector
from ogfd_azure.clouds import CLOUDS
from ogfd_azure.config import ENVIRONMENT, AzureConfig, allowed_hosts, principal
from pydantic import ValidationError

from ogfd.plugin import Secret

GUID = "AABBCCDD-0000-4000-8000-000000000001"
NESTED = [f"/subscriptions/{GUID}", f"/subscriptions/{GUID}/resourceGroups/Web"]
ACCOUNT = "/providers/Microsoft.Billing/billingAccounts/1"
SECRET = {"tenant_id": "acme.onmicrosoft.com", "client_id": GUID, "client_secret": "env:S"}
DASHBOARD = {"instance_id": GUID, "enrollments": ["1"], "subscription_key": "env:K"}


def config(**keys):
    return AzureConfig.model_validate(keys)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "say how to sign in"),
        ({"auth": "client_secret", "tenant_id": "t"}, "needs client_id and client_secret"),
        ({"auth": "certificate", "tenant_id": "t", "client_id": GUID}, "needs certificate"),
        (SECRET | {"auth": "default"}, "client_secret is of no use with auth = default"),
        (SECRET | {"certificate": "env:C"}, "certificate is of no use"),
        ({"auth": "password"}, "auth"),
        (SECRET | {"cloud": "germany"}, "cloud"),
        (SECRET | {"authority": "http://login.example.com"}, "https:// alone"),
        (SECRET | {"arm_endpoint": "management.azure.com"}, "is no URL"),
        (SECRET | {"arm_endpoint": "https://u:geheim@h.example"}, "scheme, host, port and path"),
        (SECRET | {"subscriptions": ["x"]}, "subscriptions"),
        (SECRET | {"subscriptions": [GUID, GUID.lower()]}, "named twice"),
        (SECRET | {"carbon": {}, "emissions_dashboard": DASHBOARD}, "twice; keep carbon"),
        (SECRET | {"emissions_dashboard": DASHBOARD | {"enrollments": []}}, "enrollments"),
        (SECRET | {"emissions_dashboard": DASHBOARD | {"enrollments": ["a/b"]}}, "enrollment"),
        (SECRET | {"cost": {"account": "Bad_Name", "container": "c12"}}, "account"),
        (SECRET | {"cost_query": {"scopes": ["subscriptions/1"]}}, "a scope is a resource id"),
        (SECRET | {"cost_query": {"scopes": ["/"]}}, "a scope is a resource id"),
        (SECRET | {"cost_query": {"scopes": NESTED}}, f"{NESTED[1].lower()} lies in /subscr"),
        (SECRET | {"cost_query": {"scopes": [NESTED[0], ACCOUNT]}}, "keep scopes of one kind"),
        (SECRET | {"client_secret": "geheim"}, "plain secrets are refused"),
    ],
)
def test_mistakes_say_what_to_do(keys, said):
    """And never quote what may be a secret."""
    with pytest.raises(ValidationError) as caught:
        config(**keys)

    assert said in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_client_secret_says_how_to_sign_in():
    """The predecessor had nothing else, and no word for it."""
    assert "client_secret" == config(**SECRET).sign_in
    assert "managed_identity" == config(auth="managed_identity").sign_in


def test_ids_are_taken_in_lower_case_and_from_one_text():
    """As a variable of the environment has them."""
    found = config(**SECRET, subscriptions=f"{GUID}, {GUID.replace('1', '2')}")

    assert (GUID.lower(), GUID.lower().replace("1", "2")) == found.subscriptions
    assert GUID.lower() == found.client_id


def test_clouds_may_be_changed_in_parts():
    """A preset stands where nothing else is given."""
    gov = config(**SECRET, cloud="us_gov")
    assert CLOUDS["us_gov"] == gov.endpoints
    assert ["management.usgovcloudapi.net", "graph.microsoft.us"] == allowed_hosts(gov)

    own = config(**SECRET, cloud="china", arm_endpoint="https://arm.example:8443/")
    assert "https://arm.example:8443" == own.endpoints.arm_endpoint
    assert CLOUDS["china"].authority == own.endpoints.authority


def test_hosts_are_those_of_the_streams_that_are_on():
    """And no others: a link may lead nowhere else."""
    found = config(**SECRET, cloud="china", cost={"account": "acmecosts", "container": "exports"})
    assert [
        "management.chinacloudapi.cn",
        "microsoftgraph.chinacloudapi.cn",
        "acmecosts.blob.core.chinacloudapi.cn",
    ] == allowed_hosts(found)
    assert ["management.azure.com"] == allowed_hosts(config(auth="managed_identity"))
    dashboard = config(**SECRET, emissions_dashboard=DASHBOARD)
    assert "api.mcfs.microsoft.com" in allowed_hosts(dashboard)


def test_limits_are_those_of_the_tenant():
    """A stand-in or proxy has limits of its own."""
    assert SECRET["tenant_id"] == principal(config(**SECRET))
    elsewhere = config(**SECRET, arm_endpoint="https://127.0.0.1:1234")
    assert f"{SECRET['tenant_id']} at 127.0.0.1" == principal(elsewhere)
    assert "managed_identity" == principal(config(auth="managed_identity"))
    assert principal(config(**SECRET)) == principal(
        config(**SECRET | {"tenant_id": "ACME.onMicrosoft.com"})
    )


def test_variables_of_the_predecessor_lead_to_keys():
    """Each names a key that there is."""
    models = {"": AzureConfig}
    for name, stream in ogfd_connector().streams.items():
        models[name] = stream.config
    for variable, key in ENVIRONMENT.items():
        assert variable.startswith("OFFGRIDFLOW_AZURE_")
        table, _, name = key.rpartition(".")
        if table in models:
            assert name in models[table].model_fields


def test_secrets_do_not_render():
    """Neither in a repr nor in what is dumped."""
    shown = config(**SECRET | {"client_secret": Secret("geheim")})

    assert "geheim" not in repr(shown)
    assert "geheim" not in shown.model_dump_json()
