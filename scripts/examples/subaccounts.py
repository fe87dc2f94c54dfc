#!/usr/bin/env python3
"""Subaccounts and agents from Python, with nothing but the standard library.

    npm run dev                                  # in another terminal
    python3 scripts/examples/subaccounts.py [.local/dev.json]

The ed25519 below is RFC 8032 in plain integers: right, slow and open to timing. Use a library for keys that matter.
"""

import hashlib
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.request
import uuid

# --- ed25519 (RFC 8032) and base58 -------------------------------------------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def encode(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def sha512_int(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def base58(data):
    alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = alphabet[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


class Wallet:
    def __init__(self, seed=None):
        digest = hashlib.sha512(seed or os.urandom(32)).digest()
        self.scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
        self.prefix = digest[32:]
        self.public = encode(times(self.scalar, BASE))
        self.address = base58(self.public)

    def sign_bytes(self, message):
        r = sha512_int(self.prefix, message) % L
        big_r = encode(times(r, BASE))
        s = (r + sha512_int(big_r, self.public, message) * self.scalar) % L
        return base58(big_r + s.to_bytes(32, "little"))

    def sign(self, operation, data, timestamp, expiry_window):
        """What is signed is not the body: keys sorted at every level, no spaces."""
        message = {"type": operation, "timestamp": timestamp, "expiry_window": expiry_window, "data": data}
        return self.sign_bytes(json.dumps(message, sort_keys=True, separators=(",", ":")).encode())


# --- the API -----------------------------------------------------------------------------------------------------
ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".local/dev.json")


def fail(message, code):
    print(message, file=sys.stderr)
    sys.exit(code)


if len(sys.argv) > 2 or str(FILE).startswith("-"):
    fail("usage: python3 scripts/examples/subaccounts.py [.local/dev.json]", 2)
try:
    MANIFEST = json.loads(FILE.read_text())
except (OSError, ValueError):
    fail(f"{FILE} cannot be read; is `npm run dev` running?", 1)
WINDOW = 30_000


def post(path, body, headers={}):
    request = urllib.request.Request(
        MANIFEST["baseUrl"] + path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except urllib.error.URLError:
        return fail(f"{MANIFEST['baseUrl']} does not answer; is `npm run dev` running?", 1)


def now_ms():
    return time.time_ns() // 1_000_000


def signed(path, operation, account, data, agent=None):
    timestamp = now_ms()
    body = {"account": account.address, **data, "timestamp": timestamp, "expiry_window": WINDOW}
    if agent:
        body["agent_wallet"] = agent.address
    body["signature"] = (agent or account).sign(operation, data, timestamp, WINDOW)
    return post(path, body)


def create_subaccount(main, sub):
    timestamp = now_ms()
    offer = sub.sign("subaccount_initiate", {"account": main.address}, timestamp, WINDOW)
    confirmation = main.sign("subaccount_confirm", {"signature": offer}, timestamp, WINDOW)
    return post(
        "/account/subaccount/create",
        {
            "main_account": main.address,
            "subaccount": sub.address,
            "main_signature": confirmation,
            "sub_signature": offer,
            "timestamp": timestamp,
            "expiry_window": WINDOW,
        },
    )


def show(what, answer):
    print(f"{what}: {answer[0]} {json.dumps(answer[1])}")


main, sub, agent = Wallet(), Wallet(), Wallet()
show("create", create_subaccount(main, sub))
show(
    "faucet",
    post(
        "/admin/spot/balances/credit",
        {"user_address": main.address, "token": "SOL", "amount": "10"},
        {"X-API-Key": MANIFEST["adminApiKey"]},
    ),
)
show("bind", signed("/agent/bind", "bind_agent_wallet", main, {"agent_wallet": agent.address}))
transfer = {"to_account": sub.address, "symbol": "SOL", "amount": "1.50000000", "idempotency_key": str(uuid.uuid4())}
PATH = "/account/subaccount/spot_asset/transfer"
show("transfer by the agent", signed(PATH, "transfer_spot_asset", main, transfer, agent))
show("the same key again", signed(PATH, "transfer_spot_asset", main, transfer, agent))
show("list", signed("/account/subaccount/list", "list_subaccounts", main, {}, agent))
