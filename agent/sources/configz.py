"""The kubelet's own configuration, asked of its /configz with our service account's token.

The token is worth something to whoever gets it, so it is sent to a server alone whose certificate an authority that we
trust has signed for the very address that we call. The handshake comes before the first header: where the certificate
does not verify, nothing is sent at all. There is no way to turn this off.

Source: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from agent.kube.credentials import Credentials, authority_context
from collectors.errors import NumascopeError
from collectors.kubelet.configuration import parse_configz
from collectors.model.kubelet_config import KubeletConfig
from collectors.parse import ParseError

ANSWER_LIMIT = 1 << 20
"""Bytes of an answer; a real one has 6 kB."""

DEADLINE_SECONDS = 5.0
"""For the whole call. A kubelet answers within milliseconds; one that starts refuses the connection at once."""

PATH = "/configz"
RIGHT = "nodes/configz"
_WORDS = 200
"""Characters of a refusal that are repeated"""


class ConfigzError(NumascopeError):
    """/configz gave no configuration.

    Attributes:
        passing: whether it is worth asking again soon: the kubelet was not to be reached. Everything else needs a
            person.
    """

    passing = False


class ConfigzUnreachableError(ConfigzError):
    """No connection, or no answer in time."""

    passing = True


class ConfigzCertificateError(ConfigzError):
    """The kubelet's certificate does not verify; nothing was sent."""


class ConfigzRefusedError(ConfigzError):
    """The kubelet does not let us: 401 or 403."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configz:
    """How to ask one kubelet.

    Attributes:
        address: `host:port`, the host of an IPv6 address in brackets.
        tls: trusts the authority that signs kubelets' certificates, and no other; made anew for each call, since
            authorities are renewed too. Its errors pass through.
        token: the token as it is now; its errors pass through.
        deadline: seconds for the whole call.
    """

    address: str
    tls: Callable[[], ssl.SSLContext]
    token: Callable[[], str]
    deadline: float = DEADLINE_SECONDS

    async def read(self) -> KubeletConfig:
        """The configuration that is in force; raises ConfigzError, and what `tls` and `token` raise."""
        request = f"GET https://{self.address}{PATH}"
        tls = self.tls()
        tls.check_hostname, tls.verify_mode = True, ssl.CERT_REQUIRED
        status, body = await self._get(request, tls)
        if status in (401, 403):
            raise ConfigzRefusedError(_refusal(request, status, body))
        if status != 200:
            raise ConfigzError(f"{request}: {status}: {_shown(body)}")
        try:
            return parse_configz(body.decode("utf-8", "replace"))
        except ParseError as error:
            raise ConfigzError(f"{request}: {error}") from error

    async def _get(self, request: str, tls: ssl.SSLContext) -> tuple[int, bytes]:
        connector = aiohttp.TCPConnector(ssl=tls, limit=1, force_close=True)
        try:
            async with (
                asyncio.timeout(self.deadline),
                aiohttp.ClientSession(connector=connector, trust_env=False) as session,
                session.get(
                    request.removeprefix("GET "),
                    headers={"Authorization": f"Bearer {self.token()}", "Accept": "application/json"},
                    # A redirect could lead the token elsewhere.
                    allow_redirects=False,
                ) as response,
            ):
                return response.status, await _bounded(request, response)
        except aiohttp.ClientConnectorCertificateError as error:
            raise ConfigzCertificateError(_distrust(request, error)) from error
        except TimeoutError as error:
            raise ConfigzUnreachableError(f"{request}: no answer within {self.deadline:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ConfigzUnreachableError(f"{request}: {str(error) or type(error).__name__}") from error


def configz_with(credentials: Credentials, *, address: str, authority: str | None = None) -> Configz:
    """Asks the kubelet at that address with these credentials.

    Args:
        credentials: whose token it is; their authority is trusted where no other is named.
        address: `host:port`.
        authority: a PEM file with the authority of the kubelet's certificate.
    """

    def tls() -> ssl.SSLContext:
        context = credentials.tls() if authority is None else authority_context(Path(authority))
        if context is None:
            raise ConfigzError(
                "no authority is known that the kubelet's certificate could be verified with: use --kubelet-ca"
            )
        return context

    def token() -> str:
        value = credentials.token()
        if value is None:
            raise ConfigzError("there is no token to show the kubelet")
        return value

    return Configz(address=address, tls=tls, token=token)


async def _bounded(request: str, response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > ANSWER_LIMIT:
            raise ConfigzError(f"{request}: an answer of more than {ANSWER_LIMIT} bytes")
    return bytes(data)


def _distrust(request: str, error: aiohttp.ClientConnectorCertificateError) -> str:
    cause = error.certificate_error
    reason = getattr(cause, "verify_message", "") or str(cause)
    return (
        f"{request}: the kubelet's certificate does not verify ({reason}), so our token was not sent. Kubelets sign"
        " their own unless their configuration has serverTLSBootstrap: true and their requests are approved; or name"
        " the authority that signed it with --kubelet-ca FILE, or let us read the configuration from its file with"
        " --kubelet-config FILE"
    )


def _refusal(request: str, status: int, body: bytes) -> str:
    said = f"{request}: {status}: {_shown(body)}"
    if status == 401:
        return (
            f"{said}. The kubelet does not take our service account's token: it needs"
            " authentication.webhook.enabled: true; else use --kubelet-config FILE"
        )
    words = f"{said}. Our service account needs the right to get {RIGHT}"
    if b"proxy" in body and b"configz" not in body:
        words += (
            "; but this kubelet has no fine-grained authorization (on by default from 1.33) and asks for nodes/proxy,"
            " with which one can run commands in every pod: we do not ask for that, use --kubelet-config FILE"
        )
    return words


def _shown(body: bytes) -> str:
    return " ".join(body[:_WORDS].decode("utf-8", "replace").split())
