"""Writes the tokens for requests.lua: tokens.py BUILDINGS FOLDER, signed with the secret in EDF_JWT_SECRET.

FOLDER/homes.tokens has a line for each of up to 3,000 buildings with the token of its resident, FOLDER/utility.tokens
one line with the token of a supplier, FOLDER/operator.tokens one with that of an operator.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "docker/local"))

from make_token import token  # noqa: E402

buildings, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])
secret = os.environ["EDF_JWT_SECRET"]
homes = [f"b{n} {token(f'home-{n}', 'resident', 12, secret)}\n" for n in range(1, min(buildings, 3000) + 1)]
(folder / "homes.tokens").write_text("".join(homes))
(folder / "utility.tokens").write_text(f"b1 {token('utility', 'supplier', 12, secret)}\n")
(folder / "operator.tokens").write_text(f"b1 {token('operator', 'operator', 12, secret)}\n")
