"""One machine at a provider: what it does, what is seen of it, and what it costs by the second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gpu_shopper.core.instances import Health, HostPort, Instance, SshAddress
from gpu_shopper.core.polling import ApiTry, SshResult, SshTry
from tests.simulation.scheduler import SECOND

NEVER = 1 << 60

type Span = tuple[int, int]
"""From, until (milliseconds)."""

NO_SPAN: Span = (NEVER, NEVER)


def within(now_ms: int, span: Span) -> bool:
    """True from the span's beginning to just before its end."""
    return span[0] <= now_ms < span[1]


@dataclass(kw_only=True)
class Nature:
    """How a machine will behave; drawn when it is rented. Milliseconds from its creation."""

    unseen_ms: int = 0  # neither listed nor found so long
    unlisted_ms: int = 0  # not listed so long
    boots_ms: int = 20 * SECOND  # shown as loading so long; NEVER: stuck
    ssh_opens_ms: int = 25 * SECOND
    keys_ms: int = 30 * SECOND  # keys given work from then on
    fails_ms: int = NEVER  # stops by itself, and is billed all the same
    vanishes_ms: int = NEVER  # ends by itself
    new_host_key_ms: int = NEVER
    start_up_ms: int = 0  # start-up commands, which install a host key, have run so long after
    moves_ms: int = NEVER  # gets another address
    unlisted: Span = NO_SPAN  # hidden from listings meanwhile
    unfound: Span = NO_SPAN  # a lookup says that it does not exist
    blinks: tuple[Span, ...] = ()  # neither listed nor found, for less than half a minute
    odd_words: Span = NO_SPAN  # shown with a word that nobody knows
    deaf: int = 0  # requests to end it that are accepted and forgotten
    deaf_until_ms: int = 0  # from creation: every such request is forgotten
    stops_first: bool = False  # the first request only stops it; it is billed on
    ending_ms: int = 2 * SECOND  # from the request that works to the end
    lingers_ms: int = 0  # shown as ended so long after its end
    comes_back_ms: int | None = None  # so long after its end it is there again, and billed
    ssh_trouble: tuple[SshResult, ...] = ()  # what the first logins come to
    price_factor_percent: int = 100

    @property
    def turns_ms(self) -> list[int]:
        """When it stops being what it was: what is quiet until then must be watched again."""
        spans = (self.unlisted, self.unfound, self.odd_words, *self.blinks)
        turns = (self.vanishes_ms, self.fails_ms, self.moves_ms, *(begins for begins, _ in spans))
        return [at_ms for at_ms in turns if at_ms < NEVER]


@dataclass(kw_only=True, eq=False)
class Machine:
    """A machine, from the provider's side."""

    id: str
    provider: str
    label: str | None
    created_ms: int
    price_microusd_per_hour: int
    address: SshAddress
    nature: Nature = field(default_factory=Nature)
    keys: set[str] = field(default_factory=set)
    paid: list[Span] = field(default_factory=list)
    is_ours: bool = True
    gone_ms: int = NEVER
    stopped_ms: int = NEVER
    ending_at_ms: int = NEVER
    ignored: int = 0
    returned_ms: int | None = None
    host_key: str = ""
    brought_host_key: str | None = None
    exposed_ports: tuple[int, ...] = ()
    login_tries: int = 0

    def is_alive(self, now_ms: int) -> bool:
        """True while it exists, and is billed."""
        return now_ms < self.gone_ms

    def age_ms(self, now_ms: int) -> int:
        """Since its creation."""
        return now_ms - self.created_ms

    def _is_seen(self, now_ms: int) -> bool:
        lasts = now_ms < self.gone_ms + self.nature.lingers_ms
        return lasts and self.age_ms(now_ms) >= self.nature.unseen_ms and not self.blinks(now_ms)

    def blinks(self, now_ms: int) -> bool:
        """True while it is there and nothing shows it."""
        return any(within(self.age_ms(now_ms), span) for span in self.nature.blinks)

    def surprises(self, now_ms: int) -> bool:
        """True when it blinked or came back in the last minute: who looked before may write now."""
        back = self.returned_ms is not None and now_ms < self.returned_ms + 60 * SECOND
        age = self.age_ms(now_ms)
        return back or any(a <= age <= b + 60 * SECOND for a, b in self.nature.blinks)

    def has_deceived(self, now_ms: int) -> bool:
        """True when it came back, or blinked: its end may have been proven, rightly, before."""
        age = self.age_ms(now_ms)
        return self.returned_ms is not None or any(a <= age for a, _ in self.nature.blinks)

    def is_listed(self, now_ms: int) -> bool:
        """Whether a complete listing holds it now."""
        age = self.age_ms(now_ms)
        hidden = age < self.nature.unlisted_ms or within(age, self.nature.unlisted)
        return self._is_seen(now_ms) and not hidden

    def is_found(self, now_ms: int) -> bool:
        """Whether a lookup of its id finds it now."""
        return self._is_seen(now_ms) and not within(self.age_ms(now_ms), self.nature.unfound)

    def health(self, now_ms: int) -> Health:
        """What its status means to us."""
        age = self.age_ms(now_ms)
        if within(age, self.nature.odd_words):
            return Health.UNKNOWN
        if not self.is_alive(now_ms) or now_ms >= self.stopped_ms or age >= self.nature.fails_ms:
            return Health.FAILED
        return Health.UP if age >= self.nature.boots_ms else Health.WAIT

    def shown(self, now_ms: int) -> Instance:
        """As the adapter gives it to the product."""
        health = self.health(now_ms)
        return Instance(
            id=self.id,
            provider=self.provider,
            label=self.label,
            health=health,
            status=health.value,
            price_microusd_per_hour=self.price_microusd_per_hour,
            ssh=self.address_at(now_ms) if health is Health.UP else None,
            port_map={
                port: HostPort(self.address.host, 20_000 + self.address.port)
                for port in self.exposed_ports
            },
        )

    def address_at(self, now_ms: int) -> SshAddress:
        """Where it answers; it may move once."""
        if self.age_ms(now_ms) < self.nature.moves_ms:
            return self.address
        return SshAddress(self.address.host, self.address.port + 10_000, self.address.user)

    def host_key_at(self, age_ms: int) -> str:
        """The key that it shows: its own, then the one that we brought, perhaps another later."""
        if age_ms >= self.nature.new_host_key_ms:
            return f"{self.host_key}-new"
        started = age_ms >= self.nature.start_up_ms
        return (self.brought_host_key if started else None) or self.host_key

    def is_doing_well(self, now_ms: int) -> bool:
        """Up, seen everywhere, and not about to end."""
        seen = self.is_listed(now_ms) and self.is_found(now_ms)
        return seen and self.health(now_ms) is Health.UP and self.ending_at_ms == NEVER

    def answer(self, now_ms: int) -> ApiTry:
        """What a request to its own server comes to."""
        if not self.is_alive(now_ms) or self.age_ms(now_ms) < self.nature.ssh_opens_ms:
            return ApiTry(failure=SshResult.CONNECTION_REFUSED)
        self.login_tries += 1
        late = self.login_tries <= len(self.nature.ssh_trouble)
        return ApiTry(status=503 if late else 200)

    def login(
        self, address: SshAddress, open_key: Callable[[], str], pinned: str | None, now_ms: int
    ) -> SshTry:
        """What one try to log in comes to."""
        age = self.age_ms(now_ms)
        if not self.is_alive(now_ms) or address != self.address_at(now_ms):
            return SshTry(SshResult.TIMEOUT)
        if age < self.nature.ssh_opens_ms or self.health(now_ms) is Health.FAILED:
            return SshTry(SshResult.CONNECTION_REFUSED)
        host_key = self.host_key_at(age)
        if pinned not in (None, host_key):
            return SshTry(SshResult.HOST_KEY_CHANGED, host_key)
        self.login_tries += 1
        if self.login_tries <= len(self.nature.ssh_trouble):
            result = self.nature.ssh_trouble[self.login_tries - 1]
            closed = result is SshResult.CONNECTION_CLOSED
            return SshTry(result, None if closed else host_key)
        knows = open_key() in self.keys and age >= self.nature.keys_ms
        return SshTry(SshResult.READY if knows else SshResult.AUTH_FAILED, host_key)
