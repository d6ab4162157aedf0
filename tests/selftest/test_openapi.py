"""The OpenAPI document of the whole relay."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from openapi_spec_validator import OpenAPIV31SpecValidator

from relayproof import openapi, schema
from relayproof.cli import main
from relayproof.openapi import Operation
from relayproof.reference import make_app

FILE = schema.folder() / openapi.FILE
NOT_SERVED = {"POST /ideogram/generate", "POST /mj/submit/upload-discord-images"}


def test_the_document_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(openapi.load(), base_uri=FILE.as_uri()).iter_errors()) == []


def test_the_bundle_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(openapi.bundle()).iter_errors()) == []


def test_every_reference_to_a_file_resolves() -> None:
    files = [each for each in openapi.references(openapi.load()) if not each.startswith("#")]
    assert [each for each in files if not (schema.folder() / each.partition("#")[0]).is_file()] == []


def test_the_bundle_refers_to_nothing_outside_itself() -> None:
    bundle = openapi.bundle()
    assert all(each.startswith("#/components/") for each in openapi.references(bundle))
    assert "relayproof.example" not in json.dumps(bundle)


def test_schemas_stand_in_files_alone() -> None:
    described = json.dumps(openapi.load())
    assert '"properties"' not in described
    assert '"required": [' not in described


@pytest.mark.parametrize(
    "operation", [each for each in openapi.operations() if each.request], ids=lambda each: each.name
)
def test_the_bundled_request_schema_judges_like_the_file(operation: Operation) -> None:
    import jsonschema_rs

    bundle = openapi.bundle()
    name = operation.request.replace("/", ".")
    whole = {"$ref": f"#/components/schemas/{name}", "components": bundle["components"]}
    validator = jsonschema_rs.Draft202012Validator(whole)
    examples = schema.load(operation.request)["examples"]
    assert [validator.is_valid(example) for example in examples] == [True] * len(examples)
    assert not validator.is_valid(5)


def test_every_request_schema_has_an_operation() -> None:
    used = {operation.request for operation in openapi.operations()}
    assert [name for name in schema.names() if name.endswith("_request") and name not in used] == []


def test_the_reference_relay_serves_every_operation() -> None:
    served = {(method, route.path) for route in make_app().routes for method in route.methods or ()}  # type: ignore[attr-defined]
    wanted = [each for each in openapi.operations() if each.name not in NOT_SERVED]
    assert [each.name for each in wanted if not any(_serves(method, path, each) for method, path in served)] == []


def _serves(method: str, path: str, operation: Operation) -> bool:
    import re

    pattern = re.sub(r"\\\{\w+(?::path)?\\\}|\{\w+(?::path)?\}", "[^/]+", path)
    asked = re.sub(r"\{\w+\}", "x", operation.path)
    return method == operation.method and re.fullmatch(pattern, asked) is not None


def test_the_command_writes_the_bundle(tmp_path: Path) -> None:
    target = tmp_path / "openapi.json"
    result = CliRunner().invoke(main, ["openapi", "--out", str(target)])
    assert result.exit_code == 0
    assert json.loads(target.read_text("utf-8")) == openapi.bundle()
