"""Closing job records of IMS: only those that wait, once, with a token that comes and goes, and no secret told."""

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.adapters.ims.records import ImsRecords, open_records
from bot.core.action import CloseRecords, ImsRecord, Outcome, OutcomeKind
from bot.core.errors import BotError, UnreachableError
from bot.core.settings import Ims
from tests.sandbox.ims import CLIENT_SECRET, ImsServer

ID = "6d1ab5ae-aa2f-4e1f-9a27-c1d5e1d8c2a1"
OTHER = "0f7a3c52-2f4e-4b3c-8a51-90a4c7d0b111"
JOB = f"cray-ims-{ID}-create"
CLOSE = CloseRecords((ImsRecord(ID, JOB),))


@pytest.fixture
async def ims() -> AsyncIterator[ImsServer]:
    async with ImsServer() as server:
        server.add(ID, JOB)
        yield server


class Secret:
    """As a mounted Secret: another one may be in it any moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write(f"{CLIENT_SECRET}\n")

    def write(self, secret: str) -> None:
        self.path.write_text(secret)


@pytest.fixture
def secret_file(tmp_path: Path) -> Secret:
    return Secret(tmp_path / "client-secret")


@pytest.fixture
async def records(ims: ImsServer, secret_file: Secret) -> AsyncIterator[ImsRecords]:
    settings = Ims(url=ims.url, token_url=ims.token_url, client_secret_file=secret_file.path, timeout_s=5)
    async with open_records(settings) as records:
        assert records is not None
        yield records


@pytest.fixture(autouse=True)
def no_secret_is_told(caplog: pytest.LogCaptureFixture, ims: ImsServer) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs:
        yield
    said = f"{logs}{caplog.text}"
    assert not [secret for secret in (CLIENT_SECRET, *ims.tokens) if secret in said]


def without_secrets(outcome: Outcome) -> Outcome:
    assert CLIENT_SECRET not in outcome.output
    return outcome


async def test_a_waiting_record_is_set_to_error_once(ims: ImsServer, records: ImsRecords) -> None:
    for said in ("was creating, is error now", "it is error already"):
        outcome = await records.close(CLOSE)
        assert OutcomeKind.OK is outcome.kind
        assert said in outcome.output
    assert "error" == ims.records[ID]["status"]
    assert 1 == ims.asked("PATCH")


async def test_an_answer_in_pieces_is_read_to_its_end(ims: ImsServer, records: ImsRecords) -> None:
    ims.in_pieces = True
    outcome = await records.close(CLOSE)
    assert (OutcomeKind.OK, "error") == (outcome.kind, ims.records[ID]["status"]), outcome.output


@pytest.mark.parametrize("status", ["success", "error"])
async def test_a_record_that_has_ended_is_left_alone(ims: ImsServer, records: ImsRecords, status: str) -> None:
    ims.records[ID]["status"] = status
    assert OutcomeKind.OK is (await records.close(CLOSE)).kind
    assert status == ims.records[ID]["status"]
    assert 0 == ims.asked("PATCH")


async def test_a_deleted_record_is_as_good(ims: ImsServer, records: ImsRecords) -> None:
    ims.records.clear()
    assert OutcomeKind.OK is (await records.close(CLOSE)).kind


async def test_the_record_of_another_job_is_refused(ims: ImsServer, records: ImsRecords) -> None:
    ims.records[ID]["kubernetes_job"] = "cray-ims-of-somebody-else"
    assert OutcomeKind.REFUSED is (await records.close(CLOSE)).kind
    assert "creating" == ims.records[ID]["status"]


async def test_of_several_records_each_is_tried_and_the_worst_end_counts(
    ims: ImsServer, records: ImsRecords
) -> None:
    ims.add(OTHER, "another")
    both = CloseRecords((ImsRecord(OTHER, "cray-ims-other"), ImsRecord(ID, JOB)))
    outcome = await records.close(both)
    assert OutcomeKind.REFUSED is outcome.kind
    assert "error" == ims.records[ID]["status"]
    assert 2 == len(outcome.output.splitlines())


async def test_one_token_serves_many_requests_and_is_renewed_when_it_ended(
    ims: ImsServer, records: ImsRecords
) -> None:
    await records.check()
    await records.check()
    assert 1 == len(ims.tokens)
    ims.tokens.clear()
    assert OutcomeKind.OK is (await records.close(CLOSE)).kind
    assert "error" == ims.records[ID]["status"]


async def test_a_rotated_secret_needs_no_restart(ims: ImsServer, records: ImsRecords, secret_file: Secret) -> None:
    secret_file.write("of yesterday")
    outcome = without_secrets(await records.close(CLOSE))
    assert OutcomeKind.FAILED is outcome.kind
    assert "check ims.client_id and ims.client_secret_file" in outcome.output
    secret_file.write(CLIENT_SECRET)
    assert OutcomeKind.OK is (await records.close(CLOSE)).kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, OutcomeKind.FAILED),
        (400, OutcomeKind.FAILED),
        (429, OutcomeKind.UNKNOWN),
        (503, OutcomeKind.UNKNOWN),
    ],
)
async def test_what_ims_answers_instead_says_whether_to_try_again(
    ims: ImsServer, records: ImsRecords, status: int, kind: OutcomeKind
) -> None:
    ims.failing_status = status
    outcome = without_secrets(await records.close(CLOSE))
    assert kind is outcome.kind
    assert str(status) in outcome.output


async def test_an_answer_that_is_no_utf_8_is_an_end_as_well(ims: ImsServer, records: ImsRecords) -> None:
    ims.failing_status, ims.failing_body = 503, b'{"detail": "Service non disponible, r\xe9essayez"}'
    assert OutcomeKind.UNKNOWN is (await records.close(CLOSE)).kind


async def test_a_token_service_in_trouble_may_be_better_later(ims: ImsServer, records: ImsRecords) -> None:
    ims.token_status = 503
    assert OutcomeKind.UNKNOWN is (await records.close(CLOSE)).kind


async def test_nobody_listens() -> None:
    nowhere = Ims(url="http://127.0.0.1:9/apis/ims/v3", timeout_s=2)
    async with open_records(nowhere) as records:
        assert records is not None
        assert OutcomeKind.UNKNOWN is (await records.close(CLOSE)).kind
        with pytest.raises(UnreachableError):
            await records.check()


async def test_check_says_whether_ims_knows_us(ims: ImsServer, records: ImsRecords, secret_file: Secret) -> None:
    assert f"{ims.url} answers" == await records.check()
    ims.tokens.clear()
    secret_file.write("wrong")
    with pytest.raises(BotError):
        await records.check()


async def test_without_the_section_there_is_nothing() -> None:
    async with open_records(None) as records:
        assert records is None
