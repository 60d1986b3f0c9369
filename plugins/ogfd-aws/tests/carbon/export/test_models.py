"""The order of model versions."""

import pytest
from ogfd_aws.carbon.export.models import order, same


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("v3.9.0", "v3.10.0"),
        ("v2.99.99", "v3.0.0"),
        ("v3.0.9", "v3.0.10"),
        ("v4.0.0-rc.1", "v4.0.0"),
        ("v4.0.0-rc.2", "v4.0.0-rc.10"),
        ("v4.0.0-1", "v4.0.0-rc"),
        ("v4.0.0-rc", "v4.0.0-rc.1"),
        ("v3.0.0", "V3.1.0"),
        ("latest", "v1.0.0"),
        ("v3", "v1.0.0"),
    ],
)
def test_newer_models_come_last(older, newer):
    """As semantic versions, not as texts; what is none of them comes first."""
    assert [older, newer] == sorted([newer, older], key=order)


def test_spellings_of_one_model_are_the_same():
    """With or without the v, in any case."""
    assert same("v3.0.0", "3.0.0")
    assert same("V3.0.0-RC.1", "v3.0.0-rc.1")
    assert not same("v3.0.0", "v3.0")
