"""DocVQA: `{"dataset_name": "docvqa", "data": [...]}` with the document images beside it, or its items as a list.

Source: https://rrc.cvc.uab.es/?ch=17&com=tasks, "Ground Truth Format"; InfographicsVQA has the same. Graded by the
skill's graders: `anls`. Questions about one document are one cluster.
"""

import posixpath
from types import MappingProxyType

from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.fields import beside
from skillopt_ci.suites.foreign import Node, Report, top, written
from skillopt_ci.suites.making import Checks, Draft, clean_id, make

_FOLDERS = ("", "documents", "images", "spdocvqa_images", "docvqa_images")
_KEPT = ("question_types", "ucsf_document_id", "ucsf_document_page_no", "data_split", "docId", "topic")
_NO_ANSWERS = "a question without answers, as in the test set, cannot be graded"
_MANY = 10  # missing images that are said one by one


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The questions of one file."""
    report = Report(tree, path)
    images = _Images(report)
    tasks: list[Task | None] = []
    for node in top(report, data):
        if "data" not in node.item.value:
            tasks.append(_task(node, images))
            continue
        for key in ("dataset_name", "dataset_split", "dataset_version"):
            node.get(key)
        tasks += [_task(one.as_item(), images) for one in node.nodes("data")]
        node.lose_rest({})
    if len(images.missing) > _MANY:
        report.wrong(f"{len(images.missing)} images are missing in all", line=1)
    return report.result(tasks)


class _Images:
    """Images beside the file, each read once: many questions share one."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._read: dict[str, bytes | None] = {}
        self.missing: set[str] = set()

    def find(self, name: str) -> bytes | None:
        """The image as named, or by its file name in the folders where the downloads put them."""
        if name not in self._read:
            tried = (name, *(posixpath.join(folder, posixpath.basename(name)) for folder in _FOLDERS))
            self._read[name] = next((d for t in tried if (d := self._load(t)) is not None), None)
        return self._read[name]

    def _load(self, relative: str) -> bytes | None:
        place = beside(self._report.path, relative)
        try:
            return self._report.tree.read(place) if place and self._report.tree.glob(place) else None
        except ConfigError:
            return None


def _task(node: Node, images: _Images) -> Task | None:
    given = node.get("questionId")
    node.name = clean_id(written(given) or "")
    answers = tuple(dict.fromkeys(node.some_texts("answers"))) or node.some_texts("answer")
    if not answers:
        node.lose_item(_NO_ANSWERS)
        return None
    name = node.text("image") or node.text("image_path")
    data = images.find(name) if name else None
    if data is None:
        images.missing.add(name)
        if len(images.missing) <= _MANY:
            node.wrong(f"'image': there is no file {name[:200]!r} beside this one", "image")
        else:
            node.spoil()
    metadata = {k: node.get(k) for k in _KEPT if node.get(k) not in (None, "")}
    if "docId" in metadata:
        metadata["cluster"] = f"document {written(metadata['docId'])}"
    draft = Draft(
        id=node.name,
        prompt=node.text("question"),
        expected=answers,
        files=(Attachment(name=posixpath.basename(name), data=data),) if data is not None else (),
        metadata=MappingProxyType(metadata),
    )
    node.lose_rest({})
    return make(node, draft, Checks())
