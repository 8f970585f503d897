"""Vast.ai as one provider of the simulator: its routes, key check and market."""

from __future__ import annotations

from typing import Any

from simulator.checks import BadField
from simulator.clock import Clock
from simulator.fleet import Birth
from simulator.instances import Fate, Instance
from simulator.vastai import errors, offers, rental
from simulator.vastai.account import Account
from simulator.vastai.book import Book
from simulator.vastai.churn import Churn
from simulator.vastai.keys import Keys
from simulator.vastai.logs import Logs
from simulator.vastai.machines import Ask
from simulator.vastai.market import generate
from simulator.vastai.reads import Reads
from simulator.vastai.renting import Renting
from simulator.vastai.search import Search
from simulator.wire import Call, Reply, Route
from simulator.world import World

_NO_CAPACITY = "Required resources are currently unavailable"


class VastAi:
    """The market, the instances and the account, over HTTP at the root."""

    name = "vastai"
    prefix = ""
    paths_end_in_slash = True

    def __init__(self, world: World) -> None:
        self.world = world
        self.refusals = errors.Refusals()
        self.account = Account(self)
        self.keys = Keys(self)
        self.renting = Renting(self)
        self._logs = Logs(self)
        self._churn = Churn(self)
        self.routes: list[Route] = [
            *Search(self).routes,
            *self.renting.routes,
            *Reads(self).routes,
            *self.keys.routes,
            *self._logs.routes,
            *self.account.routes,
        ]
        world.fleet.hooks(self.name, released=self._released, retaken=self._retaken)

    @property
    def clock(self) -> Clock:
        """The simulator's time."""
        return self.world.clock

    def restart(self, seed: int, offers: int) -> None:
        """A fresh market and no keys."""
        self.book = Book(generate(offers, seed))
        self.market_s = self.clock.now_s()
        self.refusals = errors.Refusals()
        self.keys.clear()
        self._logs.clear()
        self._churn.restart(seed)

    def knobs_changed(self) -> None:
        """The market begins to move, or stops."""
        self._churn.rearm()

    def ask_of(self, instance: Instance) -> Ask:
        """The offer behind a rented machine; it stays known when it left the market."""
        ask = self.book.get(int(instance.offer_id))
        if ask is None:
            raise LookupError(f"offer {instance.offer_id} was never on this market")
        return ask

    def offer_facts(self, call: Call) -> tuple[str | None, str | None]:
        """(offer id, GPU name) of a create, from its path."""
        text = call.args.get("ask_id")
        if text is None:
            return None, None
        ask = self.book.get(int(text)) if text.isdecimal() else None
        return text, ask.machine.model.name if ask else None

    def label_asked(self, body: Any) -> str | None:
        """The label in the body of a create, as far as there is one."""
        label = body.get("label") if isinstance(body, dict) else None
        return label if isinstance(label, str) else None

    def refuse_key(self, call: Call) -> Reply | None:
        """403 without a key, 404 with one that is not among the required ones."""
        key = _key(call)
        if not key:
            return errors.no_key()
        allowed = self.world.knobs.keys(self.name)
        return None if allowed is None or key in allowed else errors.wrong_key()

    def refusal(self, status: int) -> Reply:
        """An error of that status."""
        return self.refusals.of(status)

    def ok_with_error(self, status_in_body: int, text: str) -> Reply:
        """200 with success:false."""
        return errors.failed_in_body(status_in_body, text)

    def no_capacity(self, status: int | None, text: str | None) -> Reply:
        """A create refused although the ask is listed."""
        return errors.error(status or 400, "no_capacity", text or _NO_CAPACITY)

    def not_found(self, call: Call) -> Reply:
        """No such path."""
        return errors.error(404, "not_found", f"{call.method} {call.path} does not exist")

    def offer_counts(self) -> dict[str, int]:
        """All listed asks, and those that can be rented."""
        return offers.counts(self.book)

    def show_offers(self) -> list[dict[str, Any]]:
        """Every listed ask in short."""
        return offers.shown(self.book)

    def change_offers(self, body: Any) -> None:
        """Add, remove or set offers. Raises BadField."""
        offers.change(self.book, body)

    def reprice_offer(self, offer_id: str, factor: float) -> None:
        """Multiply the GPU price of an ask."""
        ask = self.book.get(int(offer_id)) if offer_id.isdecimal() else None
        if ask is not None:
            self.book.reprice(ask, round(ask.dph_base * factor, 6))

    def plant(self, label: str, gpu_type: str | None, price_usd: float | None) -> Instance:
        """A machine on a free offer of that GPU; no boot. Raises BadField."""
        ask = offers.free_ask(self.book, gpu_type)
        if ask is None:
            raise BadField("gpu_type", f"no rentable offer of {gpu_type!r}")
        body = {"image": "planted", "label": label, "disk": 10, "price": price_usd}
        instance = self.rent(ask, rental.birth(ask, body, boot=()), None)
        self.world.fleet.show_status(instance, "running")
        return instance

    def rent(self, ask: Ask, birth: Birth, fate: Fate | None) -> Instance:
        """Take the offer, and every overlapping one, off the market."""
        ask.machine.taken.update(ask.gpu_ids)
        return self.world.fleet.create(birth, fate)

    def _released(self, instance: Instance) -> None:
        ask = self.ask_of(instance)
        ask.machine.taken.difference_update(ask.gpu_ids)

    def _retaken(self, instance: Instance) -> None:
        ask = self.ask_of(instance)
        ask.machine.taken.update(ask.gpu_ids)


def _key(call: Call) -> str:
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return call.query.get("api_key", "")
