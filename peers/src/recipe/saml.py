"""An identity provider that speaks SAML, made of pysaml2 and xmlsec1, which logs everybody in without asking.

usage: saml.py PORT XMLSEC1

GET  /metadata[?both]   its metadata; with the certificate it will have next
POST /sp?OPTIONS        makes a service provider known by its metadata, and how it is to be treated:
                        sign=response,assertion  encrypt=CIPHER  user=NAME  status=denied  key=next  context=URI
                        name=transient|emailAddress|unspecified  attributes=none  groups=NUMBER
GET|POST /sso           answers a request; every request has to be signed
GET|POST /open          the same, of whoever has no key to sign with
GET  /start?sp=ID       sends a response that nobody asked for
GET|POST /slo           answers a request, or takes the answer to one
GET  /logout?sp=ID&binding=redirect|post&name=NAME&session=INDEX   sends a request
"""

import base64
import html
import sys
import wsgiref.simple_server
from urllib.parse import parse_qsl

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, saml, samlp, sigver, time_util
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.metadata import create_metadata_string
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

PORT = int(sys.argv[1])
BASE = f"http://127.0.0.1:{PORT}"
SIGNED = {"sign_alg": SIG_RSA_SHA256, "digest_alg": DIGEST_SHA256}
BINDINGS = {"redirect": BINDING_HTTP_REDIRECT, "post": BINDING_HTTP_POST}
CIPHERS = {
    "aes128-gcm": ("http://www.w3.org/2009/xmlenc11#aes128-gcm", "aes-128"),
    "aes256-gcm": ("http://www.w3.org/2009/xmlenc11#aes256-gcm", "aes-256"),
    "aes128-cbc": ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "aes-128"),
    "aes256-cbc": ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", "aes-256"),
    "3des": ("http://www.w3.org/2001/04/xmlenc#tripledes-cbc", "des-192"),
}
USERS = {
    "alice": {"mail": ["alice@example.test"], "displayName": ["Alice A."], "eduPersonAffiliation": ["admins", "dev"]},
    "bob": {"mail": ["bob@example.test"], "displayName": ["Bob & <B>"], "eduPersonAffiliation": ["dev"]},
}
NAMES = {
    "transient": (saml.NAMEID_FORMAT_TRANSIENT, "{}-id"),
    "emailAddress": (saml.NAMEID_FORMAT_EMAILADDRESS, "{}@example.test"),
    "unspecified": (saml.NAMEID_FORMAT_UNSPECIFIED, "{}@example.test"),
}
known = {}


class Backend(sigver.CryptoBackendXmlSec1):
    """Encrypts by the cipher that is wanted; pysaml2 knows Triple DES alone."""

    cipher = "aes256-gcm"

    def encrypt_assertion(self, statement, enc_key, template, key_type="", node_xpath=None, node_id=None):
        uri, key_type = CIPHERS[self.cipher]
        template = sigver.pre_encryption_part(msg_enc=uri)
        return super().encrypt_assertion(statement, enc_key, template, key_type, node_xpath, node_id)


def provider(key, others=(), sso="/sso", signed=True):
    def both(path):
        return [(f"{BASE}{path}", binding) for binding in BINDINGS.values()]

    idp = {
        "endpoints": {"single_sign_on_service": both(sso), "single_logout_service": both("/slo")},
        "policy": {"default": {"lifetime": {"minutes": 5}, "name_form": saml.NAME_FORMAT_URI}},
        "name_id_format": [saml.NAMEID_FORMAT_PERSISTENT, saml.NAMEID_FORMAT_TRANSIENT],
        "want_authn_requests_signed": signed,
    }
    config = IdPConfig().load({
        "entityid": f"{BASE}/metadata", "service": {"idp": idp}, "metadata": {}, "xmlsec_binary": sys.argv[2],
        "signing_algorithm": SIG_RSA_SHA256, "digest_algorithm": DIGEST_SHA256,
        "key_file": f"{key}.key", "cert_file": f"{key}.pem", "additional_cert_files": [f"{one}.pem" for one in others],
    })
    server = Server(config=config)
    server.sec.crypto = Backend(sys.argv[2])
    return server


providers = {"idp": provider("idp"), "next": provider("next"), "open": provider("idp", sso="/open", signed=False)}
changing = provider("idp", ["next"])


def respond(sp, request_id, destination, relay_state):
    options = known[sp]
    idp = providers[options.get("key", "idp")]
    if options.get("status") == "denied":
        info = (samlp.STATUS_AUTHN_FAILED, "denied")
        return form(destination, idp.create_error_response(request_id, destination, info, sign=True, **SIGNED), relay_state)
    user = options.get("user", "alice")
    groups = [f"urn:example:company:department:{n:04}:" + "long-name-" * 20 for n in range(int(options.get("groups", 0)))]
    identity = {**USERS[user], "eduPersonAffiliation": USERS[user]["eduPersonAffiliation"] + groups}
    if options.get("attributes") == "none":
        identity = {}
    format_, name = NAMES.get(options.get("name"), (saml.NAMEID_FORMAT_PERSISTENT, "{}-id"))
    signs = options.get("sign", "response,assertion").split(",")
    idp.sec.crypto.cipher = options.get("encrypt", "aes256-gcm")
    response = idp.create_authn_response(
        identity, request_id, destination, sp, userid=user,
        name_id=saml.NameID(format=format_, text=name.format(user), sp_name_qualifier=sp),
        authn={"class_ref": options.get("context", PASSWORDPROTECTEDTRANSPORT), "authn_auth": BASE},
        sign_response="response" in signs, sign_assertion="assertion" in signs,
        encrypt_assertion="encrypt" in options, encrypted_advice_attributes=False,
        session_not_on_or_after=time_util.in_a_while(hours=1), **SIGNED,
    )
    return form(destination, response, relay_state)


def form(action, message, relay_state, name="SAMLResponse"):
    fields = {name: base64.b64encode(str(message).encode()).decode()}
    if relay_state:
        fields["RelayState"] = relay_state
    inputs = "".join(f'<input type="hidden" name="{n}" value="{html.escape(v)}"/>' for n, v in fields.items())
    page = f'<form method="post" action="{html.escape(action)}">{inputs}</form><script>document.forms[0].submit()</script>'
    return "200 OK", [("Content-Type", "text/html")], page


def by_binding(binding, message, destination, relay_state, response):
    if binding == BINDING_HTTP_POST:
        return form(destination, message, relay_state, "SAMLResponse" if response else "SAMLRequest")
    made = providers["idp"].apply_binding(
        binding, str(message), destination, relay_state or "", response=response, sign=True, sigalg=SIG_RSA_SHA256
    )
    return "302 Found", made["headers"], ""


def logout_address(sp, binding):
    return providers["idp"].metadata.single_logout_service(sp, binding, "spsso")[0]["location"]


def sso(fields, binding, name="idp"):
    idp = providers[name]
    parts = {"relay_state": fields.get("RelayState"), "sigalg": fields.get("SigAlg"), "signature": fields.get("Signature")}
    request = idp.parse_authn_request(fields["SAMLRequest"], binding, **parts)
    found = idp.response_args(request.message, [BINDING_HTTP_POST])
    return respond(found["sp_entity_id"], request.message.id, found["destination"], fields.get("RelayState"))


def slo(fields, binding):
    idp = providers["idp"]
    if "SAMLResponse" in fields:
        answer = idp.parse_logout_request_response(fields["SAMLResponse"], binding)
        sp = answer.response.issuer.text
        if binding == BINDING_HTTP_REDIRECT:
            certificates = [one for _, one in idp.metadata.certs(sp, "any", "signing")]
            if not any(sigver.verify_redirect_signature(fields, idp.sec.sec_backend, one) for one in certificates):
                raise ValueError("the answer is not signed")
        elif answer.response.signature is None:
            raise ValueError("the answer is not signed")
        return "200 OK", [], f"{answer.response.status.status_code.value} {answer.in_response_to}"
    parts = {"relay_state": fields.get("RelayState"), "sigalg": fields.get("SigAlg"), "signature": fields.get("Signature")}
    request = idp.parse_logout_request(fields["SAMLRequest"], binding, **parts)
    answer = idp.create_logout_response(request.message, [binding], sign=binding == BINDING_HTTP_POST, **SIGNED)
    destination = logout_address(request.message.issuer.text, binding)
    return by_binding(binding, answer, destination, fields.get("RelayState"), True)


def logout(query):
    binding = BINDINGS[query.get("binding", "redirect")]
    destination = logout_address(query["sp"], binding)
    name = saml.NameID(format=saml.NAMEID_FORMAT_PERSISTENT, text=query["name"])
    sessions = [query["session"]] if "session" in query else []
    _, request = providers["idp"].create_logout_request(
        destination, query["sp"], name_id=name, session_indexes=sessions, sign=binding == BINDING_HTTP_POST, **SIGNED
    )
    return by_binding(binding, request, destination, query.get("relay"), False)


def register(query, body):
    for idp in providers.values():
        idp.metadata.load("inline", body)
        *before, (key, new) = idp.metadata.metadata.items()
        [sp] = new.keys()
        # Addresses are given out again: of two with one name, pysaml2 would take the one that came first.
        idp.metadata.metadata = dict([*((k, one) for k, one in before if sp not in one.keys()), (key, new)])
    known[sp] = query
    return "200 OK", [], sp


def answer(environ):
    path, is_post = environ["PATH_INFO"], environ["REQUEST_METHOD"] == "POST"
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
    fields = dict(parse_qsl(body)) if is_post else query
    binding = BINDING_HTTP_POST if is_post else BINDING_HTTP_REDIRECT
    if path == "/metadata":
        idp = changing if "both" in query else providers["idp"]
        text = create_metadata_string(None, config=idp.config, sign=True, valid=24)
        return "200 OK", [("Content-Type", "application/samlmetadata+xml")], text.decode() if isinstance(text, bytes) else text
    if path == "/sp":
        return register(query, body)
    if path == "/sso":
        return sso(fields, binding)
    if path == "/open":
        return sso(fields, binding, "open")
    if path == "/start":
        services = providers["idp"].metadata.assertion_consumer_service(query["sp"], BINDING_HTTP_POST)
        return respond(query["sp"], None, services[0]["location"], query.get("relay"))
    if path == "/slo":
        return slo(fields, binding)
    if path == "/logout":
        return logout(query)
    return "404 Not Found", [], "not found"


def application(environ, start):
    try:
        status, headers, page = answer(environ)
    except Exception as error:  # What is wrong with a request is what a test wants to read.
        status, headers, page = "400 Bad Request", [], f"{type(error).__name__}: {error}"
    start(status, [*headers, ("Cache-Control", "no-store")])
    return [page.encode()]


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *_):
        pass


server = wsgiref.simple_server.make_server("127.0.0.1", PORT, application, handler_class=Quiet)
print("READY", flush=True)
server.serve_forever()
