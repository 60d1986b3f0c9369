"""Which service a resource belongs to."""

import re

import pytest
from ogfd_azure.tables.services import service_named, service_of


@pytest.mark.parametrize(
    ("consumed", "kind", "name", "category"),
    [
        ("microsoft.storage", "microsoft.storage/storageaccounts", "Storage Accounts", "storage"),
        ("MICROSOFT.KEYVAULT", "Microsoft.KeyVault/vaults", "Key Vault", "security"),
        ("Microsoft.Compute", "microsoft.compute/disks", "Virtual Machines", "compute"),
        # nobody names the service that is consumed
        (None, "microsoft.sql/servers/databases", "Azure SQL Database", "databases"),
        # a part of what the table knows
        ("x", "microsoft.storage/storageaccounts/shares", "Storage Accounts", "storage"),
        # one type, sold by what it protects
        ("VirtualMachines", "microsoft.security/pricings", "Virtual Machines", "compute"),
        ("x", "microsoft.security/pricings", "Microsoft Defender for Cloud", "security"),
        # a provider with one service
        ("Microsoft.Batch", None, "Batch", "compute"),
        ("microsoft.capacity", "microsoft.capacity/reservationorders/reservations",
         "Azure Reservations", "management_and_governance"),
    ],
)  # fmt: skip
def test_a_resource_belongs_to_a_service(consumed, kind, name, category):
    """By its type, in any case; the consumed service decides where that is not enough."""
    service = service_of(consumed, kind)

    assert service is not None
    assert (name, category) == (service.name, service.category)


def test_what_no_table_knows_has_no_service():
    """A provider of several services does not tell by itself."""
    assert service_of("microsoft.compute", None) is None
    assert service_of("contoso.things", "contoso.things/widgets") is None
    assert service_of(None, None) is None
    assert service_named("Widgets") is None
    assert service_named(None) is None


def test_a_service_is_known_by_its_name():
    """Meter categories often are such names."""
    service = service_named("load balancer")

    assert service is not None
    assert ("Load Balancer", "networking") == (service.name, service.category)
    assert re.fullmatch("[a-z_]+", service.category)
