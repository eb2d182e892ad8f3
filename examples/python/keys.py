"""Tokens and signatures: Ed25519 and base64url, nothing of wo_core."""

import base64
import json
import os
import time
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key

KEYS = Path(os.environ["WO_KEYS"])

# SQLSTATEs of transactions that can be run again.
RETRIED = {"40001", "40P01", "55P03"}
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(who: str, text: str) -> str:
    """The signature of the UTF-8 text, as base64url without padding."""
    key = load_pem_private_key((KEYS / f"{who}.pem").read_bytes(), password=None)
    return base64url(key.sign(text.encode()))


def token(who: str) -> str:
    """A JSON Web Token of the issuer, good for a minute."""
    now = int(time.time())
    header = {"alg": "EdDSA", "typ": "JWT", "kid": "k1"}
    claims = {
        "iss": "https://login.example",
        "sub": who,
        "aud": "wo_core",
        "tenant": (KEYS / "tenant").read_text().strip(),
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
    }
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{signed}.{sign('issuer', signed)}"
