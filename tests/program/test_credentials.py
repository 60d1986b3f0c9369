"""Credentials that run out, or may too little, as the installed program meets them."""

from ogfd_sandbox.faults import Rule

ROLE = 'role_arn = "arn:aws:iam::123456789012:role/ogfd"\nexternal_id = "e-1"\n'


def test_a_token_that_runs_out_in_the_middle_of_a_download(site, first):
    """The role is assumed again, and the file goes on at the byte where it broke off."""
    site.connector = ROLE
    site.put(first)
    site.s3.forget_requests()
    file = site.files(first)[0]
    site.s3.inject(
        Rule(action="truncate", key=file, keep_bytes=5_000),
        Rule(action="status", key=file, first=2, status=400, code="ExpiredToken"),
    )

    outcome = site.sync()

    assert "committed" == outcome["outcome"]
    assert first.truth.billed() == {"USD": site.sums()["billed_cost:USD"]}
    asked = [one for one in site.s3.requests() if one.key == file or one.operation == "AssumeRole"]
    assert [
        ("AssumeRole", 200),
        ("GetObject", 200),
        ("GetObject", 400),
        ("AssumeRole", 200),
        ("GetObject", 206),
    ] == [(one.operation, one.status) for one in asked]


def test_check_prints_the_policy_that_is_missing(site, first):
    """Once, as JSON and as Terraform; what is allowed already is not in it."""
    site.put(first)
    site.s3.inject(
        Rule(action="status", operation="GetObject", status=403, code="AccessDenied", times=99)
    )

    done = site.run("check")

    assert 0 != done.returncode
    assert 1 == done.stdout.count("To grant:")
    arn = f"arn:aws:s3:::{site.place.bucket}/cur/acme/*"
    assert f'"Resource": "{arn}"' in done.stdout
    assert f'resources = ["{arn}"]' in done.stdout
    assert "s3:ListBucket" not in done.stdout.partition("To grant:")[2]
