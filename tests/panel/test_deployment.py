"""What comes for operators: units, a Compose file, and the drill that restores a backup."""

import configparser
import io

import pytest
import yaml
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from panel.management.commands import restore_drill
from tests.fixtures import funded, place
from wallet.models import LedgerEntry

DEPLOY = settings.BASE_DIR / "deploy"
COMMANDS = {"web", "worker", "beat", "migrate", "restore_drill"}


def read_unit(path):
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(path.read_text())
    return unit


@pytest.mark.parametrize("path", sorted((DEPLOY / "systemd").iterdir()), ids=lambda path: path.name)
def test_units_are_whole(path):
    unit = read_unit(path)

    assert unit["Unit"]["Description"]
    if path.suffix == ".timer":
        assert (DEPLOY / "systemd" / f"{path.stem}.service").is_file()
        return
    command = unit["Service"]["ExecStart"]
    assert "manage.py" in command
    assert command.split("manage.py ")[1].split()[0].strip("';") in COMMANDS
    assert unit["Service"]["EnvironmentFile"] == "/etc/panel/panel.env"
    assert "Environment=PANEL_DATA=/var/lib/panel" in path.read_text()
    if unit["Service"].get("Restart") == "always":
        assert unit["Unit"]["StartLimitIntervalSec"] == "0"  # or an outage of the database would be the unit's end
        assert unit["Service"]["ProtectSystem"] == "strict"
        assert unit["Service"]["ReadWritePaths"] == "/var/lib/panel"


WEB_SERVERS = ("web-8000", "web-8001")
PARTS = {"migrate": "migrate", "worker": "worker", "beat": "beat", **dict.fromkeys(WEB_SERVERS, "web")}


@pytest.fixture
def services():
    """What Compose starts."""
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def test_the_compose_file_starts_every_part_after_the_migrations(services):
    assert services.keys() == {"postgres", "redis", *PARTS}
    for name, command in PARTS.items():
        assert services[name]["command"] == ["python", "manage.py", command, *(["--noinput"] * (command == "migrate"))]
        assert services[name]["depends_on"].keys() <= services.keys()
        if name != "migrate":
            assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
            assert services[name]["restart"] == "always"
    assert services["migrate"]["restart"] == "no"
    assert (DEPLOY / "Dockerfile").read_text().startswith("FROM python:3.11")


def test_all_parts_of_a_release_are_one_image_that_is_built_here(services):
    assert [name for name in services if "build" in services[name]] == ["migrate"]
    for name in PARTS:
        assert services[name]["image"].startswith("panel:${PANEL_RELEASE:?")
        assert services[name]["pull_policy"] == "never"


def test_one_web_server_answers_while_the_other_is_made_anew(services):
    ports = [services[name]["ports"] for name in WEB_SERVERS]

    assert ports == [["127.0.0.1:8000:8000"], ["127.0.0.1:8001:8000"]]
    assert all("/readyz" in services[name]["healthcheck"]["test"][-1] for name in WEB_SERVERS)


def test_what_containers_say_is_turned_over(services):
    for service in services.values():
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_no_secrets_get_into_the_image(services):
    ignored = (settings.BASE_DIR / ".dockerignore").read_text().splitlines()

    assert {"*.env", ".env", ".git", "var", ".venv"} <= set(ignored)
    assert all(services[name]["env_file"][0]["path"] == "../panel.env" for name in PARTS)
    assert "/panel.env" in (settings.BASE_DIR / ".gitignore").read_text().splitlines()


@pytest.fixture
def drill(db, settings, tmp_path):
    """Run the drill on the test's own database."""
    settings.DATABASE_URL = restore_drill._with_database(settings.DATABASE_URL, connection.settings_dict["NAME"])
    settings.PANEL_DATA = tmp_path

    def run(**options):
        said = io.StringIO()
        call_command("restore_drill", stdout=said, **options)
        return said.getvalue()

    return run


def list_databases():
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'restore_drill_%'")
        return cursor.fetchall()


@pytest.mark.django_db(transaction=True)
def test_a_backup_is_restored_and_audited(customer, followers, drill, tmp_path):
    funded(customer, "10")
    place(customer, followers)

    said = drill()

    assert f"{'wallet_ledgerentry':<20} {2:>12,} restored, {2:>12,} now" in said
    assert "every cent in it is explained" in said
    assert list_databases() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.django_db(transaction=True)
def test_a_backup_that_does_not_add_up_is_told_of(customer, drill):
    funded(customer, "10")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE wallet_ledgerentry SET amount = amount + 1, balance_after = balance_after + 1")
        cursor.execute("UPDATE wallet_wallet SET balance = balance + 1")

    with pytest.raises(CommandError, match="audit_ledger of the restored database failed"):
        drill()

    assert list_databases() == []
    assert LedgerEntry.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_no_backup_is_told_of(drill, tmp_path):
    broken = tmp_path / "broken.dump"
    broken.write_bytes(b"not a dump")

    with pytest.raises(CommandError, match="pg_restore failed"):
        drill(file=broken)

    assert broken.exists()
    assert list_databases() == []
