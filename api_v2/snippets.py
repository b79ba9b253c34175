"""Print a request as a program in the languages of the docs page. Pure: text in, text out.

A test runs what is printed here against a live server.
"""

import json
import re
import shlex
from collections.abc import Callable, Mapping

# What stands for itself between double quotes in a shell and needs no form encoding.
_PLAIN = re.compile(r"[\w:/.,@-]*", re.ASCII)


def curl(url: str, request: Mapping[str, str]) -> str:
    """Return a command line."""
    lines = [f'curl -X POST "{url}"']
    for name, value in request.items():
        pair = f"{name}={value}"
        lines.append(f'-d "{pair}"' if _PLAIN.fullmatch(value) else f"--data-urlencode {shlex.quote(pair)}")
    return " \\\n  ".join(lines)


def python(url: str, request: Mapping[str, str]) -> str:
    """Return a program that needs the package `requests`."""
    fields = "".join(f"        {_quoted(name)}: {_quoted(value)},\n" for name, value in request.items())
    return (
        "import requests\n\n"
        "answer = requests.post(\n"
        f"    {_quoted(url)},\n"
        f"    data={{\n{fields}    }},\n"
        "    timeout=30,\n"
        ").json()\n"
        "print(answer)"
    )


def php(url: str, request: Mapping[str, str]) -> str:
    """Return a program that needs PHP's cURL functions."""
    fields = "".join(f"        {_php_quoted(name)} => {_php_quoted(value)},\n" for name, value in request.items())
    return (
        "<?php\n"
        f"$request = curl_init({_php_quoted(url)});\n"
        "curl_setopt_array($request, [\n"
        "    CURLOPT_RETURNTRANSFER => true,\n"
        f"    CURLOPT_POSTFIELDS => http_build_query([\n{fields}    ]),\n"
        "]);\n"
        "$answer = json_decode(curl_exec($request), true);\n"
        "print_r($answer);"
    )


def node(url: str, request: Mapping[str, str]) -> str:
    """Return a module for Node 18 or newer."""
    fields = "".join(f"    {name}: {_quoted(value)},\n" for name, value in request.items())
    return (
        f"const response = await fetch({_quoted(url)}, {{\n"
        '  method: "POST",\n'
        f"  body: new URLSearchParams({{\n{fields}  }}),\n"
        "});\n"
        "console.log(await response.json());"
    )


LANGUAGES: dict[str, tuple[str, Callable[[str, Mapping[str, str]], str]]] = {
    "curl": ("cURL", curl),
    "python": ("Python", python),
    "php": ("PHP", php),
    "node": ("Node", node),
}


def _quoted(text: str) -> str:
    """Quote as JSON does, which Python and JavaScript read alike."""
    return json.dumps(text, ensure_ascii=False)


def _php_quoted(text: str) -> str:
    return _quoted(text).replace("$", "\\$")
