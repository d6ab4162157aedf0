"""YAML as people read it: Chinese as Chinese, many lines as a block. And YAML read safely, whoever wrote it."""

from __future__ import annotations

import re
import sys
from typing import Any

import yaml
from yaml.emitter import ScalarAnalysis

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]

AWKWARD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
TAG = "tag:yaml.org,2002:"


def dump(document: Any) -> str:
    """A document as text; the same document gives the same text, whether libyaml is there or not."""
    options: dict[str, Any] = {"allow_unicode": True, "sort_keys": False, "width": sys.maxsize}
    return str(yaml.dump(document, Dumper=_Dumper, default_flow_style=False, **options))


def load(text: bytes) -> Any:
    """The document in a text. No tag can make code run. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_Loader)


class OneLine(list[Any]):
    """A list written on one line."""


class _Loader(_SafeLoader):
    """The safe loader, with the harmless tags that ruby-vcr and older vcrpy write."""


class _Dumper(yaml.SafeDumper):
    """Readable YAML. Python's own emitter, since libyaml's escapes every emoji and refuses blocks around it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def analyze_scalar(self, scalar: str) -> ScalarAnalysis:
        if not _fits_block(scalar):
            return super().analyze_scalar(scalar)
        return ScalarAnalysis(scalar, False, True, False, False, False, True, True)


def _fits_block(text: str) -> bool:
    return "\n" in text and text[0] not in " \t\n" and not AWKWARD.search(text)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if _fits_block(text) else '"' if "\n" in text or AWKWARD.search(text) else None
    return dumper.represent_scalar(f"{TAG}str", text, style=style)


def _construct_text(loader: Any, node: Any) -> Any:
    return loader.construct_scalar(node)


def _construct_list(loader: Any, node: Any) -> Any:
    return loader.construct_sequence(node)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(OneLine, lambda dumper, reads: dumper.represent_sequence(f"{TAG}seq", reads, True))
_Loader.add_constructor("!binary", yaml.SafeLoader.yaml_constructors[f"{TAG}binary"])
_Loader.add_constructor(f"{TAG}python/tuple", _construct_list)
for _tag in ("str", "unicode"):
    _Loader.add_constructor(f"{TAG}python/{_tag}", _construct_text)
