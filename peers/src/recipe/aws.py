"""Serves AWS on loopback and fills an account: users, roles and buckets as `AwsAccount` describes them.

usage: aws.py ministack|moto PORT
"""

import json
import os
import socket
import sys
import threading
import time

ACCOUNT = "123456789012"
REGION = "us-east-1"
# Moto reads the account out of the ids. Whole ones look like keys that leaked.
USERS = {
    "admin": ("AKIA" + "RZPUZDIKABXU4BMH", "admin" * 8),
    "broker": ("AKIA" + "RZPUZDIKLOUCPSHG", "brokr" * 8),
}
ISSUER = "issuer.test"
BUCKETS = ("alpha", "beta")


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def trust(principal, action, condition=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    return document({**statement, "Condition": condition} if condition else statement)


def role_arn(name):
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def fill(port, make_key):
    """Talks to the server as the first administrator of an empty account does."""
    import botocore.session
    from botocore.config import Config

    session = botocore.session.Session()
    config = Config(s3={"addressing_style": "path"}, proxies={})

    def client(service):
        return session.create_client(
            service, REGION, endpoint_url=f"http://127.0.0.1:{port}", config=config,
            aws_access_key_id="test", aws_secret_access_key="test",
        )

    iam, s3 = client("iam"), client("s3")
    for name, pair in USERS.items():
        iam.create_user(UserName=name)
        make_key(iam, name, *pair)
    everything = document(allow("*"))
    iam.put_user_policy(UserName="admin", PolicyName="p", PolicyDocument=everything)
    assume = allow(["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"])
    iam.put_user_policy(UserName="broker", PolicyName="p", PolicyDocument=document(assume))

    broker = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/broker"}
    nobody = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/admin"}
    provider = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}
    actions = ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
    workload = {"StringEquals": {f"{ISSUER}:aud": "aws", f"{ISSUER}:sub": "alice"}}
    iam.create_open_id_connect_provider(
        Url=f"https://{ISSUER}", ClientIDList=["aws"], ThumbprintList=["a" * 40]
    )
    storage = document(allow("s3:*"), {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"})
    revoking = ["iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:GetRolePolicy", "iam:ListRolePolicies"]
    roles = {
        "app": (trust(broker, actions), storage),
        "notrust": (trust(nobody, actions), storage),
        "web": (trust(provider, "sts:AssumeRoleWithWebIdentity", workload), storage),
        "revoker": (trust(broker, actions), document(allow(revoking, role_arn("*")))),
    }
    for name, (trusts, permits) in roles.items():
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusts)
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=permits)
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="k", Body=b"hi")


def ready(port, make_key, enforce):
    """Waits until the server listens, fills it, and says so."""
    try:
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        fill(port, make_key)
        enforce()
        print("READY", flush=True)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        os._exit(1)


def in_background(*args):
    threading.Thread(target=ready, args=args, daemon=True).start()


def shorten(sts, longest):
    """Lets no session live longer: neither what it says about its end nor what it goes by."""
    future, register = sts._future, sts.register_session

    def register_shorter(key, session):
        register(key, {**session, "Expiration": min(session["Expiration"], time.time() + longest)})

    sts._future = lambda seconds: future(min(seconds, longest))
    sts.register_session = register_shorter


def ministack(port):
    here = os.getcwd()
    os.environ.update(
        # Requests are checked against the policies of users, roles and sessions.
        AUTH="true",
        CLOUDTRAIL_RECORDING="1",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        PERSIST_STATE="0",
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="127.0.0.1",
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        LOG_LEVEL="WARNING",
        STATE_DIR=f"{here}/state",
        S3_DATA_DIR=f"{here}/s3",
        TMPDIR=here,
    )
    import asyncio

    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.services import iam as service
    from ministack.services import sts

    def make_key(iam, user, key_id, secret):
        iam.create_access_key(UserName=user)
        made = next(key for key, value in service._access_keys.items() if value["UserName"] == user)
        record = service._access_keys[made]
        service._access_keys[key_id] = {**record, "AccessKeyId": key_id, "SecretAccessKey": secret}
        del service._access_keys[made]

    if longest := int(os.environ.get("LONGEST_SESSION_SECONDS", 0)):
        shorten(sts, longest)

    in_background(port, make_key, lambda: None)
    config = Config()
    # Its own program listens on every interface.
    config.bind = [f"127.0.0.1:{port}"]
    config.graceful_timeout = 1
    asyncio.run(serve(app, config))


def moto(port):
    # Until the account is filled, everybody may do everything.
    os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "1000000"
    from moto import server, settings
    from moto.iam import models

    def make_key(iam, user, key_id, secret):
        makers = models.generate_access_key_id_from_account_id, models.random_alphanumeric
        models.generate_access_key_id_from_account_id = lambda *_, **__: key_id
        models.random_alphanumeric = lambda *_: secret
        try:
            iam.create_access_key(UserName=user)
        finally:
            models.generate_access_key_id_from_account_id, models.random_alphanumeric = makers

    def enforce():
        settings.INITIAL_NO_AUTH_ACTION_COUNT = 0.0

    in_background(port, make_key, enforce)
    server.main(["-H", "127.0.0.1", "-p", str(port)])


if __name__ == "__main__":
    {"ministack": ministack, "moto": moto}[sys.argv[1]](int(sys.argv[2]))
