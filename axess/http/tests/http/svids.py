"""Mints JWT-SVIDs with PyJWT over OpenSSL, and prints them with the bundle of their trust domain."""

import base64, hashlib, hmac, json, sys, time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

task = json.load(sys.stdin)
now = int(time.time())
claims = {"sub": task["subject"], "aud": [task["audience"]], "iat": now, "exp": now + 300, "jti": "one"}
keys = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "PS256": rsa.generate_private_key(65537, 3072),
}
stranger = ec.generate_private_key(ec.SECP256R1())


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(kid, key):
    algorithm = jwt.get_algorithm_by_name(kid)
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "jwt-svid"}


def bundle():
    published = [jwk(kid, key) for kid, key in keys.items()]
    for key in published:
        key.pop("key_ops", None)
        key.pop("alg", None)
    return {"keys": published, "spiffe_sequence": 1, "spiffe_refresh_hint": 60}


def mint(kid="ES256", key=None, headers={}, **changes):
    said = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    return jwt.encode(said, key or keys[kid], algorithm=kid, headers={"kid": kid, **headers})


def confused():
    pem = keys["RS256"].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = text(json.dumps({"alg": "HS256", "kid": "RS256"}).encode()) + "." + text(json.dumps(claims).encode())
    return head + "." + text(hmac.new(pem, head.encode(), hashlib.sha256).digest())


tokens = [
    ("RS256", "good", mint("RS256")),
    ("ES256", "good", mint("ES256")),
    ("aud as a text", "good", mint(aud=task["audience"])),
    ("several aud", "good", mint(aud=["https://other.example", task["audience"]])),
    ("typ JOSE", "good", mint(headers={"typ": "JOSE"})),
    ("no typ", "good", mint(headers={"typ": None})),
    ("times with fractions", "good", mint(iat=now - 0.5, exp=now + 60.25)),
    ("with iss and nbf", "good", mint(iss="https://spire.example", nbf=now)),
    ("not ASCII", "good", mint(name="Zo\u00eb \U0001f511")),
    ("ES384, which is not taken", "AlgorithmRefused", mint("ES384")),
    ("PS256, which is not taken", "AlgorithmRefused", mint("PS256")),
    ("none", "AlgorithmRefused", jwt.encode(claims, None, algorithm="none", headers={"kid": "ES256"})),
    ("the public key as secret", "AlgorithmRefused", confused()),
    ("a stranger's key", "SignatureInvalid", mint(key=stranger)),
    ("a stranger's name", "KeyNotFound", mint(key=stranger, headers={"kid": "stranger"})),
    ("another audience", "AudienceMismatch", mint(aud="https://other.example")),
    ("no aud", "MissingClaim", mint(aud=None)),
    ("no exp", "MissingClaim", mint(exp=None)),
    ("no iat", "MissingClaim", mint(iat=None)),
    ("no sub", "MissingClaim", mint(sub=None)),
    ("over", "Expired", mint(iat=now - 600, exp=now - 300)),
    ("of tomorrow", "NotYetValid", mint(nbf=now + 86400)),
    ("another domain", "TrustDomainMismatch", mint(sub="spiffe://other.example.com/svc/billing/acme")),
    ("a person", "NotASpiffeId", mint(sub="alice")),
    ("an access token", "TypeRefused", mint(headers={"typ": "at+jwt"})),
    ("no kid", "Malformed", jwt.encode(claims, keys["ES256"], algorithm="ES256")),
]
json.dump({"bundle": bundle(), "tokens": tokens}, sys.stdout)
