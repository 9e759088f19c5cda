"""The Helm chart, rendered without Helm: its templates are Go's, and use these few functions of Helm's alone."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gotpl
import yaml

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "gatepost"
NAMES = "_names.tpl"

Document = dict[str, Any]


def values() -> Document:
    """The values that the chart comes with."""
    found: Document = yaml.safe_load((CHART / "values.yaml").read_text())
    return found


def render(chosen: Mapping[str, Any]) -> list[Document]:
    """The documents that Kubernetes would get. Raises TemplateError for what a template requires and is not there."""
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    context = {"Values": chosen, "Release": {"Name": "auth"}, "Chart": {"AppVersion": about["appVersion"]}}
    templates = sorted(path for path in (CHART / "templates").iterdir() if path.name != NAMES)
    texts = [gotpl.Template(path.read_text(), functions=FUNCTIONS).render(context) for path in templates]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def _include(name: str, context: Any) -> str:
    text = (CHART / "templates" / NAMES).read_text() + f'{{{{ template "{name}" . }}}}'
    return gotpl.Template(text, functions=FUNCTIONS).render(context).strip("\n")


def _nindent(spaces: int, text: str) -> str:
    return "\n" + "\n".join(" " * spaces + line if line else line for line in text.split("\n"))


def _required(message: str, value: Any) -> Any:
    if not value:
        raise ValueError(message)
    return value


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "include": _include,
    "nindent": _nindent,
    "toYaml": lambda value: yaml.safe_dump(value).rstrip("\n"),
    "quote": lambda value: json.dumps(str(value)),
    "default": lambda other, value: value or other,
    "required": _required,
    "int": int,
    "urlParse": lambda url: {"hostname": urlsplit(url).hostname},
}
