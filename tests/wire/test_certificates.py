"""A server with a certificate that nobody vouches for: what is said, and that what is said helps."""

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from skillopt_ci import plugins
from skillopt_ci.errors import CallFailedError
from skillopt_ci.providers.base import ProviderOptions
from tests.loopback import chat_reply, messages_reply
from tests.wire.helpers import KEY, request


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        reply = chat_reply("4") if "chat" in self.path else messages_reply("4")
        body = json.dumps(reply.body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate ends the handshake."""


def certificate(place: Path) -> Path:
    """Key and certificate of 127.0.0.1 in one file, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a server of one's own")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    named = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    signed = made.add_extension(named, critical=False).sign(key, hashes.SHA256())
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    place.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()) + signed.public_bytes(pem))
    return place


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Its address, and its certificate."""
    pem = certificate(tmp_path / "own.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with _Quiet(("127.0.0.1", 0), _Answers) as http:
        http.socket = context.wrap_socket(http.socket, server_side=True)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"https://127.0.0.1:{http.server_port}", pem
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_certificate_of_ones_own_is_named_and_then_accepted(
    kind: str, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, pem = server
    options = ProviderOptions(name="own", type=kind, api_key=KEY, base_url=address)
    provider = plugins.load("providers", kind)(options)
    hint = r"self-signed certificate.*\(SSL_CERT_FILE names a file of certificates that are accepted\)$"
    with pytest.raises(CallFailedError, match=hint):
        provider.complete(request())
    provider.close()
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    provider = plugins.load("providers", kind)(options)
    assert provider.complete(request()).text == "4"
    provider.close()
