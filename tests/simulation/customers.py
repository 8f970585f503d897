"""What customers do, over the API's use cases; a call that fails is tried again, as clients do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from gpu_shopper.core.api_keys import Caller, Role
from gpu_shopper.core.entrypoint import LaunchMode
from gpu_shopper.core.repeats import KeyedRequest
from gpu_shopper.core.session import Session, StoragePolicy
from gpu_shopper.errors import BudgetExceeded, DuplicateSession
from gpu_shopper.usecases import extending, sessions
from gpu_shopper.usecases.deps import Deps
from gpu_shopper.usecases.sessions import Created
from gpu_shopper.usecases.wishes import NewSession
from tests.builders import PUBLIC_KEY
from tests.simulation.agents import IDLE_THRESHOLD_MIN, Reports
from tests.simulation.cloud import offer_of
from tests.simulation.deployment import Deployment
from tests.simulation.executions import Failure
from tests.simulation.functions import API, HEARTBEATS
from tests.simulation.plan import Rental
from tests.simulation.scheduler import MINUTE, SECOND, Scheduler, Violation

MOST_TRIES = 5

type Stop = Callable[[Deps, Caller, str], Session]
"""`done`, or DELETE."""

_POLICIES = (StoragePolicy.DESTROY, StoragePolicy.PRESERVE)


class Customer:
    """One rental, from wish to end."""

    def __init__(self, rental: Rental, deployment: Deployment, scheduler: Scheduler) -> None:
        self._rental = rental
        self._deployment = deployment
        self._scheduler = scheduler
        self._caller = Caller(f"key-{rental.consumer_id}", Role.CONSUMER, rental.consumer_id)
        self.session_id = ""
        self.is_done = False

    def begin(self) -> None:
        """Plan everything."""
        self._scheduler.at(self._rental.create_ms, self._create)

    def _wanted(self) -> NewSession:
        rental = self._rental
        return NewSession(
            consumer_id=rental.consumer_id,
            provider=rental.provider,
            offer_id=offer_of(rental.provider, rental.offer).id,
            workload_type="ssh",
            reservation_hours=rental.hours,
            ssh_public_key=None if self._request() else PUBLIC_KEY,
            ssh_timeout_min=rental.ssh_timeout_min,
            auto_retry=rental.auto_retry,
            max_retries=rental.max_retries if rental.auto_retry else None,
            retry_scope=rental.retry_scope,
            max_price_microusd_per_hour=self._most(),
            storage_policy=_POLICIES[rental.drain_min is not None],
            drain_min=rental.drain_min,
            **(_SERVES_HTTP if rental.serves_http else {}),
            agent=rental.agent is not None,
            idle_threshold_min=IDLE_THRESHOLD_MIN if rental.agent is not None else 0,
        )

    def _most(self) -> int | None:
        rental = self._rental
        usual = offer_of(rental.provider, rental.offer).price_microusd_per_hour
        return usual * rental.most_percent // 100 if rental.most_percent else None

    def _request(self) -> KeyedRequest | None:
        """Every other customer names its request, and may send it again."""
        rental = self._rental
        if rental.create_ms % 2:
            return None
        key = f"{rental.create_ms}-{rental.offer}"
        return KeyedRequest(consumer_id=rental.consumer_id, key=key, body_sha256=key)

    def _ask(self, deps: Deps) -> Created:
        return sessions.create(deps, self._caller, self._wanted(), self._request())

    def _create(self, tries: int = 1) -> None:
        began_ms = self._scheduler.now_ms

        def told(answer: Any) -> None:
            if isinstance(answer, Created):
                self._report(answer)
                self._plan_the_rest(answer.session.id)
                self._repeat(answer)
            elif isinstance(answer.cause, DuplicateSession) and tries > 1:
                self._plan_the_rest(str(answer.cause.extra["session_id"]))
            elif answer.error in _PASSING and tries < 3:
                self._scheduler.after(SECOND, lambda: self._create(tries + 1))
            else:
                self._check_refusal(answer.cause, began_ms)
                self.is_done = True

        self._call("create", self._ask, told)

    def _check_refusal(self, cause: Exception | None, began_ms: int) -> None:
        if isinstance(cause, BudgetExceeded):
            accounts = self._deployment.accounts
            accounts.refused(cause, self._rental.consumer_id, began_ms)

    def _repeat(self, first: Created) -> None:
        """N-8, N-11: a repeat is about the same session, whatever became of it meanwhile."""

        def told(answer: Any) -> None:
            if isinstance(answer, Created):
                same = (answer.session.id, answer.secrets) == (first.session.id, first.secrets)
            else:
                same = answer.error in _PASSING
            if not same:
                raise Violation(f"N-8 a repeat of {first.session.id} was answered {answer}")

        if self._request() is not None:
            for wait_ms in (SECOND, 10 * MINUTE):
                self._scheduler.after(wait_ms, lambda: self._call("repeat", self._ask, told))

    def _report(self, created: Created) -> None:
        token = created.secrets.get("agent_token")
        if self._rental.agent is None or token is None:
            return
        id_ = created.session.id
        reports = Reports(
            self._rental.agent,
            lambda body, told: self._call(f"heartbeat {id_}", body, told, HEARTBEATS),
        )
        reports.begin(self._scheduler, id_, token)

    def _plan_the_rest(self, id_: str) -> None:
        rental, self.session_id = self._rental, id_
        for number, hours in enumerate(rental.extend):
            wait_ms = (3 + 50 * number) * MINUTE
            self._scheduler.after(wait_ms, partial(self._extend, id_, hours))
        if rental.stop_after_ms is None:
            self.is_done = True
            return
        is_patient = rental.drain_min is not None
        stop = sessions.request_stop if is_patient else sessions.destroy
        self._scheduler.after(rental.stop_after_ms, lambda: self._stop(stop, id_))
        if rental.stops_twice:
            again_ms = rental.stop_after_ms + is_patient * MINUTE
            self._scheduler.after(again_ms, lambda: self._stop(sessions.destroy, id_))

    def _extend(self, session_id: str, hours: int) -> None:
        self._call(
            f"extend by {hours} h",
            lambda deps: extending.extend(deps, self._caller, session_id, hours),
            lambda _answer: None,
        )

    def _stop(self, stop: Stop, session_id: str, tries: int = 1) -> None:
        """Until it is accepted; another stop counts as well."""

        def told(answer: Any) -> None:
            if isinstance(answer, Failure) and answer.error in _PASSING and tries < MOST_TRIES:
                self._scheduler.after(2 * SECOND, lambda: self._stop(stop, session_id, tries + 1))
            else:
                self.is_done = True

        self._call("stop", lambda deps: stop(deps, self._caller, session_id), told)

    def _call(
        self,
        what: str,
        body: Callable[[Deps], Any],
        told: Callable[[Any], None],
        function: str = API,
    ) -> None:
        deployment = self._deployment
        name = f"{self._rental.consumer_id}'s {what} {self.session_id}".strip()
        deployment.run(name, function, lambda: body(deployment.deps), told)


_SERVES_HTTP: dict[str, Any] = {
    "launch_mode": LaunchMode.ENTRYPOINT,
    "docker_image": "me/api",
    "exposed_ports": (8000,),
}
_PASSING = ("Lambda.Unknown", "ClientError", "Conflict", "ProviderNotUsable")
