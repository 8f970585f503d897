import tests.usecases.test_random_lives as t
from tests.usecases.test_random_lives import *
orig=t._compare_costs
def shown(world):
    orig(world)
    print("TOTALS", {n: total(world,n) for n in [*t.EVENTS,"RetryAttempts","SshVerifyFailures","ProviderErrors","CostAccrued"]}, t.stored(world)["provider_unavailable"])
t._compare_costs=shown
