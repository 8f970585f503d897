"""Extensions: what they move, what they may not pass, and when the session ends after them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.e2e.deployed import wait_for
from tests.e2e.hours import move
from tests.e2e.renting import Renting, Row
from tests.e2e.stories import told_by

SOON = timedelta(seconds=10)
SWEPT_WITHIN_S = 90.0


@dataclass(frozen=True)
class Extended:
    """A session that was extended just before its end, and ended an hour later."""

    old_end: datetime
    answers: list[tuple[int, Row]]
    after_old_end: Row
    new_end: datetime
    stopped: Row


def extended_at_its_end(renting: Renting) -> Extended:
    live = renting.live
    rental, _ = renting.running(reservation_hours=10)
    old_end = _whole_milliseconds(datetime.now(UTC) + SOON)
    move(live, rental.id, expires_at=old_end, due_at=old_end)
    answers = []
    for hours in (1, 2, 1, 1):
        answer = rental.caller.send(
            "POST", f"{rental.path}/extend", json={"additional_hours": hours}
        )
        answers.append((answer.status_code, answer.json()))
    wait_for(lambda: datetime.now(UTC) > old_end, 20)
    live.sweep("ExpireSessionsFunction")
    after_old_end = rental.now()
    new_end = _whole_milliseconds(datetime.now(UTC))
    move(live, rental.id, expires_at=new_end, due_at=new_end)
    wait_for(lambda: live.sweep("ExpireSessionsFunction") and _is_ending(rental.now()), 60)
    return Extended(old_end, answers, after_old_end, new_end, rental.until("stopped"))


def _is_ending(session: Row) -> bool:
    return bool(session["status"] in ("stopping", "stopped"))


def _whole_milliseconds(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


@told_by(extended_at_its_end)
def test_a_session_lives_past_its_old_end_and_ends_at_the_new_one(told: Extended) -> None:
    """E2E-2: the sweep leaves it alone at the one, and ends it within 1 min 30 s of the other."""
    status, first = told.answers[0]
    assert status == 200
    assert datetime.fromisoformat(first["new_expires_at"]) == told.old_end + timedelta(hours=1)
    assert told.after_old_end["status"] == "running"
    assert datetime.fromisoformat(told.after_old_end["expires_at"]) > told.old_end
    assert told.stopped["end_reason"] == "expired"
    late = datetime.fromisoformat(told.stopped["stopping_at"]) - told.new_end
    assert timedelta() <= late <= timedelta(seconds=SWEPT_WITHIN_S)


@told_by(extended_at_its_end)
def test_hours_are_counted_by_reservation_and_not_by_age(told: Extended) -> None:
    """X-7, M-7: a session of a moment that holds 11 hours gets one more, not two."""
    statuses = [status for status, _ in told.answers]
    assert statuses == [200, 400, 200, 400]
    refused = [body for status, body in told.answers if status == 400]
    assert {body["error_type"] for body in refused} == {"hard_max_exceeded"}
    assert told.stopped["reservation_hours"] == 12
