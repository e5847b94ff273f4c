"""Stripe's own SDK calls the example `payments`, over a network that resets its connections: one charge a call."""

import collections
import concurrent.futures
import os
import subprocess
import sys
import urllib.parse

import stripe

from network import AFTER, BEFORE, DURING, HALF, Network

CALLS = 500
CONTROL = 60
AT_A_TIME = 50
# Longer than the SDK's first pause and the moment before a reset together, so that its next try finds the charge under way.
BANK_TAKES_MS = 1000
RETRIES = 8

# What befalls the tries of a call, one after another.
FATES = [
    [],
    [BEFORE],
    [DURING],
    [AFTER],
    [AFTER, BEFORE, AFTER],
    [BEFORE, DURING, AFTER],
]


def fates(body):
    """The name of a request's call and the faults it meets, which are known by its number, or spelt out."""
    fields = dict(urllib.parse.parse_qsl(body.decode()))
    call = fields.get("metadata[call]")
    if call is None:
        return None
    spelt_out = fields.get("metadata[fault]")
    return call, [spelt_out] if spelt_out else FATES[number(call) % len(FATES)]


def number(call):
    return int(call.rpartition("-")[2])


def client(url, key="sk_test_shop"):
    return stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=RETRIES)


def charge(sdk, call, key=None, **more):
    params = {"amount": 100 + number(call), "currency": "eur", "source": "tok_visa", "metadata": {"call": call}}
    params.update(more)
    return sdk.v1.charges.create(params, {"idempotency_key": key} if key else {})


def charge_all(sdk, calls):
    with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
        return dict(zip(calls, pool.map(lambda call: charge(sdk, call), calls)))


def charges_of(sdk):
    """All that the service has charged, by the call that it was charged for."""
    found = collections.defaultdict(list)
    for made in sdk.v1.charges.list().auto_paging_iter():
        found[made.metadata["call"]].append(made)
    return found


def not_once(sdk, calls, told):
    """The calls that have not made one charge, or were told of another."""
    made = charges_of(sdk)
    return [
        call
        for call in calls
        if [(one.id, one.amount, one.status) for one in made[call]] != [(told[call].id, 100 + number(call), "succeeded")]
    ]


def expect(truth, what):
    if not truth:
        sys.exit(f"not so: {what}")


def five_hundred_calls(service, direct):
    network = Network(service, fates)
    calls = [f"call-{at}" for at in range(CALLS)]
    told = charge_all(client(network.url), calls)
    wrong = not_once(direct, calls, told)
    expect(not wrong, f"one charge a call; wrong are {wrong}")
    expect(all(told[call].metadata["call"] == call for call in calls), "each call got its own charge")
    expect(all(len(network.keys[call]) == 1 for call in calls), "the SDK keeps a call's key")
    planned = collections.Counter(fault for call in calls for fault in FATES[number(call) % len(FATES)])
    expect(network.met == planned, f"every fault was met: {network.met}, planned {planned}")
    expect(network.statuses[409] > 0, "some tries found the charge under way")
    expect(network.replays > 0, "some answers were replays")
    tries = sum(network.tries.values())
    print(f"{CALLS} calls, {tries} tries, {CALLS} charges")
    print(f"  resets: {dict(network.met)}; answers: {dict(network.statuses)}, {network.replays} of them replays")


def fresh_keys_charge_twice(service, direct):
    """The control: what is counted above would be seen."""
    network = Network(service, fates, fresh_keys=True)
    calls = [f"control-{at}" for at in range(CONTROL)]
    told = charge_all(client(network.url), calls)
    wrong = not_once(direct, calls, told)
    lost = [call for call in calls if {DURING, AFTER} & set(FATES[number(call) % len(FATES)])]
    expect(wrong == lost, f"with a fresh key a try, each call whose answer is lost charges again: {wrong} of {lost}")
    print(f"control, a fresh key each try: {len(wrong)} of {CONTROL} calls charged more than once, as they should")


def raised(kind, call):
    try:
        call()
    except stripe.StripeError as error:
        expect(type(error) is kind, f"{kind.__name__}, not {error!r}")
        return error
    return sys.exit(f"not so: {kind.__name__} is raised")


def errors_are_understood(service, direct):
    network = Network(service, fates)
    sdk = client(network.url)
    first = charge(sdk, "errors-0", key="k0")
    error = raised(stripe.IdempotencyError, lambda: charge(sdk, "errors-0", key="k0", amount=1))
    expect(error.error.code == "key_reused", error)
    expect(network.tries["errors-0"] == 2, "a key that is reused is not tried again")

    for key in ["sk_test_shop", "sk_test_shop_new"]:
        again = charge(client(network.url, key), "errors-0", key="k0")
        expect(again.id == first.id, "a retry gets the charge, whichever of its account's keys it is sent with")
        expect(again.last_response.headers["idempotent-replayed"] == "true", "the SDK shows a replay")
        expect(again.last_response.idempotency_key == "k0", "the SDK shows the key")
    reordered = {"metadata": {"call": "errors-0"}, "source": "tok_visa", "currency": "eur", "amount": 100}
    again = sdk.v1.charges.create(reordered, {"idempotency_key": "k0"})
    expect(again.id == first.id, "the order of fields does not count")

    for _ in range(2):
        error = raised(stripe.CardError, lambda: charge(sdk, "errors-6", key="k6", source="tok_chargeDeclined"))
        expect(error.code == "card_declined", error)
    error = raised(stripe.APIError, lambda: charge(sdk, "errors-12", key="k12", source="tok_silent"))
    expect(error.http_status == 500 and network.tries["errors-12"] == 1, "an outcome that is stored is not tried again")
    raised(stripe.InvalidRequestError, lambda: charge(sdk, "errors-18", amount="ten"))
    raised(stripe.AuthenticationError, lambda: charge(client(network.url, "sk_wrong"), "errors-24"))

    lost = {"call": "errors-30", "fault": HALF}
    raised(stripe.APIConnectionError, lambda: charge(sdk, "errors-30", key="k30", metadata=lost))
    expect(network.tries["errors-30"] == 1, "the SDK does not try again by itself when an answer breaks off")
    charge(sdk, "errors-30", key="k30", metadata=lost)
    made = {call: len(charges) for call, charges in charges_of(direct).items() if call.startswith("errors-")}
    expect(made == {"errors-0": 1, "errors-6": 1, "errors-12": 1, "errors-30": 1}, made)
    print("errors: as the SDK's own, none tried again in vain")


def main():
    settings = {**os.environ, "PORT": "0", "BANK_TAKES_MS": str(BANK_TAKES_MS)}
    with subprocess.Popen(sys.argv[1:], env=settings, stdout=subprocess.PIPE, text=True) as program:
        try:
            url = program.stdout.readline().removeprefix("Listening on ").strip()
            host, _, port = url.removeprefix("http://").partition(":")
            for scene in [five_hundred_calls, fresh_keys_charge_twice, errors_are_understood]:
                scene((host, int(port)), client(url))
        finally:
            program.kill()


main()
