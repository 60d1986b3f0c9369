"""What the files and variables of the SDK say, and what they must not."""

import pytest
from ogfd_aws.config import AwsConfig
from ogfd_aws.faults import classify
from ogfd_aws.session import open_clients, open_session

from ogfd.plugin import AuthError, FatalError, Secret
from ogfd.testing import FakeContext

ROLE = "arn:aws:iam::123456789012:role/ogfd"


def config(**values):
    static = {"access_key_id": "AKIA", "secret_access_key": Secret("x")}
    return AwsConfig.model_validate(static | values)


async def list_a_bucket(settings):
    ctx = FakeContext(classify=classify)
    async with open_clients(ctx, settings) as clients:
        client = await clients.open("s3")
        await ctx.call("s3:List", client.list_objects_v2, Bucket="b")


@pytest.mark.parametrize(
    "line",
    [
        "credential_process = /nonexistent/program",
        "credential_process = /bin/echo no JSON",
        'credential_process = "unbalanced',
    ],
)
async def test_a_profile_that_leads_nowhere_is_an_auth_error(monkeypatch, tmp_path, line):
    """The SDK lets out whatever Python raised, which would pass for a defect of ours."""
    (tmp_path / "config").write_text(f"[profile p]\n{line}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for settings in ({}, {"role_arn": ROLE}):
        with pytest.raises(AuthError, match="credentials cannot be loaded"):
            await open_session(AwsConfig(profile="p", **settings))


async def test_a_profile_of_the_environment_does_not_concern_static_keys(aws_config, monkeypatch):
    """Whoever left the variable there meant something else."""
    aws_config("[profile left]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:1\n")
    for name in ("left", "absent"):
        monkeypatch.setenv("AWS_PROFILE", name)
        async with open_clients(FakeContext(), config()) as clients:
            assert "https://s3.amazonaws.com" == (await clients.open("s3")).meta.endpoint_url

    with pytest.raises(AuthError, match="AWS_PROFILE in the environment"):
        await list_a_bucket(AwsConfig())


async def test_a_profile_that_wants_a_code_is_refused(aws_config, monkeypatch):
    """Nobody is asked on the terminal, where all would wait for the answer."""
    monkeypatch.setattr("getpass.getpass", lambda *_: pytest.fail("somebody was asked"))
    aws_config(
        f"[profile p]\nrole_arn = {ROLE}\nmfa_serial = arn:aws:iam::123456789012:mfa/me\n"
        "source_profile = base\n"
        "[profile base]\naws_access_key_id = A\naws_secret_access_key = B\n"
    )

    with pytest.raises(AuthError, match="MFA code"):
        await list_a_bucket(AwsConfig(profile="p", endpoint_url="http://127.0.0.1:1"))


async def test_authorities_that_are_not_there_are_no_fault_of_the_network(monkeypatch):
    """It would be tried again for ever."""
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nonexistent")

    with pytest.raises(FatalError, match="AWS_CA_BUNDLE"):
        await list_a_bucket(config(endpoint_url="https://127.0.0.1:1"))


OLD_SSO = """[profile billing]
sso_start_url = https://ogfd-test-none.awsapps.com/start
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = Billing
"""
NEW_SSO = """[profile billing]
sso_session = ogfd-test-none
sso_account_id = 123456789012
sso_role_name = Billing
[sso-session ogfd-test-none]
sso_start_url = https://ogfd-test-none.awsapps.com/start
sso_region = us-east-1
"""


@pytest.mark.parametrize("text", [OLD_SSO, NEW_SSO])
@pytest.mark.parametrize("named", [True, False])
async def test_a_profile_that_is_not_signed_in_says_the_command(
    aws_config, monkeypatch, caplog, text, named
):
    """One line that can be pasted, and no traceback of the SDK in the log."""
    aws_config(text)
    if not named:
        monkeypatch.setenv("AWS_PROFILE", "billing")
    with pytest.raises(AuthError, match="aws sso login --profile billing") as raised:
        await list_a_bucket(AwsConfig(profile="billing" if named else None))

    assert "\n" not in str(raised.value)
    assert [] == [record for record in caplog.records if record.name.startswith("aiobotocore")]
    assert [] == [record for record in caplog.records if record.name.startswith("botocore")]
