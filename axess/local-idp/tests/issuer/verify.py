"""Finds an issuer by its address alone, verifies its tokens with PyJWT, asks about them; prints their claims."""

import base64, hashlib, json, sys, urllib.error, urllib.parse, urllib.request

import jwt

task = json.load(sys.stdin)
issuer, path = task["issuer"], task["path"]
origin = issuer[: len(issuer) - len(path)]


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def ask(token, credential):
    body = urllib.parse.urlencode({"token": token}).encode()
    request = urllib.request.Request(found["introspection_endpoint"], body)
    request.add_header("Authorization", "Bearer " + credential)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def refused(call):
    try:
        call()
    except (jwt.InvalidTokenError, urllib.error.HTTPError) as error:
        return error
    raise SystemExit("accepted")


found = get(issuer + "/.well-known/openid-configuration")
assert found == get(origin + "/.well-known/oauth-authorization-server" + path)
assert found["issuer"] == issuer
algorithms = found["id_token_signing_alg_values_supported"]
assert algorithms == [task["algorithm"]], algorithms

# RFC 7638, written once more.
REQUIRED = {"EC": ["crv", "kty", "x", "y"], "OKP": ["crv", "kty", "x"], "RSA": ["e", "kty", "n"]}
keys = get(found["jwks_uri"])["keys"]
assert len(keys) == task["keys"]
for key in keys:
    members = {name: key[name] for name in REQUIRED[key["kty"]]}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    assert key["kid"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert set(key) == set(members) | {"alg", "kid", "use"} and key["use"] == "sig"

client = jwt.PyJWKClient(found["jwks_uri"])
claims = []
for kind, token in task["tokens"]:
    assert jwt.get_unverified_header(token)["typ"] == kind
    key = client.get_signing_key_from_jwt(token)

    def verify(token, audience=task["audience"], issuer=issuer):
        required = ["iss", "sub", "aud", "iat", "exp", "jti"]
        options = {"require": required, "strict_aud": False}
        return jwt.decode(token, key, algorithms=algorithms, audience=audience, issuer=issuer, options=options)

    claims.append(verify(token))
    header, payload, signature = token.split(".")
    other = base64.urlsafe_b64encode(json.dumps({**claims[-1], "sub": "root"}).encode()).rstrip(b"=").decode()
    assert isinstance(refused(lambda: verify(f"{header}.{other}.{signature}")), jwt.InvalidSignatureError)
    assert isinstance(refused(lambda: verify(token, audience="https://else.example.com")), jwt.InvalidAudienceError)
    assert isinstance(refused(lambda: verify(token, issuer="https://else.example.com")), jwt.InvalidIssuerError)
    answer = ask(token, task["credential"])
    assert answer["active"] is True and answer["sub"] == claims[-1]["sub"], answer

assert ask(task["revoked"], task["credential"]) == {"active": False}
assert refused(lambda: ask(task["revoked"], "a guess")).code == 401
json.dump(claims, sys.stdout)
