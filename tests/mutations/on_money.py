"""Bugs that lose, invent or misstate money, or let an order say what is not so."""

from tests.mutations.mutant import Mutant

SETTLEMENT = "orders/settlement.py"
TRACKING = "tests/orders/test_tracking.py"
CANCELLATIONS = "tests/orders/test_cancellations.py"
PRICING = "tests/orders/test_pricing.py"
REFUNDS = "tests/simulation/test_refunds.py"
LEDGER = "tests/wallet/test_ledger.py"

MUTANTS = [
    Mutant(
        "settles_without_the_order_s_lock",
        SETTLEMENT,
        [("    WHERE o.id = {order_id}\n    FOR NO KEY UPDATE OF o\n", "    WHERE o.id = {order_id}\n")],
        (f"{REFUNDS}::test_two_runs_of_an_order_that_end_at_once",),
    ),
    Mutant(
        "refunds_when_cancellation_is_asked_for",
        "orders/cancellations.py",
        [
            (
                "        if run.state == RunState.QUEUED:",
                "        if run.state in (RunState.QUEUED, RunState.SUBMITTED):",
            )
        ],
        (f"{CANCELLATIONS}::test_asks_the_provider_and_refunds_what_it_reports",),
    ),
    Mutant(
        "refunds_what_may_still_come",
        SETTLEMENT,
        [("sum(run.remains for run in runs if run.state in FINAL_RUN_STATES)", "sum(run.remains for run in runs)")],
        (f"{TRACKING}::test_follows_an_order_to_its_end",),
    ),
    Mutant(
        "refunds_only_what_was_canceled",
        SETTLEMENT,
        [("if run.state in FINAL_RUN_STATES)", "if run.state == RunState.CANCELED)")],
        (f"{TRACKING}::test_refunds_what_was_not_delivered",),
    ),
    Mutant(
        "forgets_that_cancellation_was_asked_for",
        SETTLEMENT,
        [("    if Cancellation.objects.filter(order=order).exists():", "    if False:")],
        (f"{CANCELLATIONS}::test_stops_a_run_that_turns_out_not_to_have_left",),
    ),
    Mutant(
        "all_refunds_of_an_order_have_one_key",
        SETTLEMENT,
        [('key=f"refund:order:{order.pk}:{order.refund_count}"', 'key=f"refund:order:{order.pk}"')],
        (f"{TRACKING}::test_refunds_what_was_not_delivered",),
    ),
    Mutant(
        "each_refund_is_due_again",
        "orders/pricing.py",
        [("return max(due - refunded, ZERO)", "return max(due, ZERO)")],
        (f"{REFUNDS}::test_any_sequence_of_reports_gives_back_what_is_due",),
    ),
    Mutant(
        "refunds_are_rounded_up",
        "orders/pricing.py",
        [("round_down(charge * undelivered / quantity)", "round_half_up(charge * undelivered / quantity)")],
        (f"{REFUNDS}::test_any_sequence_of_reports_gives_back_what_is_due",),
    ),
    Mutant(
        "a_sale_may_be_free_by_rounding",
        "orders/pricing.py",
        [("    return max(amount, PLACES)", "    return amount")],
        (f"{PRICING}::test_charges_per_thousand",),
    ),
    Mutant(
        "the_last_run_of_a_split_is_short",
        "orders/pricing.py",
        [("quantity * i // runs - quantity * (i - 1) // runs", "quantity // runs")],
        (f"{PRICING}::test_splits_as_published",),
    ),
    Mutant(
        "no_guard_against_a_balance_below_zero",
        "wallet/ledger.py",
        [("            AND w.balance + %(change)s::numeric(20,5) >= 0\n", "")],
        (f"{LEDGER}::test_refuses_debit_above_balance",),
    ),
    Mutant(
        "the_database_takes_a_balance_below_zero",
        "wallet/migrations/0001_initial.py",
        [("condition=models.Q(('balance__gte', 0))", "condition=models.Q(('balance__gte', -1000000))")],
        (f"{LEDGER}::test_database_refuses_a_balance_below_zero",),
    ),
    Mutant(
        "one_event_may_be_posted_twice",
        "wallet/migrations/0001_initial.py",
        [
            (
                "models.UniqueConstraint(models.F('key'), name='entry_once_per_key')",
                "models.UniqueConstraint(models.F('key'), models.F('id'), name='entry_once_per_key')",
            )
        ],
        (f"{LEDGER}::test_posts_a_key_once",),
    ),
    Mutant(
        "money_moves_without_its_order",
        "wallet/ledger.py",
        [("    if not connection.in_atomic_block:", "    if False:")],
        (f"{LEDGER}::test_refuses_to_move_money_outside_a_transaction",),
    ),
    Mutant(
        "the_audit_believes_every_hash",
        "wallet/audit.py",
        [("CASE WHEN hash <> wallet_entry_hash(", "CASE WHEN false AND hash <> wallet_entry_hash(")],
        ("tests/wallet/test_audit.py::test_locates_a_rewritten_entry",),
    ),
    Mutant(
        "looks_at_the_balance_only_before_it_writes",
        "orders/placement.py",
        [("    if order_id is None:\n        raise InsufficientBalance\n", "    order_id = order_id or 0\n")],
        ("tests/orders/test_placement.py::test_refuses_when_the_balance_was_spent_a_moment_ago",),
    ),
    Mutant(
        "the_end_is_not_the_end",
        "orders/transitions.py",
        [
            (
                "S.COMPLETED: frozenset({S.PARTIAL, S.CANCELED})",
                "S.COMPLETED: frozenset({S.PARTIAL, S.CANCELED, S.IN_PROGRESS})",
            )
        ],
        ("tests/orders/test_transitions.py::test_database_holds_the_same_table",),
    ),
    Mutant(
        "the_database_takes_every_transition",
        "orders/migrations/0002_order_rules.py",
        [("FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE", "FOR EACH ROW WHEN (false) EXECUTE")],
        ("tests/orders/test_transitions.py::test_every_pair_by_raw_sql",),
    ),
    Mutant(
        "completed_as_soon_as_one_run_is",
        "orders/transitions.py",
        [("        if states == {S.COMPLETED}:", "        if S.COMPLETED in states:")],
        ("tests/orders/test_transitions.py::test_derives_the_public_status",),
    ),
    Mutant(
        "more_may_remain_than_was_ordered",
        "orders/tracking.py",
        [("return report.remains if 0 <= report.remains <= run.quantity else None", "return report.remains")],
        (f"{TRACKING}::test_leaves_out_reports_that_cannot_be",),
    ),
    Mutant(
        "two_may_decide_one_review",
        "orders/reviews.py",
        [("    if item.resolved_at is not None:", "    if False:")],
        ("tests/orders/test_reviews.py::test_refuses_a_second_decision",),
    ),
    Mutant(
        "staff_give_back_what_is_in_doubt",
        "orders/cancellations.py",
        [("        if any(run.state in IN_DOUBT for run in runs):", "        if False:")],
        (f"{CANCELLATIONS}::test_refuses_staff_while_a_run_is_in_doubt",),
    ),
]
