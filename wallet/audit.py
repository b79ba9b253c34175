"""Check the whole ledger: does every balance follow from its entries, and was any entry rewritten?"""

import time
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection

from wallet.models import LedgerAudit

FINDINGS_MAX = 100  # a report for a person; the counts beside it are complete

# One pass over the entries, each beside the one before it; a join, because PostgreSQL does it on several cores.
_ENTRIES = """
WITH chain AS (
    SELECT e.*,
        last.seq AS last_seq,
        coalesce(last.balance_after, 0) AS last_balance,
        coalesce(last.hash, ''::bytea) AS last_hash
    FROM wallet_ledgerentry e
    LEFT JOIN wallet_ledgerentry last ON last.wallet_id = e.wallet_id AND last.seq = e.seq - 1
),
judged AS (
    SELECT id, wallet_id, seq, array_remove(ARRAY[
        CASE WHEN seq <> 1 AND last_seq IS NULL THEN 'an entry is missing before it' END,
        CASE WHEN balance_before <> last_balance THEN 'does not start where the last entry ended' END,
        CASE WHEN amount <= 0 THEN 'amount is not positive' END,
        CASE WHEN NOT (
            (debit_id = wallet_id AND balance_after = balance_before - amount)
            OR (credit_id = wallet_id AND balance_after = balance_before + amount)
        ) THEN 'balance does not follow from amount' END,
        CASE WHEN balance_after < 0 THEN 'balance below zero' END,
        CASE WHEN hash <> wallet_entry_hash(
            last_hash, id, wallet_id, seq, debit_id, credit_id, amount, balance_after, key, reason, actor_id, created_at
        ) THEN 'hash does not match' END
    ], NULL) AS problems
    FROM chain
)
SELECT count(*), count(*) FILTER (WHERE problems <> '{}'),
    (array_agg(ARRAY[wallet_id::text, seq::text, id::text, array_to_string(problems, ', ')])
        FILTER (WHERE problems <> '{}'))[1:%(limit)s]
FROM judged
"""

# Each wallet must repeat its newest entry.
_WALLETS = """
SELECT count(*), count(*) FILTER (WHERE problem IS NOT NULL),
    (array_agg(ARRAY[account_id::text, problem]) FILTER (WHERE problem IS NOT NULL))[1:%(limit)s]
FROM (
    SELECT w.account_id, CASE
        WHEN e.seq IS NULL AND (w.balance <> 0 OR w.seq <> 0 OR w.head <> '') THEN 'has a balance without entries'
        WHEN e.seq IS NOT NULL AND w.seq <> e.seq THEN 'newest entry is ' || e.seq || ', wallet says ' || w.seq
        WHEN w.balance <> e.balance_after THEN 'balance ' || w.balance || ', newest entry says ' || e.balance_after
        WHEN w.head <> e.hash THEN 'head of the chain is not the newest entry'
        WHEN w.balance < 0 THEN 'balance below zero'
        WHEN a.kind <> 'wallet' OR a.currency <> w.currency THEN 'account does not fit the wallet'
    END AS problem
    FROM wallet_wallet w
    JOIN wallet_account a ON a.id = w.account_id
    LEFT JOIN LATERAL (
        SELECT seq, balance_after, hash FROM wallet_ledgerentry e
        WHERE e.wallet_id = w.account_id ORDER BY seq DESC LIMIT 1
    ) e ON true
) judged
"""

# Double entry: over all accounts of a currency debits equal credits, so wallets and house cancel out.
_TRIAL_BALANCE = """
SELECT a.kind, a.gateway, a.currency, sum(t.amount)
FROM (
    SELECT debit_id AS account_id, -sum(amount) AS amount FROM wallet_ledgerentry GROUP BY debit_id
    UNION ALL
    SELECT credit_id, sum(amount) FROM wallet_ledgerentry GROUP BY credit_id
) t JOIN wallet_account a ON a.id = t.account_id
GROUP BY a.kind, a.gateway, a.currency ORDER BY a.currency, a.kind, a.gateway
"""

# Each entry moves money between a wallet and a house account of the same currency.
_SIDES = """
SELECT count(*) FILTER (WHERE d.currency <> c.currency),
    count(*) FILTER (WHERE CASE WHEN e.debit_id = e.wallet_id THEN c.kind ELSE d.kind END = 'wallet')
FROM wallet_ledgerentry e
JOIN wallet_account d ON d.id = e.debit_id JOIN wallet_account c ON c.id = e.credit_id
"""


class AccountSum(NamedTuple):
    """The balance of one kind of account, credits minus debits."""

    kind: str
    gateway: str
    currency: str
    balance: object


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found; `findings` holds the first hundred of `mismatches`, in words."""

    entries: int
    wallets: int
    mismatches: int
    findings: list[str]
    trial_balance: list[AccountSum]
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Say whether nothing was found."""
        return self.mismatches == 0


def audit_ledger() -> Audit:
    """Recompute every hash and balance in SQL and compare; reads only, takes no locks that writers feel."""
    limit = {"limit": FINDINGS_MAX}
    started = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, limit)
        entries, bad_entries, entry_findings = cursor.fetchone()
        cursor.execute(_WALLETS, limit)
        wallets, bad_wallets, wallet_findings = cursor.fetchone()
        cursor.execute(_SIDES)
        mixed, unhoused = cursor.fetchone()
        cursor.execute(_TRIAL_BALANCE)
        sums = [AccountSum(*row) for row in cursor.fetchall()]
    findings = [f"wallet {wallet} entry {seq} (id {pk}): {what}" for wallet, seq, pk, what in entry_findings or []]
    findings += [f"wallet {wallet}: {what}" for wallet, what in wallet_findings or []]
    if mixed:
        findings.append(f"{mixed} entries move money between currencies")
    if unhoused:
        findings.append(f"{unhoused} entries move money between wallets")
    return Audit(
        entries=entries,
        wallets=wallets,
        mismatches=bad_entries + bad_wallets + mixed + unhoused,
        findings=findings,
        trial_balance=sums,
        seconds=time.monotonic() - started,
    )


def audit_and_record() -> Audit:
    """Audit the ledger and keep the outcome, so that `manage.py status` can tell when that was done last."""
    result = audit_ledger()
    LedgerAudit.objects.create(entries=result.entries, mismatches=result.mismatches, seconds=result.seconds)
    return result
