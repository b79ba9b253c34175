"""Bugs by which one person moves what two should look at, or that the log does not tell of."""

from tests.mutations.mutant import Mutant

REGISTRY = "staff/operations/registry.py"
APPROVALS = "tests/staff/test_approvals.py"
BULK = "tests/staff/test_bulk.py"
GIFTS = "tests/admin/test_gifts.py"
LOSSES = "tests/staff/test_losses.py"
PAYMENTS = "tests/staff/test_payments.py"

MUTANTS = [
    Mutant(
        "any_amount_by_one_person",
        REGISTRY,
        [("    return is_too_much(amount, actor=actor) or operation", "    return operation")],
        (f"{APPROVALS}::test_debit_waits_above_the_threshold",),
    ),
    Mutant(
        "one_person_credits_by_hand",
        REGISTRY,
        [(" or operation.is_manual_credit(subject_ids, arguments)", "")],
        (f"{APPROVALS}::test_credit_by_hand_waits_however_small",),
    ),
    Mutant(
        "moves_more_than_was_weighed",
        REGISTRY,
        [("        if moved > amount:", "        if False:")],
        (f"{APPROVALS}::test_what_moves_more_than_was_weighed_is_undone",),
    ),
    Mutant(
        "approves_ones_own",
        "staff/approvals.py",
        [("        if approval.requested_by_id == actor.pk:", "        if False:")],
        (f"{APPROVALS}::test_nobody_approves_their_own",),
    ),
    Mutant(
        "approves_what_is_older_than_a_week",
        "staff/approvals.py",
        [(" or approval.requested_at < timezone.now() - EXPIRES_AFTER", "")],
        (f"{APPROVALS}::test_expires_after_a_week",),
    ),
    Mutant(
        "approves_more_than_was_asked_for",
        "staff/bulk.py",
        [("    if amount > asked * ROOM:", "    if False:")],
        (f"{APPROVALS}::test_refuses_what_has_outgrown_what_was_asked",),
    ),
    Mutant(
        "a_job_weighs_each_for_itself",
        "staff/bulk.py",
        [("check_outgrown(job.moved + amount, asked=job.amount)", "check_outgrown(amount, asked=job.amount)")],
        (f"{BULK}::test_approved_job_moves_no_more_than_was_approved",),
    ),
    Mutant(
        "a_job_is_approved_as_it_was",
        "staff/bulk.py",
        [("    waiting = job.items.filter(", "    waiting = job.items.none().filter(")],
        (f"{BULK}::test_job_that_has_outgrown_what_was_asked_is_not_approved",),
    ),
    Mutant(
        "approves_more_than_the_customer_said",
        "staff/operations/payments.py",
        [("payment.is_open and received <= payment.amount", "payment.is_open")],
        (f"{PAYMENTS}::test_more_than_a_customer_said_is_a_credit_by_hand",),
    ),
    Mutant(
        "one_transfer_by_two_doors",
        "payments/crediting.py",
        [("is_by_hand=payment.gateway.kind == GatewaySettings.Kind.MANUAL", "is_by_hand=False")],
        (f"{PAYMENTS}::test_one_transfer_is_credited_by_one_door",),
    ),
    Mutant(
        "a_payment_is_rejected_while_it_is_credited",
        "staff/operations/payments.py",
        [("Payment.objects.select_for_update().filter(", "Payment.objects.filter(")],
        (f"{PAYMENTS}::test_a_payment_is_not_rejected_between_looking_and_crediting",),
    ),
    Mutant(
        "decides_about_money_of_ones_own",
        REGISTRY,
        [("        if settings.FOUR_EYES and moves_money_of(", "        if False and moves_money_of(")],
        (f"{APPROVALS}::test_nobody_decides_about_money_of_their_own",),
    ),
    Mutant(
        "weighs_each_run_of_an_order_by_itself",
        "staff/operations/reviews.py",
        [("        undelivered[order_id] += remains", "        pass")],
        (f"{APPROVALS}::test_runs_that_share_a_charge_unevenly_are_refunded_to_the_last",),
    ),
    Mutant(
        "losses_weigh_nothing",
        "orders/routing.py",
        [("        total += max(losses)", "        total += ZERO")],
        (f"{LOSSES}::test_a_large_loss_needs_a_second_person",),
    ),
    Mutant(
        "losses_of_a_day_do_not_add_up",
        REGISTRY,
        [("amount=(amount if operation.weighs_loss else moved) or None", "amount=moved or None")],
        (f"{LOSSES}::test_small_losses_add_up_to_a_large_one",),
    ),
    Mutant(
        "switches_on_what_was_changed_meanwhile",
        "payments/gifts.py",
        [("        if gift.terms != terms:", "        if False:")],
        (f"{GIFTS}::test_what_was_changed_while_it_waited_is_not_switched_on",),
    ),
    Mutant(
        "new_coupons_are_on",
        "payments/admin/gifts.py",
        [("            obj.is_active = False\n", "            obj.is_active = True\n")],
        (f"{GIFTS}::test_new_ones_are_off_whatever_is_sent",),
    ),
    Mutant(
        "raises_a_coupon_that_is_on",
        "payments/admin/gifts.py",
        [("        if lock_gift(self.model, obj.pk).is_active and set(form", "        if False and set(form")],
        (f"{GIFTS}::test_form_of_before_it_was_switched_on_changes_nothing",),
    ),
    Mutant(
        "writes_down_in_another_transaction",
        "panel/admin_actions.py",
        [
            (
                "            with transaction.atomic(durable=True):\n                obj.refresh",
                "            if True:\n                obj.refresh",
            )
        ],
        ("tests/admin/test_users.py::test_what_cannot_be_written_down_is_not_done",),
    ),
]
