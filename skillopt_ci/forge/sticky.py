"""One comment of ours a pull request and topic, kept up to date in place."""

from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.remote import Comment
from skillopt_ci.forge.repository import Repository

COMMENT_LIMIT = 60_000  # the host refuses 65,536; measured in UTF-16 units, as it counts


def put_comment(repository: Repository, number: int, topic: str, text: str, *, new: bool = True) -> bool:
    """Make the comment say `text` (safe Markdown, at most 60,000 characters); whether anything was sent.

    It is found by its hidden first line, among the comments of our own account only: anybody can copy the line. With
    `new` False one that is there is corrected, and none is begun.
    """
    first = f"<!-- skillopt-ci:{topic} -->"
    body = f"{first}\n{text.strip()}\n"
    if len(body.encode("utf-16-le", "replace")) // 2 > COMMENT_LIMIT:
        raise ForgeError(f"a comment of more than {COMMENT_LIMIT} characters; this is a bug, please report it")
    found = find_comment(repository, number, first)
    if found is None and new:
        try:
            repository.create_comment(number, body)
        except ForgeError:
            # The request may have arrived although no good answer came: look before anything is sent a second time.
            found = find_comment(repository, number, first)
            if found is None:
                raise
    if found is None or same_text(found.body, body):
        return found is None and new
    repository.edit_comment(found.id, body)
    return True


def find_comment(repository: Repository, number: int, first: str) -> Comment | None:
    """Our own comment that begins with a line; the oldest of several."""
    login = repository.login.lower()
    for comment in repository.comments(number):
        if comment.author.lower() == login and comment.body.startswith(first):
            return comment
    return None


def same_text(one: str, other: str) -> bool:
    """Equal but for line ends, which the host may change."""
    return one.replace("\r\n", "\n").strip() == other.replace("\r\n", "\n").strip()
