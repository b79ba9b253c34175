"""All planted bugs."""

from tests.mutations import on_access, on_money, on_staff, on_submission

MUTANTS = [*on_submission.MUTANTS, *on_money.MUTANTS, *on_access.MUTANTS, *on_staff.MUTANTS]
