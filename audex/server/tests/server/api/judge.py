"""Judges an OpenAPI document and answers by it: reads JSON from standard input, says what is wrong on standard output."""

import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

given = json.load(sys.stdin)
document, answers = given["document"], given["answers"]
faults = []
try:
    faults.extend(f"the document: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors())
except Exception as error:  # a reference that leads nowhere is one
    faults.append(f"the document: {error}")

registry = Registry().with_resource("urn:document", Resource(contents=document, specification=DRAFT202012))


def pointer(*names):
    return "/".join(name.replace("~", "~0").replace("/", "~1") for name in names)


fit = 0
for answer in answers:
    method, path, status, kind = answer["method"], answer["path"], str(answer["status"]), answer["type"].split(";")[0]
    place = f"{method} {path} {status}"
    try:
        response = document["paths"][path][method]["responses"][status]
        response["content"][kind]["schema"]
    except KeyError as error:
        faults.append(f"{place}: {error} is not described")
        continue
    where = pointer("paths", path, method, "responses", status, "content", kind, "schema")
    schema = {"$ref": f"urn:document#/{where}"}
    validator = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
    errors = [f"{place}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(answer["body"])]
    codes = response.get("x-codes")
    if codes is not None and answer["body"].get("code") not in codes:
        errors.append(f"{place}: the code {answer['body'].get('code')} is not described")
    faults.extend(errors)
    fit += not errors

if faults:
    print("\n".join(faults))
else:
    print(f"the document is valid; {fit} answers fit")
