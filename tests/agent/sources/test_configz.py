"""Who gets our token: a kubelet whose certificate verifies, and nobody else."""

from __future__ import annotations

import asyncio
import datetime
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.kube.credentials import authority_context
from agent.sources.configz import (
    Configz,
    ConfigzCertificateError,
    ConfigzError,
    ConfigzRefusedError,
    ConfigzUnreachableError,
    configz_with,
)
from tests.e2e.bed.pki import Authority

TOKEN = "the-token"
GOOD = json.dumps({"kubeletconfig": {"topologyManagerPolicy": "restricted"}})


class Recorder:
    """A server that notes every byte that comes out of TLS, and answers with one text."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.received = bytearray()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self.received.endswith(b"\r\n\r\n"):
                data = await reader.read(4096)
                if not data:
                    break
                self.received += data
            writer.write(self._answer)
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Authority]:
    folder = tmp_path_factory.mktemp("pki")
    now = datetime.datetime.now(datetime.UTC)
    return {name: Authority(folder / name, name, now=now) for name in ("cluster", "kubelet")}


@asynccontextmanager
async def kubelet(signer: Authority, answer: bytes, *, address: str = "127.0.0.1") -> AsyncIterator[Recorder]:
    """A kubelet on a free port whose certificate is for that address."""
    credential = signer.issue("system:node:n", file=f"server-{address}", addresses=(address,))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(credential.certificate, credential.key)
    recorder = Recorder(answer)
    server = await asyncio.start_server(recorder.serve, "127.0.0.1", 0, ssl=tls)
    recorder.port = server.sockets[0].getsockname()[1]
    async with server:
        yield recorder


def http(status: str, body: str, *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", body)
    return "\r\n".join(lines).encode()


def asking(recorder: Recorder, trusted: Path, *, deadline: float = 5.0) -> Configz:
    return Configz(
        address=f"127.0.0.1:{recorder.port}",
        tls=lambda: authority_context(trusted),
        token=lambda: TOKEN,
        deadline=deadline,
    )


@pytest.mark.asyncio
async def test_a_kubelet_that_verifies_is_asked_with_the_token(authorities: dict[str, Authority]) -> None:
    cluster = authorities["cluster"]
    async with kubelet(cluster, http("200 OK", GOOD)) as recorder:
        config = await asking(recorder, cluster.certificate).read()
    assert config.topology_manager_policy == "restricted"
    assert recorder.received.startswith(b"GET /configz HTTP/1.1\r\n")
    assert b"Authorization: Bearer the-token\r\n" in recorder.received


@pytest.mark.asyncio
async def test_a_kubelet_that_another_authority_signed_gets_not_one_byte(
    authorities: dict[str, Authority],
) -> None:
    async with kubelet(authorities["kubelet"], http("200 OK", GOOD)) as recorder:
        with pytest.raises(ConfigzCertificateError) as caught:
            await asking(recorder, authorities["cluster"].certificate).read()
    assert bytes(recorder.received) == b""
    for word in ("was not sent", "serverTLSBootstrap", "--kubelet-ca", "--kubelet-config"):
        assert word in str(caught.value)
    assert caught.value.passing is False


@pytest.mark.asyncio
async def test_a_certificate_for_another_address_gets_not_one_byte(authorities: dict[str, Authority]) -> None:
    cluster = authorities["cluster"]
    async with kubelet(cluster, http("200 OK", GOOD), address="127.0.0.9") as recorder:
        with pytest.raises(ConfigzCertificateError, match="IP address mismatch"):
            await asking(recorder, cluster.certificate).read()
    assert bytes(recorder.received) == b""


@pytest.mark.asyncio
async def test_a_context_that_was_made_lax_is_made_strict(authorities: dict[str, Authority]) -> None:
    lax = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    lax.check_hostname, lax.verify_mode = False, ssl.CERT_NONE
    async with kubelet(authorities["kubelet"], http("200 OK", GOOD)) as recorder:
        configz = Configz(address=f"127.0.0.1:{recorder.port}", tls=lambda: lax, token=lambda: TOKEN)
        with pytest.raises(ConfigzCertificateError):
            await configz.read()
    assert bytes(recorder.received) == b""


@pytest.mark.asyncio
async def test_the_authority_of_kubelets_may_be_named(authorities: dict[str, Authority]) -> None:
    signer = authorities["kubelet"]
    async with kubelet(signer, http("200 OK", GOOD)) as recorder:
        assert (await asking(recorder, signer.certificate).read()).topology_manager_policy == "restricted"


class Account:
    """Credentials with an authority and a token, or without."""

    server = "https://127.0.0.1:6443"

    def __init__(self, authority: Path | None, token: str | None) -> None:
        self._authority = authority
        self._token = token

    def tls(self) -> ssl.SSLContext | None:
        return None if self._authority is None else authority_context(self._authority)

    def token(self) -> str | None:
        return self._token


@pytest.mark.asyncio
async def test_an_account_trusts_its_own_authority_or_the_one_that_is_named(
    authorities: dict[str, Authority],
) -> None:
    cluster, other = authorities["cluster"].certificate, authorities["kubelet"].certificate
    async with kubelet(authorities["cluster"], http("200 OK", GOOD)) as recorder:
        address = f"127.0.0.1:{recorder.port}"
        await configz_with(Account(cluster, TOKEN), address=address).read()
        assert b"Bearer the-token" in recorder.received
        await configz_with(Account(other, TOKEN), address=address, authority=str(cluster)).read()
        with pytest.raises(ConfigzCertificateError):
            await configz_with(Account(cluster, TOKEN), address=address, authority=str(other)).read()


@pytest.mark.asyncio
async def test_without_a_token_or_an_authority_nobody_is_asked(authorities: dict[str, Authority]) -> None:
    cluster = authorities["cluster"]
    async with kubelet(cluster, http("200 OK", GOOD)) as recorder:
        address = f"127.0.0.1:{recorder.port}"
        with pytest.raises(ConfigzError, match="use --kubelet-ca"):
            await configz_with(Account(None, TOKEN), address=address).read()
        with pytest.raises(ConfigzError, match="no token"):
            await configz_with(Account(cluster.certificate, None), address=address).read()
    assert bytes(recorder.received) == b""


@pytest.mark.asyncio
async def test_a_redirect_is_not_followed(authorities: dict[str, Authority]) -> None:
    cluster = authorities["cluster"]
    async with (
        kubelet(cluster, http("200 OK", GOOD)) as elsewhere,
        kubelet(
            cluster, http("302 Found", "", f"Location: https://127.0.0.1:{elsewhere.port}/configz")
        ) as recorder,
    ):
        with pytest.raises(ConfigzError, match="302"):
            await asking(recorder, cluster.certificate).read()
        assert bytes(elsewhere.received) == b""


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            "403 Forbidden",
            "Forbidden (user=system:serviceaccount:a:b, verb=get, resource=nodes, subresource(s)=[configz proxy])\n",
            "subresource(s)=[configz proxy]). Our service account needs the right to get nodes/configz",
        ),
        (
            "403 Forbidden",
            "Forbidden (user=system:serviceaccount:a:b, verb=get, resource=nodes, subresource=proxy)\n",
            "(on by default from 1.33) and asks for nodes/proxy",
        ),
        ("401 Unauthorized", "Unauthorized", "authentication.webhook.enabled: true"),
    ],
)
@pytest.mark.asyncio
async def test_a_refusal_names_what_is_missing(
    authorities: dict[str, Authority], status: str, body: str, words: str
) -> None:
    cluster = authorities["cluster"]
    async with kubelet(cluster, http(status, body)) as recorder:
        with pytest.raises(ConfigzRefusedError) as caught:
            await asking(recorder, cluster.certificate).read()
    assert words in str(caught.value)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (http("404 Not Found", "404 page not found"), "404: 404 page not found"),
        (http("200 OK", "no JSON"), "expected the answer of /configz"),
        (http("200 OK", "x" * ((1 << 20) + 1)), "an answer of more than 1048576 bytes"),
    ],
)
@pytest.mark.asyncio
async def test_an_answer_that_is_none_is_said(
    authorities: dict[str, Authority], answer: bytes, words: str
) -> None:
    cluster = authorities["cluster"]
    async with kubelet(cluster, answer) as recorder:
        with pytest.raises(ConfigzError, match=words) as caught:
            await asking(recorder, cluster.certificate).read()
    assert caught.value.passing is False


@pytest.mark.asyncio
async def test_nobody_there_and_half_an_answer_are_worth_another_try(
    authorities: dict[str, Authority],
) -> None:
    cluster = authorities["cluster"]
    async with kubelet(cluster, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx") as recorder:
        with pytest.raises(ConfigzUnreachableError) as caught:
            await asking(recorder, cluster.certificate).read()
    assert caught.value.passing is True
    with pytest.raises(ConfigzUnreachableError, match="Connect call failed"):
        await asking(recorder, cluster.certificate).read()


@pytest.mark.asyncio
async def test_a_kubelet_that_hangs_is_given_up_at_the_deadline(authorities: dict[str, Authority]) -> None:

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    recorder = Recorder(b"")
    recorder.port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(ConfigzUnreachableError, match=r"no answer within 0.05 s"):
            await asking(recorder, authorities["cluster"].certificate, deadline=0.05).read()
