"""The staff's own pages: what they did, what waits for a second person, what runs in bulk."""

from staff.admin import approvals, bulk_jobs, log  # noqa: F401 - they register what they show
