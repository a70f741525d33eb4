"""Makes the files in `genuine` and `certificates` with pysaml2 7.5.5 and xmlsec1 1.2.37. Private keys are not kept.

usage: PYTHONPATH=TARGET/tools/pysaml2 python3 make.py      (TARGET is cargo's build folder; here is the current folder)
"""

import base64
import os
import re
import shutil
import subprocess
import tempfile

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, saml, samlp, sigver, time_util
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.metadata import create_metadata_string
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

# The keys are gone when this ends.
FOLDER = tempfile.mkdtemp()
KINDS = {
    "idp": ["rsa:2048"], "idp-next": ["rsa:2048"], "other": ["rsa:2048"], "weak": ["rsa:1024"], "sp": ["rsa:2048"],
    "p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "p384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
}
for name, kind in KINDS.items():
    command = ["openssl", "req", "-x509", "-nodes", "-days", "36500", "-subj", f"/CN=axess test {name}", "-newkey", *kind]
    subprocess.run([*command, "-keyout", f"{FOLDER}/{name}.key", "-out", f"{FOLDER}/{name}.pem"], check=True, capture_output=True)
    if name != "sp":
        shutil.copy(f"{FOLDER}/{name}.pem", "certificates")
with open(f"{FOLDER}/sp.pem", encoding="ascii") as file:
    SP_CERTIFICATE = file.read()
with open(f"{FOLDER}/sp.xml", "w", encoding="ascii") as file:
    bare = "".join(SP_CERTIFICATE.splitlines()[1:-1])
    file.write(f"""<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
 xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="https://sp.example.test/metadata">
<md:SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
<md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{bare}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>
</md:KeyDescriptor>
<md:SingleLogoutService Binding="{BINDING_HTTP_POST}" Location="https://sp.example.test/slo"/>
<md:AssertionConsumerService Binding="{BINDING_HTTP_POST}" Location="https://sp.example.test/acs" index="0"/>
</md:SPSSODescriptor></md:EntityDescriptor>""")

BASE, SP, ACS = "https://idp.example.test", "https://sp.example.test/metadata", "https://sp.example.test/acs"
SIGNED = {"sign_alg": SIG_RSA_SHA256, "digest_alg": DIGEST_SHA256}
IDENTITY = {
    "mail": ["alice@example.test"], "displayName": ["Alice A."], "eduPersonAffiliation": ["admins", "dev"],
}
CIPHERS = {
    "aes256-gcm": ("http://www.w3.org/2009/xmlenc11#aes256-gcm", "aes-256"),
    "aes256-cbc": ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", "aes-256"),
    "3des": ("http://www.w3.org/2001/04/xmlenc#tripledes-cbc", "des-192"),
}


class Backend(sigver.CryptoBackendXmlSec1):
    cipher, wrapping = "aes256-gcm", "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"

    def encrypt_assertion(self, statement, enc_key, template, key_type="", node_xpath=None, node_id=None):
        uri, key_type = CIPHERS[self.cipher]
        template = sigver.pre_encryption_part(msg_enc=uri, key_enc=self.wrapping)
        return super().encrypt_assertion(statement, enc_key, template, key_type, node_xpath, node_id)


both = lambda path: [(f"{BASE}{path}", BINDING_HTTP_REDIRECT), (f"{BASE}{path}", BINDING_HTTP_POST)]
services = {"single_sign_on_service": both("/sso"), "single_logout_service": both("/slo")}
policy = {"default": {"lifetime": {"minutes": 5}, "name_form": saml.NAME_FORMAT_URI}}
config = IdPConfig().load({
    "entityid": f"{BASE}/metadata", "service": {"idp": {"endpoints": services, "policy": policy}},
    "metadata": {"local": [f"{FOLDER}/sp.xml"]}, "xmlsec_binary": "/usr/bin/xmlsec1", "signing_algorithm": SIG_RSA_SHA256,
    "digest_algorithm": DIGEST_SHA256, "key_file": f"{FOLDER}/idp.key", "cert_file": f"{FOLDER}/idp.pem",
})
idp = Server(config=config)
idp.sec.crypto = Backend("/usr/bin/xmlsec1")


def write(name, text):
    with open(f"genuine/{name}.xml", "w", encoding="utf-8") as file:
        file.write(str(text))


def response(name, signs, request="_a-request", encrypt=False):
    write(name, idp.create_authn_response(
        IDENTITY, request, ACS, SP, userid="alice",
        name_id=saml.NameID(format=saml.NAMEID_FORMAT_PERSISTENT, text="alice-id"),
        authn={"class_ref": PASSWORDPROTECTEDTRANSPORT, "authn_auth": BASE},
        sign_response="response" in signs, sign_assertion="assertion" in signs, encrypt_assertion=encrypt,
        encrypted_advice_attributes=False, session_not_on_or_after=time_util.in_a_while(hours=1), **SIGNED,
    ))


response("both", ["response", "assertion"])
response("response", ["response"])
response("assertion", ["assertion"])
response("unsigned", [])
response("unsolicited", ["response", "assertion"], request=None)
for cipher in ("aes256-gcm", "aes256-cbc", "3des"):
    Backend.cipher = cipher
    response(f"encrypted-{cipher}", ["response", "assertion"], encrypt=True)
Backend.cipher, Backend.wrapping = "aes256-gcm", "http://www.w3.org/2001/04/xmlenc#rsa-1_5"
response("encrypted-rsa-1_5", ["response", "assertion"], encrypt=True)
denied = (samlp.STATUS_AUTHN_FAILED, "denied")
write("denied", idp.create_error_response("_a-request", ACS, denied, sign=True, **SIGNED))
name = saml.NameID(format=saml.NAMEID_FORMAT_PERSISTENT, text="alice-id")
_, request = idp.create_logout_request(
    "https://sp.example.test/slo", SP, name_id=name, session_indexes=["a-session"], sign=True, **SIGNED
)
write("logout-request", request)
metadata = create_metadata_string(None, config=config, sign=True)
write("metadata", metadata.decode() if isinstance(metadata, bytes) else metadata)


# What xmlsec1 1.2 cannot do.
def wrapped(name, method, mask, digest):
    with open("genuine/assertion.xml", encoding="utf-8") as file:
        text = file.read()
    public = load_pem_x509_certificate(SP_CERTIFICATE.encode()).public_key()
    assertion = re.search("<ns1:Assertion.*</ns1:Assertion>", text, re.S).group()
    key, nonce = AESGCM.generate_key(256), os.urandom(12)
    content = nonce + AESGCM(key).encrypt(nonce, assertion.encode(), None)
    sealed = public.encrypt(key, padding.OAEP(padding.MGF1(mask()), digest(), None))
    value = lambda bytes_: f"<x:CipherData><x:CipherValue>{base64.b64encode(bytes_).decode()}</x:CipherValue></x:CipherData>"
    encrypted = (
        '<ns1:EncryptedAssertion xmlns:x="http://www.w3.org/2001/04/xmlenc#">'
        '<x:EncryptedData Type="http://www.w3.org/2001/04/xmlenc#Element"><x:EncryptionMethod '
        f'Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>{value(content)}</x:EncryptedData>'
        f"<x:EncryptedKey>{method}{value(sealed)}</x:EncryptedKey></ns1:EncryptedAssertion>"
    )
    write(name, text.replace(assertion, encrypted))


sha256 = '<ns2:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
mgf1p = '<x:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p">'
wrapped("encrypted-oaep-mixed", f"{mgf1p}{sha256}</x:EncryptionMethod>", SHA1, SHA256)
shutil.rmtree(FOLDER)
