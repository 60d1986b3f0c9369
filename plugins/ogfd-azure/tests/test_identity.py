"""Whose a token is, and what is granted to whom."""

import base64
import json

import pytest
from ogfd_azure.grants import COST, ReadContainer, RoleOn, grant
from ogfd_azure.identity import Principal, principal, principal_in
from ogfd_azure.tokens import Tokens

from ogfd.testing import FakeContext

ROLE = RoleOn(role=COST, scopes=("/subscriptions/s",), name="ogfd_cost")


def token(claims):
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.signature"


@pytest.mark.parametrize(
    ("claims", "said", "identity"),
    [
        (
            {"oid": "o", "appid": "a", "tid": "t", "idtyp": "app"},
            "app a, object o, in tenant t",
            "a",
        ),
        ({"oid": "o", "azp": "a", "tid": "t"}, "app a, object o, in tenant t", "a"),
        (
            {"oid": "o", "appid": "a", "tid": "t", "scp": "x", "upn": "jo@acme.example"},
            "user jo@acme.example, object o, in tenant t",
            "jo@acme.example",
        ),
        (
            {"oid": "o", "appid": "a", "idtyp": "user"},
            "user (not told), object o, in tenant (not told)",
            "o",
        ),
        ({"oid": "o"}, "app (not told), object o, in tenant (not told)", "o"),
        ({"oid": 7}, "signed in; the token does not say as whom", None),
    ],
)
def test_a_token_says_whose_it_is(claims, said, identity):
    """Of an app in either version of tokens, or of a person."""
    who = principal_in(token(claims))

    assert (said, identity) == (who.told, who.identity)


DEEP = base64.urlsafe_b64encode(b"[" * 100_000).decode()


@pytest.mark.parametrize(
    "text",
    ["", "opaque", "a.b", "a.%%%.c", "a.e30.c", "a.WzFd.c", "a._w.c", f"a.{DEEP}.c"],
    ids=len,
)
def test_what_is_no_token_says_nothing(text):
    """Its form is nobody's promise."""
    assert Principal() == principal_in(text)


async def test_the_app_is_known_where_the_token_does_not_say(desk_of):
    """By the configuration, if it is there; a role is assigned to it then."""
    ctx = FakeContext()
    async with Tokens(ctx, desk_of(3600)) as tokens:
        who = await principal(tokens.auth("scope"), "client")

    assert Principal(app_id="client") == who
    assert "--assignee client --role" in grant([ROLE], who)


def test_a_person_is_assigned_a_role_as_such():
    """As of an operator who tries it out with the Azure CLI."""
    said = grant([ROLE, ROLE], Principal(object_id="o", name="jo@acme.example"))
    assert 1 == said.count("--assignee-object-id o --assignee-principal-type User")


def test_the_name_of_a_container_is_taken_literally():
    """Neither a shell nor Terraform puts a value into it."""
    account = ReadContainer(account="4costs", container="$web")
    said = grant([account], Principal(object_id="o"))

    assert '--output tsv)/blobServices/default/containers/\\$web"' in said
    assert 'variable "storage_4costs_id" {' in said
    assert '"${var.storage_4costs_id}/blobServices/default/containers/$web"' in said
