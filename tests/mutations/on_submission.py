"""Bugs that send twice, send at a loss, lose runs, or decide what nobody knows."""

from tests.mutations.mutant import Mutant

SUBMISSION = "orders/submission.py"
TESTS = "tests/orders/test_submission.py"
LATE = "tests/orders/test_late_acceptances.py"
TAKING = "tests/orders/test_taking.py"
POLLING = "tests/orders/test_polling.py"
ROUTING = "tests/orders/test_routing.py"
PLACES = "orders/places.py"
OF_PLACES = "tests/orders/test_places.py"

MUTANTS = [
    Mutant(
        "the_intent_is_not_committed_before_the_call",
        SUBMISSION,
        [
            (
                """    claim = claim_next()
    if claim is None:
        return False
    checkpoints.reached("after_claim")
    send(claim)
    return True
""",
                """    with transaction.atomic():
        claim = claim_next()
        if claim is None:
            return False
        checkpoints.reached("after_claim")
        send(claim)
    return True


class _Joining:
    def __getattr__(self, name):
        return getattr(_transaction, name)

    def atomic(self, **_):
        return _transaction.atomic()


_transaction, transaction = transaction, _Joining()
""",
            )
        ],
        ("tests/simulation/test_crash_table.py::test_a_worker_that_dies_while_it_sends[None]",),
    ),
    Mutant(
        "no_unique_attempt",
        "orders/migrations/0001_initial.py",
        [
            (
                "Q(('state__in', ['in_flight', 'accepted', 'unknown'])), name='attempt_one_live_per_run'",
                "Q(('state__in', ['no such state'])), name='attempt_one_live_per_run'",
            )
        ],
        (f"{TESTS}::test_database_allows_one_live_attempt_per_run",),
    ),
    Mutant(
        "claims_without_locks",
        SUBMISSION,
        [
            ("\nFOR NO KEY UPDATE OF p\n", "\n"),
            ("\nFOR UPDATE OF r SKIP LOCKED\n", "\n"),
        ],
        (f"{TESTS}::test_racing_workers_send_each_run_once",),
    ),
    Mutant(
        "what_turns_out_to_be_there_is_sent_again",
        SUBMISSION,
        [("elif _is_there_after_all(claim, order, run, attempt):", "elif False:")],
        (f"{LATE}::test_one_that_waits_goes_on_under_the_providers_id",),
    ),
    Mutant(
        "a_late_acceptance_takes_over_what_was_canceled",
        SUBMISSION,
        [("Attempt.State.ABSENT and run.state == RunState.QUEUED\n", "Attempt.State.ABSENT\n")],
        (f"{LATE}::test_one_that_was_canceled_meanwhile_stays_so",),
    ),
    Mutant(
        "a_late_acceptance_delivers_to_the_wrong_link",
        SUBMISSION,
        [("    return waits and order.link == claim.run.order.link\n", "    return waits\n")],
        (f"{LATE}::test_one_whose_link_was_corrected_meanwhile_is_sent_again",),
    ),
    Mutant(
        "whatever_was_absent_may_be_accepted",
        "orders/migrations/0016_accepted_after_all.py",
        [(" AND r.state = 'submitting' AND r.provider_id = NEW.provider_id", "")],
        ("tests/orders/test_rules.py::test_what_was_absent_is_accepted_only_of_a_run_that_is_being_submitted_there",),
    ),
    Mutant(
        "the_same_held_runs_are_looked_at_each_time",
        "orders/walks.py",
        [("page[-1] if len(page) == PAGE else (0, None)", "(0, None)")],
        ("tests/orders/test_walks.py::test_the_held_run_that_is_last_gets_its_turn",),
    ),
    Mutant(
        "a_walk_never_ends_while_more_comes",
        "orders/walks.py",
        [("ELSE w.until END", "ELSE excluded.until END")],
        ("tests/orders/test_walks.py::test_a_walk_ends_although_more_is_held_all_the_time",),
    ),
    Mutant(
        "all_wait_for_a_provider_that_somebody_keeps",
        SUBMISSION,
        [
            (
                "FROM set_config('lock_timeout', %(patience)s, true), providers",
                "FROM (SELECT %(patience)s) unused, providers",
            )
        ],
        (f"{TESTS}::test_a_provider_that_somebody_keeps_locked_keeps_no_other_waiting",),
    ),
    Mutant(
        "each_claim_waits_for_a_provider_that_somebody_keeps",
        SUBMISSION,
        [("            _passed_over_at[provider_id] = time.monotonic()\n", "")],
        (f"{TESTS}::test_a_provider_that_somebody_keeps_locked_keeps_no_other_waiting",),
    ),
    Mutant(
        "ambiguous_is_not_sent",
        SUBMISSION,
        [("    except NotSent as error:", "    except (NotSent, Ambiguous) as error:")],
        (f"{TESTS}::test_sends_to_review_what_nobody_knows",),
    ),
    Mutant(
        "refuses_what_is_ambiguous",
        SUBMISSION,
        [("    except Refused as error:", "    except (Refused, Ambiguous) as error:")],
        (f"{TESTS}::test_sends_to_review_what_nobody_knows",),
    ),
    Mutant(
        "a_bug_of_ours_counts_as_not_sent",
        SUBMISSION,
        [
            (
                """partial(record_unknown, claim.attempt.pk, evidence=f"{type(error).__name__}: {error}")""",
                """partial(record_not_sent, claim, evidence=f"{type(error).__name__}: {error}")""",
            )
        ],
        (f"{TESTS}::test_sends_to_review_what_nobody_knows",),
    ),
    Mutant(
        "resends_what_a_dead_worker_left",
        SUBMISSION,
        [
            (
                "            _end_lease(attempt_id)\n",
                '            record_not_sent(Claim(Attempt(pk=attempt_id), None, None, 0.0), evidence="")\n',
            )
        ],
        (f"{TESTS}::test_expires_what_a_dead_worker_left",),
    ),
    Mutant(
        "refunds_unknown",
        SUBMISSION,
        [
            (
                """    _finish(attempt, Attempt.State.UNKNOWN, evidence=evidence)
    settlement.move_run(run, RunState.UNKNOWN)
    dripfeed.keep_interval(order, sent_at=attempt.started_at)
    reviews.open_review(attempt, run=run)""",
                """\
    _finish(attempt, Attempt.State.REJECTED, evidence=evidence)
    settlement.move_run(run, RunState.REJECTED, remains=run.quantity)
    settlement.settle(order)""",
            )
        ],
        (f"{TESTS}::test_sends_to_review_what_nobody_knows",),
    ),
    Mutant(
        "opens_no_review",
        SUBMISSION,
        [("    reviews.open_review(attempt, run=run)\n", "")],
        (f"{TESTS}::test_expires_what_a_dead_worker_left",),
    ),
    Mutant(
        "falls_over_after_unknown",
        SUBMISSION,
        [
            (
                "partial(record_unknown, claim.attempt.pk, evidence=error.evidence)",
                "partial(record_deferred, claim, evidence=error.evidence, retry_after=RETRY_FIRST)",
            )
        ],
        (f"{ROUTING}::test_never_falls_over_when_nobody_knows",),
    ),
    Mutant(
        "sends_however_late_it_wakes_up",
        SUBMISSION,
        [("    if time.monotonic() - claim.made_at > START_WITHIN_SECONDS:", "    if False:")],
        (f"{TESTS}::test_a_worker_that_wakes_up_too_late_sends_nothing",),
    ),
    Mutant(
        "a_frozen_worker_keeps_its_locks",
        "panel/settings.py",
        [
            (
                'f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s {_server_options}"',
                "_server_options",
            )
        ],
        ("tests/panel/test_settings.py::test_who_stands_still_in_a_transaction_is_thrown_out",),
    ),
    Mutant(
        "who_was_thrown_out_blames_the_run",
        "panel/errors.py",
        [("error.__cause__, IdleInTransactionSessionTimeout", "error.__cause__, ()")],
        (
            f"{TESTS}::test_a_worker_that_stood_still_in_a_claim_blames_no_run",
            f"{TESTS}::test_a_worker_that_stood_still_while_it_recorded_records_again",
        ),
    ),
    Mutant(
        "a_call_outlives_its_lease",
        SUBMISSION,
        [("LEASE = timedelta(seconds=36)", "LEASE = timedelta(seconds=30)")],
        ("tests/providers/test_client.py::test_a_whole_call_fits_into_a_lease",),
    ),
    Mutant(
        "a_late_answer_undoes_a_decision",
        SUBMISSION,
        [("            elif attempt.state != Attempt.State.IN_FLIGHT:", "            elif False:")],
        (f"{TESTS}::test_a_late_answer_does_not_undo_what_a_person_decided",),
    ),
    Mutant(
        "an_acceptance_recorded_twice_is_a_double_delivery",
        SUBMISSION,
        [("if attempt.state == Attempt.State.ACCEPTED and run.provider_order == provider_order:", "if False:")],
        (f"{TESTS}::test_an_acceptance_recorded_twice_is_no_double_delivery",),
    ),
    Mutant(
        "a_late_failure_sends_again",
        SUBMISSION,
        [
            (
                """        if attempt.state == Attempt.State.IN_FLIGHT:
            _finish(attempt, Attempt.State.NOT_SENT""",
                """\
        if attempt.state == Attempt.State.UNKNOWN:
            settlement.move_run(run, RunState.QUEUED)
        if attempt.state == Attempt.State.IN_FLIGHT:
            _finish(attempt, Attempt.State.NOT_SENT""",
            )
        ],
        (f"{TESTS}::test_late_failures_change_nothing",),
    ),
    Mutant(
        "an_id_that_another_run_has_is_accepted",
        SUBMISSION,
        [
            (
                """        record_unknown(claim.attempt.pk, evidence=f"answered with""",
                """\
        record_rejected(claim, evidence=f"answered with""",
            )
        ],
        (f"{TESTS}::test_an_id_another_run_has_is_no_acceptance",),
    ),
    Mutant(
        "no_limit_of_concurrency",
        SUBMISSION,
        [
            (
                "if not _lock_provider(provider_id) or not places.has_room(provider_id):",
                "if not _lock_provider(provider_id):",
            ),
            (" AND {places.HAS_ROOM}\n", " AND %(failures)s > 0\n"),
        ],
        (f"{ROUTING}::test_goes_to_the_next_provider_when_one_has_enough_on_its_way",),
    ),
    Mutant(
        "a_call_that_hangs_keeps_its_place",
        PLACES,
        [("a.started_at > statement_timestamp() - %(hangs_after)s OR NOT EXISTS (", "a.id > 0 OR NOT EXISTS (")],
        (f"{OF_PLACES}::test_what_hangs_alone_gives_its_place_back[accepted]",),
    ),
    Mutant(
        "a_provider_that_answers_nobody_gets_ever_more",
        PLACES,
        [("                    AND later.state = ANY(%(answered)s)\n", "")],
        (f"{OF_PLACES}::test_a_provider_that_answers_nobody_gets_no_more[unknown]",),
    ),
    Mutant(
        "all_threads_may_hang_at_one_provider",
        PLACES,
        [("taken < places AND in_flight < places * %(in_flight_times)s", "taken < places")],
        (f"{OF_PLACES}::test_never_more_than_twice_its_places",),
    ),
    Mutant(
        "locks_runs_as_it_finds_them",
        "orders/tracking.py",
        [("AND {condition} ORDER BY order_id, number FOR NO KEY UPDATE", "AND {condition}")],
        (f"{POLLING}::test_runs_of_a_drip_feed_are_locked_in_the_order_in_which_a_cancellation_locks_them",),
    ),
    Mutant(
        "the_breaker_never_opens",
        "providers/health.py",
        [("down_until = CASE WHEN failures + 1 >= %(most)s THEN", "down_until = CASE WHEN %(most)s IS NULL THEN")],
        ("tests/providers/test_health.py::test_is_left_alone_after_failures_in_a_row",),
    ),
    Mutant(
        "sends_at_a_loss",
        "orders/routing.py",
        [("if may_lose(order, run) or (cost is not None and cost <= revenue):", "if True:")],
        (f"{ROUTING}::test_holds_what_would_lose_money",),
    ),
    Mutant(
        "staff_take_at_a_loss",
        "orders/taking.py",
        [("(choice.why_not and not routing.may_lose(order, run))", "False")],
        (f"{TAKING}::test_refuses_to_take_what_is_not_to_be_taken",),
    ),
    Mutant(
        "an_accepted_loss_is_not_to_be_taken",
        "orders/taking.py",
        [("(choice.why_not and not routing.may_lose(order, run))", "choice.why_not")],
        (f"{TAKING}::test_an_accepted_loss_is_taken_by_whoever_pulls_or_chooses",),
    ),
    Mutant(
        "tries_a_route_that_refused",
        "orders/routing.py",
        [("AND a.route_id = r.id AND a.state = 'rejected'", "AND a.route_id = r.id AND a.state = 'no such state'")],
        (f"{TESTS}::test_cancels_and_refunds_what_is_rejected",),
    ),
    Mutant(
        "a_server_s_failure_is_an_acceptance",
        "providers/replies.py",
        [("    if found is None or failed or not reply.is_ok:", "    if found is None or failed:")],
        ("tests/providers/test_client.py::test_what_becomes_of_an_order[accept_http_500]",),
    ),
    Mutant(
        "unknown_words_are_a_refusal",
        "providers/replies.py",
        [("(classify(text) or Ambiguous)(reply.evidence)", "(classify(text) or Refused)(reply.evidence)")],
        ("tests/providers/test_client.py::test_what_becomes_of_an_order[unknown_error]",),
    ),
    Mutant(
        "a_refill_in_doubt_is_sent_again",
        "orders/refills.py",
        [
            (
                "    except (NotSent, RefusedForNow, LinkBusy) as error:",
                "    except (NotSent, RefusedForNow, LinkBusy, ProviderError) as error:",
            )
        ],
        ("tests/orders/test_refills.py::test_is_never_sent_twice_on_a_guess",),
    ),
]
