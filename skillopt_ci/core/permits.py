"""What grants an agent more than it was given, on one line: keys of settings, switches, words."""

import re
from collections.abc import Iterator

# What an agent acts with. A tool of another trade ("a tool", "the shell of an egg") needs more than its name to count.
_TOOL = r"(?:tools?|bash|shell|terminal|command[- ]line|mcp|web(?:fetch|search))\b"
_NAMED = r"(?:bash|(?-i:Read|Write|(?:Multi|Notebook)?Edit|Grep|Glob|Task|Web(?:Fetch|Search))|mcp__\w+)"
_MACHINE = r"(?:tools?|files?|file\s?systems?|systems?|network|internet|shell|terminal|machine|computer|host|disk)\b"
# What an agent does. People approve, pay, sign and file; of them no rule here speaks.
_ACTS = r"(?:work|run|proceed|use|call|execute|act|operate|continue)"
_CONSENT = r"(?:permissions?|approvals?|confirmations?)"
_ASKED = r"(?:prompts?|dialogs?|requests?|checks?)"
_ENDS = r"\s*(?:[.,;:!?)]|$)"
_WORDS = r"(?:[^\s.!?]+\s+)"

_KEYS = (
    r"\b(?:allowed|disallowed)[-_ ]{0,3}tools\b",
    r"\bpermission[-_ ]?mode\b",
    r"\bbypass[-_ ]?permissions\b",
    r"\bsandbox[-_ ]?mode\b",
    r"\bdisable-model-invocation\b",
    r"\bdanger-full-access\b|(?-i:\b(?:alwaysAllow|always_allow)\b)",
    r"(?-i:\b(?:acceptEdits|accept_edits|defaultMode|auto(?:A|_a)pprove\w*|approval(?:_p|P)olicy|approval(?:_m|M)ode)\b)",
    # With a hyphen they are words, too: "auto-approve claims under 50".
    r"\b(?:accept-edits|auto-approve|approval-(?:policy|mode))[\"'`]*\s*[:=]",
    r"`(?:accept-edits|auto-approve|approval-(?:policy|mode))`",
    r"\b(?:accept[- ]edits|auto[- ]approve|full[- ]auto|yolo)[\"'`]*\s+mode\b",
    r"--?(?:dangerously\S*|yolo|full-auto|no-sandbox|auto-approve|allow-all\S*|trust-all\S*)",
    # "Tools: hammer, saw" is a list of tools.
    rf"^\s*(?:[-*]\s*)?[\"']?(?:tools|permissions)[\"']?\s*[:=]\s*(?:[\[{{*]|[\"'][*]|{_NAMED}\s*(?:[,(]|$))",
    rf"[{{,]\s*[\"'](?:tools|permissions)[\"']\s*:\s*\[?\s*[\"'](?:{_NAMED}|[*])[\"']",
    r"^\s*(?:[-*]\s*)?[\"']?mcp[-_]?servers[\"']?\s*[:=]",
    r"[\"']allow[\"']\s*:\s*\[",
    r"(?-i:\bBash\(|\b(?:Read|Write|Edit|WebFetch)\((?:[*~./]|domain:)|\bmcp__\w+)",
)
_GRANTS = (
    r"(?<!\buser )(?<!\busers )(?<!\bcustomer )(?<!\bcustomers )"
    r"\b(?:may|can|free\s+to|(?:allowed|permitted|authori[sz]ed|cleared)\s+to)\s+(?:\w+\s+)?"
    rf"(?:use|call|run|invoke|open|access|execute|start)\s+{_WORDS}{{0,5}}?[`\"'*]*{_TOOL}",
    rf"\b{_TOOL}[^.!?\n]{{0,30}}\b(?:is|are)\s+(?:\w+\s+)?"
    r"(?:allowed|permitted|authori[sz]ed|(?:pre-?)?approved|granted|enabled)\b",
    rf"\b{_TOOL}[^.!?\n]{{0,30}}\bas\s+(?:\w+\s+)?(?:allowed|permitted|(?:pre-?)?approved|granted)\b",
    rf"\b{_TOOL}\s+may\s+be\s+(?:used|called|run|executed)\b",
    rf"\b(?:grants?|granted|permission)\s+{_WORDS}{{0,3}}?{_TOOL}",
    r"\b(?:enable|activate|unlock)\s+(?:the\s+|your\s+)?[`\"']*"
    r"(?:(?:bash|shell|terminal|command[- ]line|mcp|web(?:fetch|search))\b|(?:all|any|every|more)\s+tools?\b)",
    rf"\b(?:full|unrestricted|unlimited|direct)\s+access\s+to\s+(?:\w+\s+){{0,3}}?{_MACHINE}",
    rf"\baccess\s+to\s+{_WORDS}{{0,3}}?[`\"'*]*{_TOOL}",
    r"\b(?:disable|leave|escape|bypass|turn\s+off)\s+(?:the\s+|your\s+|any\s+)?sandbox\b",
)
_UNASKED = (
    rf"\b{_ACTS}\b[^.!?\n]{{0,80}}?\bwithout\s+(?:\w+\s+){{0,2}}?(?:asking|{_CONSENT})"
    rf"(?:\s+(?:for\s+{_CONSENT}|(?:the\s+)?user|first|{_ASKED})){{0,3}}{_ENDS}",
    rf"(?:^|[.!?:;]\s|[-*]\s)\s*no\s+(?:\w+\s+)?{_CONSENT}\s+(?:{_ASKED}\s+)?"
    rf"(?:is|are)\s+(?:needed|required|necessary){_ENDS}",
    rf"\b(?:skip|ignore|bypass|suppress)\s+(?:\w+\s+){{0,2}}?"
    rf"(?:{_CONSENT}\s+{_ASKED}\b|(?:permissions?|confirmations?){_ENDS})",
    rf"\b(?:do\s+not|don['’]t|never|no\s+need\s+to|without)\s+(?:ask|wait(?:ing)?\s+for\s+{_CONSENT}|asking)\b[^.!?\n]{{0,30}}"
    r"\bbefore\s+(?:you\s+)?(?:run|us|call|execut|invok)\w*",
)
# What is asked of people in prompts and dialogs, answered once for all.
_ANSWERED = (
    rf"\b(?:approve|allow|accept|permit|authori[sz]e)\s+{_WORDS}{{0,2}}?(?:tool|shell|bash|terminal)\s+"
    r"(?:calls?|uses?|usage|commands?|requests?|prompts?)\b",
    rf"\b(?:approve|accept|confirm|dismiss|(?:answer|say|reply)\s+yes\s+to)\s+{_WORDS}{{0,2}}?"
    r"(?:permission\s+requests?|(?:permission|approval|confirmation)\s+(?:prompts?|dialogs?))\b",
    rf"\bauto(?:matically\s+|[- ])approve\s+{_WORDS}{{0,2}}?commands?\b",
)
_PERMISSION = re.compile("|".join((*_KEYS, *_GRANTS, *_UNASKED, *_ANSWERED)), re.IGNORECASE | re.MULTILINE)
# A key and what it grants on the line below.
_LISTED = re.compile(
    r"^[ \t]*(?:[-*][ \t]*)?[\"']?(?:tools|permissions)[\"']?[ \t]*:[ \t]*\n"
    rf"[ \t]*(?:(?:- *)?[\"']?{_NAMED}[\"']?[ \t]*(?:[,(]|$)|(?<=[ \t])[\"']?allow\b).*",
    re.IGNORECASE | re.MULTILINE,
)


def permits(line: str) -> Iterator[tuple[int, int]]:
    """Where a line speaks of a permission."""
    return (match.span() for match in _PERMISSION.finditer(line))


def listed(text: str) -> Iterator[str]:
    """Every key of tools or permissions with the first of the lines below it."""
    return (match.group() for match in _LISTED.finditer(text))
