"""Prints a token for the API: make_token.py SUBJECT ROLE [HOURS], signed with the secret in EDF_JWT_SECRET."""

import os
import sys
import time

import jwt


def token(subject: str, role: str, hours: float, secret: str) -> str:
    claims = {"sub": subject, "role": role, "aud": "edf-api", "exp": int(time.time() + hours * 3600)}
    return jwt.encode(claims, secret, algorithm="HS256")


if __name__ == "__main__":
    subject, role, *hours = sys.argv[1:]
    print(token(subject, role, float(hours[0]) if hours else 7 * 24, os.environ["EDF_JWT_SECRET"]))
