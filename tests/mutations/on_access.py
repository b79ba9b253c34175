"""Bugs that show or give a customer what is another's, or let a stranger in, or us out."""

from tests.mutations.mutant import Mutant

ISOLATION = "tests/api_v2/test_isolation.py"
NETWORK = "tests/providers/test_network.py"
CLIENT = "tests/providers/test_client.py"

MUTANTS = [
    Mutant(
        "anybody_cancels_anybody_s_order",
        "orders/settlement.py",
        [("WHERE o.id = %(order)s AND o.customer_id = %(customer)s AND", "WHERE o.id = %(order)s AND")],
        (ISOLATION,),
    ),
    Mutant(
        "anybody_sees_anybody_s_order",
        "api_v2/queries.py",
        [
            (
                "WHERE id = ANY(%(ids)s::bigint[]) AND customer_id = %(customer)s AND",
                "WHERE id = ANY(%(ids)s::bigint[]) AND",
            )
        ],
        (ISOLATION,),
    ),
    Mutant(
        "anybody_sees_anybody_s_refill",
        "api_v2/queries.py",
        [
            (
                "WHERE r.id = ANY(%(ids)s::bigint[]) AND o.customer_id = %(customer)s",
                "WHERE r.id = ANY(%(ids)s::bigint[])",
            )
        ],
        (ISOLATION,),
    ),
    Mutant(
        "a_revoked_key_is_accepted",
        "api_v2/authentication.py",
        [("WHERE k.digest = %(digest)s AND k.revoked_at IS NULL", "WHERE k.digest = %(digest)s")],
        ("tests/api_v2/test_keys.py::test_refuses_a_revoked_key_on_the_next_request",),
    ),
    Mutant(
        "a_key_that_dies_on_the_way_buys",
        "orders/placement.py",
        [
            (
                "WHERE id = %(api_key)s::bigint AND revoked_at IS NULL FOR SHARE",
                "WHERE id = %(api_key)s::bigint FOR SHARE",
            )
        ],
        ("tests/orders/test_placement.py::test_refuses_a_key_that_died_a_moment_ago",),
    ),
    Mutant(
        "the_suspended_buy",
        "orders/placement.py",
        [("    if buyer.is_suspended:", "    if False:")],
        ("tests/orders/test_placement.py::test_refuses_the_suspended_and_the_inactive",),
    ),
    Mutant(
        "any_number_of_keys",
        "accounts/api_keys.py",
        [("revoked_at=None).count() >= KEYS_MAX:", "revoked_at=None).count() >= KEYS_MAX * 1000:")],
        ("tests/accounts/test_api_keys.py::test_refuses_more_keys_than_anybody_needs",),
    ),
    Mutant(
        "no_rate_limit",
        "api_v2/throttling.py",
        [("    if not allowed:\n        raise RateLimitExceeded", "    if not allowed:\n        return")],
        ("tests/api_v2/test_throttling.py::test_a_backlog_of_six_thousand_is_refused_at_once",),
    ),
    Mutant(
        "keys_share_one_rate_limit",
        "api_v2/throttling.py",
        [('            f"throttle:{key_id}",', '            "throttle:all",')],
        ("tests/api_v2/test_throttling.py::test_keys_are_counted_apart",),
    ),
    Mutant(
        "calls_go_to_private_addresses",
        "providers/network.py",
        [("        if refused and not settings.PROVIDERS_ALLOW_PRIVATE:", "        if False:")],
        (f"{NETWORK}::test_no_spelling_gets_through",),
    ),
    Mutant(
        "only_the_first_address_of_a_name_is_checked",
        "providers/network.py",
        [
            (
                "[address for address in addresses if not is_public(address)]",
                "[address for address in addresses[:1] if not is_public(address)]",
            )
        ],
        (f"{NETWORK}::test_one_private_address_among_public_ones_is_enough",),
    ),
    Mutant(
        "a_wrapped_address_is_public",
        "providers/network.py",
        [("return is_public(str(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)))", "return True")],
        (f"{NETWORK}::test_private_whatever_it_is_wrapped_in",),
    ),
    Mutant(
        "redirects_are_followed",
        "providers/network.py",
        [
            (
                "            return _read(transport.handle_request(request), body_bytes_max)",
                """\
            answer = _read(transport.handle_request(request), body_bytes_max)
        return post(answer.location, fields, body_bytes_max=body_bytes_max) if answer.location else answer""",
            )
        ],
        (f"{NETWORK}::test_a_redirect_is_not_followed",),
    ),
    Mutant(
        "answers_of_any_size",
        "providers/network.py",
        [
            ("        if len(body) > body_bytes_max:", "        if False:"),
            ("        if self._line.bytes_left < 0:", "        if False:"),
        ],
        (f"{CLIENT}::test_evidence_says_what_came",),
    ),
    Mutant(
        "our_key_stands_in_the_evidence",
        "providers/client.py",
        [("            body = body.replace(spelling.encode(), MASK.encode())", "            pass")],
        ("tests/providers/test_keys.py::test_an_echoed_key_is_blacked_out",),
    ),
]
