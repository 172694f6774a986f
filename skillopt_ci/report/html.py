"""A report as one self-contained page: no script, no request, nothing but its own style."""

import base64
import hashlib

from markdown_it import MarkdownIt

from skillopt_ci.report.escape import html_text

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2125; --paper: #fff; --line: #d0d7de; --soft: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --soft: #161b22; } }
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
body { color: var(--ink); background: var(--paper); overflow-wrap: anywhere; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
pre, code { font-family: ui-monospace, monospace; font-size: .9em; background: var(--soft); }
pre { padding: .8rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; }
blockquote { margin: 0; padding: .2rem 1rem; border-left: 4px solid var(--line); }
"""


def page(title: str, markdown: str) -> str:
    """The Markdown of a report as an HTML page. HTML, links and images in it stay text."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    style_hash = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{style_hash}'; base-uri 'none'; form-action 'none'"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{parser.render(markdown)}</main>\n</body>\n</html>\n"
    )
