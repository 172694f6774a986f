from dataclasses import replace

import pytest

from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Attachment, Source, Task
from skillopt_ci.core.trajectory import Message, Usage
from skillopt_ci.errors import CallFailedError, ProviderDownError
from skillopt_ci.harnesses.chat import make
from skillopt_ci.providers.base import Completion, Model, Request

SKILL = Skill(name="secret-name", frontmatter="---\nname: secret-name\n---\n", body="\n# Do\n\n- it\n\n")
TASK = Task(id="t1", prompt="What?", source=Source(file="t", line=1))
SAMPLE = Sample(task_id="t1", stream="val", n=2, replica="7/1")


class Fake:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.requests: list[Request] = []

    def complete(self, request: Request, /) -> Completion:
        self.requests.append(request)
        if self.error:
            raise self.error
        usage = Usage(input_tokens=3, output_tokens=4)
        return Completion(text="That.", stop_reason="length", usage=usage, served_model="m-1", seconds=1.5)


def model(fake: Fake) -> Model:
    return Model(provider=fake, model="m", temperature=0.3, max_output_tokens=77)


def sent(task: Task, skill: Skill = SKILL) -> tuple[Message, ...]:
    fake = Fake()
    make(model(fake)).run(skill, task, SAMPLE)
    return fake.requests[0].messages


def test_one_call_with_the_body_as_system_and_the_task_as_user() -> None:
    fake = Fake()
    trajectory = make(model(fake)).run(SKILL, TASK, SAMPLE)
    (request,) = fake.requests
    assert request.messages == (Message(role="system", content="# Do\n\n- it"), Message(role="user", content="What?"))
    assert (request.model, request.temperature, request.max_output_tokens) == ("m", 0.3, 77)
    assert (request.place, request.stream, request.schema) == (SAMPLE.place(), "val", None)
    assert request.label == "task t1, val, run 2"
    assert trajectory.messages == (*request.messages, Message(role="assistant", content="That."))
    assert (trajectory.answer, trajectory.stop_reason) == ("That.", "length")
    assert (trajectory.served_model, trajectory.usage.output_tokens, trajectory.seconds) == ("m-1", 4, 1.5)


def test_frontmatter_and_bundled_files_change_nothing_that_is_sent() -> None:
    other = replace(SKILL, frontmatter="---\nname: y\n---\n", resources={"references/a.md": "0"})
    assert sent(TASK, other) == sent(TASK)


@pytest.mark.parametrize("body", ["", " \n\n"])
def test_an_empty_body_sends_no_system_message(body: str) -> None:
    assert [m.role for m in sent(TASK, replace(SKILL, body=body))] == ["user"]


def test_context_and_files_come_after_the_prompt() -> None:
    files = (Attachment(name="a.txt", data="Grüße\n".encode()), Attachment(name="b.csv", data=b"1,2"))
    user = sent(replace(TASK, context="Some context.", files=files))[-1].content
    assert user == (
        'What?\n\nSome context.\n\n<file name="a.txt">\nGrüße\n\n</file>\n\n<file name="b.csv">\n1,2\n</file>'
    )


def test_only_the_task_is_sent_and_neither_its_answer_nor_its_id() -> None:
    task = replace(TASK, id="id-77", expected=("expected-77",), tags=("tag-77",), metadata={"m": "meta-77"})
    assert "77" not in "".join(m.content for m in sent(task))


def test_images_and_pdfs_go_along_and_are_named_in_the_text() -> None:
    image = Attachment(name="a.png", data=b"\x89PNG\r\n\x1a\n\xff")
    pdf = Attachment(name="b.pdf", data=b"%PDF-1.7")
    user = sent(replace(TASK, files=(image, Attachment(name="c.txt", data=b"C"), pdf)))[-1]
    assert user.content == (
        'What?\n\n<file name="a.png" attached/>\n\n<file name="c.txt">\nC\n</file>\n\n<file name="b.pdf" attached/>'
    )
    assert user.attachments == (image, pdf)


def test_an_attachment_that_cannot_be_sent_is_a_failure_before_any_call() -> None:
    fake = Fake()
    with pytest.raises(CallFailedError, match=r"attachment 'a\.png' is no UTF-8 text") as raised:
        make(model(fake)).run(SKILL, replace(TASK, files=(Attachment(name="a.png", data=b"\x89PNG\xff"),)), SAMPLE)
    assert raised.value.kind == "attachment"
    assert fake.requests == []


@pytest.mark.parametrize("error", [CallFailedError("timeout", "no"), ProviderDownError("key refused")])
def test_errors_of_the_call_pass_through(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        make(model(Fake(error))).run(SKILL, TASK, SAMPLE)


def test_another_sample_is_another_purchase() -> None:
    fake = Fake()
    harness = make(model(fake))
    samples = [SAMPLE, replace(SAMPLE, n=3), replace(SAMPLE, replica="7/2"), replace(SAMPLE, stream="test"), SAMPLE]
    for sample in samples:
        harness.run(SKILL, TASK, sample)
    identities = [r.identity() for r in fake.requests]
    assert identities[0] == identities[4]
    assert all(identities[:4].count(i) == 1 for i in identities[:4])
