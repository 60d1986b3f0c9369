"""What ``ogfd check`` asks beside: the app's own registration, and billing accounts."""

import json

from ogfd_sandbox.azure.seeds import CLIENT_ID, BillingAccount

GRAPH = "https://graph.microsoft.com/.default"
APP = f"/v1.0/applications(appId='{CLIENT_ID}')?$select=passwordCredentials,keyCredentials"
ACCOUNTS = "/providers/Microsoft.Billing/billingAccounts?api-version=2020-05-01"


async def test_an_app_may_read_its_registration_if_it_is_told_so(azure, client):
    """Of a secret the first letters are shown, and its end."""
    status, _, body = await client.ask("GET", APP, scope=GRAPH)
    assert (403, "Authorization_RequestDenied") == (status, json.loads(body)["error"]["code"])

    azure.set_directory(
        CLIENT_ID,
        secrets=[("abcdef", "2027-05-01T00:00:00Z")],
        certificates=["2028-01-01T00:00:00Z"],
    )
    status, _, body = await client.ask("GET", APP, scope=GRAPH)
    told = json.loads(body)
    assert (200, {"passwordCredentials", "keyCredentials"}) == (status, told.keys())
    (secret,), (certificate,) = told["passwordCredentials"], told["keyCredentials"]
    assert ("abc", "2027-05-01T00:00:00Z") == (secret["hint"], secret["endDateTime"])
    assert "2028-01-01T00:00:00Z" == certificate["endDateTime"]
    assert "abcdef" not in body.decode()


async def test_other_apps_and_tokens_for_other_services_are_refused(azure, client):
    """As Graph does."""
    azure.set_directory(CLIENT_ID)
    other = APP.replace(CLIENT_ID, "other")

    assert 404 == (await client.ask("GET", other, scope=GRAPH))[0]
    assert 401 == (await client.ask("GET", APP))[0]
    assert 1 == azure.count("GetApplication", CLIENT_ID)


async def test_billing_accounts_are_listed_with_their_profiles_if_asked(azure, client):
    """A number is the id of an enrollment."""
    azure.set_billing_accounts(
        [
            BillingAccount(account_id="1234567", name="Acme"),
            BillingAccount(account_id="a:b_2019-05-31", name="Acme", profiles=("P",)),
        ]
    )
    _, _, body = await client.ask("GET", f"{ACCOUNTS}&$expand=billingProfiles")
    accounts = [one["properties"] for one in json.loads(body)["value"]]
    assert ["EnterpriseAgreement", "MicrosoftCustomerAgreement"] == [
        one["agreementType"] for one in accounts
    ]
    assert [0, 1] == [len(one["billingProfiles"]["value"]) for one in accounts]

    _, _, body = await client.ask("GET", ACCOUNTS)
    first = json.loads(body)["value"][0]
    assert "/providers/Microsoft.Billing/billingAccounts/1234567" == first["id"]
    assert "value" not in first["properties"]["billingProfiles"]
