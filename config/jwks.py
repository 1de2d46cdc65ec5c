"""Prints the keys for verifying tokens, as JWKS on one line.

    EDF_JWKS=jwks.json EDF_JWT_SECRET=... jwks.py

EDF_JWKS is a file with public keys, as published by an identity provider; EDF_JWT_SECRET a secret for HS256, which
becomes the key "shared". Both are optional.
"""

import base64
import json
import os
import pathlib
import sys


def keys() -> list[dict]:
    found = []
    if path := os.environ.get("EDF_JWKS"):
        try:
            found += json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["keys"]
        except (OSError, ValueError, KeyError, TypeError):
            sys.exit(f"{path} is not a valid JWKS: {{\"keys\": [...]}} is expected.")
    if secret := os.environ.get("EDF_JWT_SECRET"):
        encoded = base64.urlsafe_b64encode(secret.encode()).decode().rstrip("=")
        found.append({"kty": "oct", "kid": "shared", "k": encoded})
    return found


if __name__ == "__main__":
    print(json.dumps({"keys": keys()}))
