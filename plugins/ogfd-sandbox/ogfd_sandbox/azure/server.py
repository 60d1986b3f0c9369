"""
Azure on a loopback port, in a process of its own, with a log of requests and faults.

One port answers over TLS as login authority, Resource Manager, Emissions Impact Dashboard and blob
storage; a second one without TLS as the sources of managed identities, and for this object::

    with AzureServer() as azure:
        azure.set_carbon([CarbonItem(...)], denied=["..."])
        azure.inject(Rule(action="status", operation="CarbonReport", status=429))
        ...                      # authority=azure.authority, arm_endpoint=azure.arm_endpoint,
        ...                      # blob_endpoint=azure.blob_endpoint, ca_file=azure.ca_file
        assert 3 == azure.count("CarbonReport", "ItemDetailsReport * 2026-08-01/2026-08-01 *")
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import trustme

from ogfd_sandbox.azure.login import IDENTITY_HEADER, IDENTITY_PATH
from ogfd_sandbox.azure.seeds import (
    ACCOUNT,
    BillingAccount,
    CarbonItem,
    CostRow,
    DashboardEmission,
    Export,
    Login,
    Subscription,
)
from ogfd_sandbox.standin import HOST, StandIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """
    One request that a client made.

    Attributes:
        operation: ``Token``, ``IdentityToken``, ``Discovery``, ``ListSubscriptions``,
            ``CarbonReport``, ``CarbonDateRange``, ``CostQuery``, ``ListExports``,
            ``DashboardEmissions``, ``ListBillingAccounts``, ``GetApplication``, ``ListBlobs``,
            ``GetBlob``, ``GetBlobProperties``; another request has its method for a name.
        key: what was asked; see the table in `ogfd_sandbox.azure`.
        status: 0 while, or if never, it was answered.
        headers: by lower-case name, without those that hold secrets.
        at: when it came, in seconds since the epoch.
        sent: bytes of the body of the answer.
    """

    operation: str
    key: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)
    at: float = field(default=0.0, compare=False)
    sent: int = field(default=0, compare=False)


class AzureServer(StandIn[Request]):
    """An Azure stand-in, see `StandIn`; the file *ca_file* has who signed its certificate."""

    title = "the Azure stand-in"
    module = "ogfd_sandbox.azure.process"
    request = Request

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.ca_file = Path()

    @property
    def url(self) -> str:
        """The endpoint of all services, such as ``https://127.0.0.1:40123``."""
        return f"https://{HOST}:{self.port}"

    @property
    def authority(self) -> str:
        """What takes the place of ``https://login.microsoftonline.com``."""
        return self.url

    @property
    def arm_endpoint(self) -> str:
        """What takes the place of ``https://management.azure.com``."""
        return self.url

    @property
    def dashboard_endpoint(self) -> str:
        """What takes the place of ``https://api.mcfs.microsoft.com``."""
        return self.url

    @property
    def blob_endpoint(self) -> str:
        """What takes the place of ``https://acmecosts.blob.core.windows.net``."""
        return self.blob_endpoint_of(ACCOUNT)

    def blob_endpoint_of(self, account: str) -> str:
        """Return what takes the place of ``https://{account}.blob.core.windows.net``."""
        return f"{self.url}/blob/{account}"

    @property
    def imds_endpoint(self) -> str:
        """What the variable ``AZURE_POD_IDENTITY_AUTHORITYHOST`` must say."""
        return f"http://{HOST}:{self._control_port}"

    @property
    def identity_environment(self) -> dict[str, str]:
        """The variables that lead a managed identity of an App Service here."""
        return {
            "IDENTITY_ENDPOINT": f"http://{HOST}:{self._control_port}{IDENTITY_PATH}",
            "IDENTITY_HEADER": IDENTITY_HEADER,
        }

    def reset(self) -> None:
        """Forget all that was set, put, logged, injected and issued, as if just started."""
        self._control("DELETE", "all")

    def set_login(self, login: Login) -> None:
        """Have the authority know *login* and nothing else; tokens that are out stay good."""
        self._control("PUT", "login", asdict(login))

    def revoke_tokens(self) -> None:
        """Have every token that is out count as expired."""
        self._control("DELETE", "tokens")

    def set_subscriptions(
        self, subscriptions: Iterable[Subscription], *, page_size: int = 1000
    ) -> None:
        """Have the credential see *subscriptions*, so many a page."""
        found = [asdict(subscription) for subscription in subscriptions]
        self._control("PUT", "subscriptions", {"value": found, "page_size": page_size})

    def set_carbon(
        self,
        items: Iterable[CarbonItem],
        *,
        denied: Mapping[str, str] | Sequence[str] = (),
        available: tuple[str, str] | None = None,
    ) -> None:
        """
        Have the emissions be *items*, in place of all that were.

        Args:
            items: none leaves a subscription that `set_subscriptions` named without emissions;
                subscriptions that neither names are denied as well.
            denied: ids of subscriptions whose emissions may not be read, with a reason or without.
            available: first and last month, ``YYYY-MM``; those of *items* if None.
        """
        reasons = denied if isinstance(denied, Mapping) else dict.fromkeys(denied, "")
        found = [_texts(asdict(item)) for item in items]
        body = {"items": found, "denied": dict(reasons), "available": available}
        self._control("PUT", "carbon", body)

    def set_cost(self, rows: Iterable[CostRow]) -> None:
        """Have queries see *rows*, in place of all that they saw."""
        self._control("PUT", "cost", [_texts(asdict(row)) for row in rows])

    def limit_queries(self, requests: int | None, *, seconds: float = 60.0) -> None:
        """Refuse more than *requests* cost queries of one scope within *seconds*; None: never."""
        self._control("PUT", "query_limit", {"requests": requests, "seconds": seconds})

    def set_exports(self, exports: Iterable[Export]) -> None:
        """Have listings of exports show *exports*, in place of all that they showed."""
        self._control("PUT", "exports", [asdict(export) for export in exports])

    def set_billing_accounts(self, accounts: Iterable[BillingAccount]) -> None:
        """Have the credential see *accounts*, in place of all that it saw."""
        self._control("PUT", "billing", [asdict(account) for account in accounts])

    def set_directory(
        self,
        client_id: str | None,
        *,
        secrets: Iterable[tuple[str, str]] = (),
        certificates: Iterable[str] = (),
    ) -> None:
        """
        Let the app *client_id* read its own registration, and no other app any.

        Args:
            client_id: of the app; None refuses everybody, as if just started.
            secrets: each with the time it ends, such as ``2027-05-01T00:00:00Z``.
            certificates: the time each ends.
        """
        app = {"secrets": list(secrets), "certificates": list(certificates)}
        self._control("PUT", "directory", None if client_id is None else {client_id: app})

    def set_dashboard(
        self, enrollment: str, emissions: Iterable[DashboardEmission], *, key: str = "sandbox-key"
    ) -> None:
        """
        Have the Emissions Impact Dashboard hold *emissions* of one enrollment, and of no other.

        Args:
            enrollment: its id.
            emissions: in the order of the answers.
            key: the ``Ocp-Apim-Subscription-Key`` that it wants.
        """
        found = [_texts(asdict(emission)) for emission in emissions]
        body = {"enrollment": enrollment, "value": found, "key": key}
        self._control("PUT", "dashboard", body)

    def create_container(self, container: str, *, account: str = ACCOUNT) -> None:
        """Create *container*, and *account* with it; nothing happens if it is there."""
        self._control("PUT", _blob_path(account, container))

    def put_blob(
        self, container: str, name: str, body: bytes | Path, *, account: str = ACCOUNT
    ) -> str:
        """Store *body* under exactly *name* in *container*, made if need be; return the ETag."""
        content = body if isinstance(body, bytes) else body.read_bytes()
        answer = self._control("PUT", _blob_path(account, container, name), content)
        return str(answer["etag"])

    def get_blob(self, container: str, name: str, *, account: str = ACCOUNT) -> bytes:
        """
        Return what is stored under *name*.

        Raises:
            KeyError: if nothing is.
        """
        status, body = self._exchange("GET", _blob_path(account, container, name), None)
        if status != 200:
            raise KeyError(name)
        return body

    def delete_blob(self, container: str, name: str, *, account: str = ACCOUNT) -> None:
        """Delete *name*; nothing happens if it is not there."""
        self._control("DELETE", _blob_path(account, container, name))

    def blobs(self, container: str, prefix: str = "", *, account: str = ACCOUNT) -> list[str]:
        """Return the names in *container* that begin with *prefix*, sorted."""
        names: list[str] = self._control("GET", _blob_path(account, container))
        return [name for name in names if name.startswith(prefix)]

    def _arguments(self, folder: Path) -> Sequence[str]:
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        identity = folder / "identity.pem"
        certificate = authority.issue_cert(HOST, "localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(identity)
        return (str(identity),)


def _texts(values: dict[str, Any]) -> dict[str, Any]:
    """Return *values* with decimals and dates as text, which JSON cannot carry."""
    plain = (str, int, dict, list, tuple, type(None))
    return {
        name: value if isinstance(value, plain) else str(value) for name, value in values.items()
    }


def _blob_path(account: str, container: str, name: str | None = None) -> str:
    path = f"blobs/{account}/{container}"
    return path if name is None else f"{path}/{quote(name, safe='')}"
