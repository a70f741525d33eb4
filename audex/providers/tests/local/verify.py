"""Finds an issuer by its address alone and verifies its tokens with PyJWT; prints the claims of the good one."""

import json, sys, urllib.error, urllib.parse, urllib.request

import jwt

task = json.load(sys.stdin)
issuer, audience = task["issuer"], task["audience"]
open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


def get(url):
    with open_url(url, timeout=10) as answer:
        return json.load(answer)


def ask(token, secret):
    request = urllib.request.Request(found["introspection_endpoint"], urllib.parse.urlencode({"token": token}).encode())
    request.add_header("Authorization", "Bearer " + secret)
    with open_url(request, timeout=10) as answer:
        return json.load(answer)


found = get(issuer + "/.well-known/openid-configuration")
assert found["issuer"] == issuer
keys = {key["kid"]: jwt.PyJWK(key) for key in get(found["jwks_uri"])["keys"]}


def verify(token):
    header = jwt.get_unverified_header(token)
    assert header["typ"] == "at+jwt", header
    key = keys[header["kid"]]
    return jwt.decode(token, key, algorithms=["ES256"], audience=audience, issuer=issuer, options={"require": ["exp", "iat", "sub", "jti"]})


claims = verify(task["good"])
assert ask(task["good"], task["secret"])["active"] is True
# Whoever only checks the signature does not hear of a revocation; whoever asks does.
verify(task["revoked"])
assert ask(task["revoked"], task["secret"]) == {"active": False}
for guess in ["", "guess", task["secret"][:-1], task["secret"] + "0"]:
    try:
        ask(task["good"], guess)
    except urllib.error.HTTPError as error:
        assert error.code == 401
    else:
        raise SystemExit("a guess was taken")
head, payload, signature = task["good"].split(".")
for bad in [f"{head}.{payload}.", f"{head}.{payload[:-2]}AA.{signature}", task["foreign"]]:
    try:
        verify(bad)
    except (jwt.InvalidTokenError, KeyError):
        continue
    raise SystemExit("accepted " + bad)
json.dump(claims, sys.stdout)
