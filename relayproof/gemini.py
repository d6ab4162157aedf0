"""Gemini's dialect of requests: camelCase beside snake_case, tools with or without a list, and its form of schemas.

Google reads both spellings of a request, so whoever judges or answers one must, too. Answers are camelCase only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from relayproof.pointer import find, get, is_a

STRUCTURE = ("enum", "required", "minItems", "maxItems", "$ref", "const")
NESTED = ("properties", "$defs", "definitions")
LISTED = ("anyOf", "oneOf", "allOf")
OPAQUE = ("args", "response", "parameters", "responseSchema", "responseJsonSchema", "parametersJsonSchema")
FUNCTIONS = "functionDeclarations"
COUNT = re.compile(r"[0-9]{1,18}")


def snake(name: str) -> str:
    """maxOutputTokens -> max_output_tokens."""
    return re.sub(r"[A-Z]", lambda found: f"_{found.group(0).lower()}", name)


def camel(document: Any) -> Any:
    """A request in camelCase, whatever it came in; what is the caller's own (arguments, schemas) stays as it is."""
    if isinstance(document, list):
        return [camel(each) for each in document]
    if not isinstance(document, dict):
        return document
    named = {re.sub(r"_([a-z])", lambda found: found.group(1).upper(), key): value for key, value in document.items()}
    return {key: value if key in OPAQUE else camel(value) for key, value in named.items()}


def member(document: Any, name: str, kind: type = object, default: Any = None) -> Any:
    """The member of that name in either spelling, or `default`."""
    found = get(document, f"/{name}", kind)
    return get(document, f"/{snake(name)}", kind, default) if found is None else found


def setting(asked: Any, name: str, kind: type = object, default: Any = None) -> Any:
    """A member of generationConfig."""
    return member(member(asked, "generationConfig", dict, {}), name, kind, default)


def tools(asked: Any) -> list[dict[str, Any]]:
    """The tools of a request; one that stands without its list is a list of one."""
    given = get(asked, "/tools")
    return [tool for tool in (given if isinstance(given, list) else [given]) if isinstance(tool, dict)]


def functions(asked: Any) -> dict[str, dict[str, Any]]:
    """The functions that a request declares, by name."""
    declared = (each for tool in tools(asked) for _, each in find(member(tool, FUNCTIONS, list, []), "/*", dict))
    return {each["name"]: each for each in declared if isinstance(each.get("name"), str)}


def server_tools(asked: Any) -> set[str]:
    """The tools that the server runs itself, in camelCase: googleSearch, codeExecution, urlContext, ..."""
    return {key for tool in camel(tools(asked)) for key, value in tool.items() if value is not None} - {FUNCTIONS}


def calling(asked: Any) -> dict[str, Any]:
    """The functionCallingConfig of a request; an empty one when there is none."""
    config: dict[str, Any] = member(member(asked, "toolConfig", dict, {}), "functionCallingConfig", dict, {})
    return config


def mode(asked: Any) -> str:
    """AUTO, ANY, NONE or VALIDATED, as the request says; AUTO when it does not."""
    return str(calling(asked).get("mode") or "AUTO").upper()


def allowed(asked: Any) -> list[str]:
    """allowedFunctionNames; empty when all are allowed."""
    return [name for name in member(calling(asked), "allowedFunctionNames", list, []) if isinstance(name, str)]


def parameters(function: dict[str, Any]) -> dict[str, Any] | None:
    """A function's parameters as a JSON Schema; None when it takes none, or none are told."""
    given = member(function, "parameters", dict) or member(function, "parametersJsonSchema", dict)
    return json_schema(given) if given else None


def wanted_schema(asked: Any) -> dict[str, Any] | None:
    """The schema that the answer is to have, as a JSON Schema; None when none was given."""
    given = setting(asked, "responseSchema", dict) or setting(asked, "responseJsonSchema", dict)
    return json_schema(given) if given else None


def json_schema(given: Any) -> Any:
    """A schema of Gemini's dialect (OBJECT, nullable, numbers as text) with the structure that a decoder keeps.

    What is a hint to the model alone (format, pattern, bounds of numbers) is left out.
    """
    if not isinstance(given, dict):
        return given
    made = {key: _number(given[key]) for key in STRUCTURE if given.get(key) is not None}
    if "type" in given:
        made["type"] = _type(given["type"], nullable=given.get("nullable") is True)
    for key in NESTED:
        if isinstance(given.get(key), dict):
            made[key] = {name: json_schema(each) for name, each in given[key].items()}
    for key in LISTED:
        if isinstance(given.get(key), list):
            made[key] = [json_schema(each) for each in given[key]] + [{"type": "null"}] * bool(given.get("nullable"))
    if isinstance(given.get("items"), dict):
        made["items"] = json_schema(given["items"])
    if isinstance(made.get("enum"), list) and given.get("nullable") is True:
        made["enum"] = [*made["enum"], None]
    return made


def _type(given: Any, *, nullable: bool) -> Any:
    kinds = [str(kind).lower() for kind in (given if isinstance(given, list) else [given])]
    if "type_unspecified" in kinds:
        return ["object", "array", "string", "number", "boolean", "null"]
    kinds += ["null"] if nullable and "null" not in kinds else []
    return kinds[0] if len(kinds) == 1 else kinds


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and COUNT.fullmatch(value) else value


def said(content: Any, *, thought: bool = False) -> str:
    """The texts of a content's parts, joined: what is said, or what was thought."""
    return "".join(str(part["text"]) for part in parts(content) if _speaks(part, thought=thought))


def _speaks(part: dict[str, Any], *, thought: bool) -> bool:
    return isinstance(part.get("text"), str) and (part.get("thought") is True) is thought


def parts(content: Any) -> Iterator[dict[str, Any]]:
    """The parts of a content; one that stands without its list is a list of one."""
    given = get(content, "/parts")
    return (part for part in (given if isinstance(given, list) else [given]) if isinstance(part, dict))


def prompt(asked: Any) -> str:
    """Everything that a request says in text: its contents and its system instruction."""
    given = get(asked, "/contents")
    contents = [*(given if isinstance(given, list) else [given]), member(asked, "systemInstruction")]
    return "".join(str(part["text"]) for each in contents for part in parts(each) if is_a(part.get("text"), str))
