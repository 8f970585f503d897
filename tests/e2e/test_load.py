"""Several clients that rent, look, list and end at the same time, while the sweeps run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from bench.load import Client, lost, sweeping, warmed
from tests.e2e.renting import Renting
from tests.e2e.stories import told_by

CLIENTS, ROUNDS, LOOKS = 3, 2, 4


def crowded(renting: Renting) -> list[tuple[Client, set[str]]]:
    """Each client, and what it has lost."""
    clients = [
        Client(renting.consumer(), lambda: str(renting.offer()["id"])) for _ in range(CLIENTS)
    ]

    warmed(clients)

    def go_round(client: Client) -> None:
        for _ in range(ROUNDS):
            client.round(LOOKS)

    with sweeping(renting.live.functions), ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(go_round, clients))
    return [(client, lost(client)) for client in clients]


@told_by(crowded)
def test_under_load_nothing_breaks_nothing_is_lost_and_nobody_is_throttled(
    told: list[tuple[Client, set[str]]],
) -> None:
    """M-5, M-45: every answer is a good one; what was made is found and listed, and ends."""
    answers = [one for client, _ in told for one in client.answers]
    assert {one.status for one in answers} == {200, 201, 202}
    assert [len(client.made) for client, _ in told] == [ROUNDS] * CLIENTS
    assert [len(client.ended) for client, _ in told] == [ROUNDS] * CLIENTS
    assert set[str]().union(*(gone for _, gone in told)) == set()
