"""One run from the empty database to the table."""

import json
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from bench import machine
from chaos import accounts, facts, figures, history, recording, report, settling, world
from chaos.evidence import Evidence
from chaos.faults import Striker, Struck
from chaos.load import Client, Load
from chaos.parts import Keeper, Part
from chaos.recording import History
from chaos.schedule import UPSTREAMS, WORKERS, Phase, PhaseKind
from chaos.servers import Servers
from chaos.upstreams import SPEED, Upstream, read_shelves
from panel import processes
from panel.startup import BASE_DIR
from wallet.audit import audit_ledger

START_TIMEOUT_SECONDS = 60
WORKER_START_SECONDS = 5.0  # until a worker has loaded the panel, on a busy machine
WARM_UP_SECONDS = 3.0  # threads connect, caches fill; nothing is measured
STUCK_ORDERS, STUCK_AFTER_SECONDS = 10, 5.0


class PartsDidNotStart(Exception):
    """The web server did not answer in time; the message is the end of its log."""


@dataclass
class Run:
    """What is there during a run, and what has happened so far."""

    servers: Servers
    scratch: Path
    seed: int
    phases_planned: Sequence[Phase]
    orders_per_second: float
    phases: list[tuple[PhaseKind, float, float]] = field(default_factory=list)
    struck: list[Struck] = field(default_factory=list)
    settled_seconds: list[float | None] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def execute(self, document: Path | None, command: str) -> int:
        """Serve, load, break, heal, check and report; the exit code is 1 when a promise of safety was broken."""
        described = machine.describe(self.scratch)
        self._port = settings.PORT
        call_command("migrate", verbosity=0)
        upstreams = {name: Upstream(name, processes.free_port()) for name in UPSTREAMS}
        self._world = world.build(upstreams)
        self._upstreams = upstreams
        self._keeper = Keeper(self._parts())
        self._striker = Striker(self.servers, self._keeper, seed=self.seed)
        self._history = History(self.scratch / "history.jsonl")
        self._client = Client(self._port, self._history)
        self._load = Load(
            self._world, self._history, port=self._port, seed=self.seed, orders_per_second=self.orders_per_second
        )
        self._keeper.start()
        try:
            self._wait_for_parts()
            evidence = self._break_and_heal()
        finally:
            self._load.stop()
            self._keeper.end()
            self._history.close()
        return self._report(evidence, described, document, command)

    def _parts(self) -> list[Part]:
        manage = [sys.executable, str(BASE_DIR / "manage.py")]
        logs = self.scratch
        parts = [
            Part(
                name,
                [
                    *(sys.executable, "-m", "chaos.upstream", "--port", str(upstream.port)),
                    *("--seed", str(self.seed + number), "--speed", str(SPEED)),
                ],
                logs / f"{name}.log",
            )
            for number, (name, upstream) in enumerate(self._upstreams.items())
        ]
        parts += [Part(name, [*manage, "worker"], logs / f"{name}.log") for name in WORKERS]
        parts.append(Part("beat", [*manage, "beat"], logs / "beat.log"))
        return [*parts, Part("web", [*manage, "web"], logs / "web.log", orphan_signal=signal.SIGTERM)]

    def _wait_for_parts(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._client.call(self._world.poor, "balance").is_answered:
            if time.monotonic() > deadline:
                raise PartsDidNotStart((self.scratch / "web.log").read_text()[-2000:])
            time.sleep(0.3)
        # An order that has arrived somewhere says that the other parts are up too.
        self._client.order(
            self._world.customers[0], self._world.wares[0], link="https://example.com/first", quantity=100
        )
        if not settling.wait_until_sent(self._world):
            raise PartsDidNotStart("no worker sent the first order")
        if not all(self._keeper.is_up(name, WORKER_START_SECONDS) for name in WORKERS):
            time.sleep(WORKER_START_SECONDS)

    def _break_and_heal(self) -> Evidence:
        self._load.start()
        time.sleep(WARM_UP_SECONDS)
        self._order_what_gets_stuck()
        for phase in self.phases_planned:
            self._go_through(phase)
        self._tell("the load ends")
        self._load.stop()
        for upstream in self._upstreams.values():
            upstream.fail({})
        sent = settling.wait_until_sent(self._world)
        self._tell(
            f"{'everything' if sent else 'not everything'} is sent; {len(facts.open_reviews())} reviews are open"
        )
        undecided = settling.decide_reviews(self._world, self._upstreams, seed=self.seed)
        alarms = settling.wait_for_alarms(self._world)
        settling.cancel_idle(self._world, self._client, self._idle_orders)
        unrest = settling.come_to_rest(self._world, self._upstreams)
        for customer in self._world.customers:
            self._client.call(customer, "balance")
        self._tell("at rest" if not unrest else f"not at rest: {', '.join(unrest)}")
        return self._collect(alarms=alarms, undecided=undecided, unrest=unrest)

    def _order_what_gets_stuck(self) -> None:
        self._idle_orders: dict[int, list[int]] = {}
        for number in range(STUCK_ORDERS):
            customer = self._world.customers[number % len(self._world.customers)]
            order_id = self._client.order(
                customer, self._world.idle, link=f"https://example.com/idle/{number}", quantity=100
            )
            if order_id is not None:
                self._idle_orders.setdefault(customer.id, []).append(order_id)
        facts.make_stuck(idle=self._world.idle.id, within_seconds=STUCK_AFTER_SECONDS)

    def _go_through(self, phase: Phase) -> None:
        self._tell(f"{phase.kind}, {phase.seconds:.0f} s")
        for name, upstream in self._upstreams.items():
            upstream.fail(dict(phase.chances.get(name, {})))
        began, start = recording.now(), time.monotonic()
        for fault in phase.faults:
            time.sleep(max(0.0, start + fault.at - time.monotonic()))
            struck = self._striker.strike(fault)
            self._tell(f"  {fault}{'' if struck else ' (nothing to hit)'}")
            if struck is not None:
                self.struck.append(struck)
        if phase.kind == PhaseKind.AFTERMATH:
            self._watch_aftermath(phase.seconds)
        else:
            time.sleep(max(0.0, start + phase.seconds - time.monotonic()))
        self.phases.append((phase.kind, began, recording.now()))

    def _watch_aftermath(self, seconds: float) -> None:
        """Measure how long it takes until what the kills have left is settled, with the load still on."""
        last = max((struck.ended for struck in self.struck if struck.fault.kind == "kill"), default=recording.now())
        settled_at = settling.wait_until_settled(self._world, before=last, seconds=seconds)
        if settled_at is None:
            for line in facts.describe_unsettled(idle=self._world.idle.id, before=last):
                self._tell(f"  not settled: {line}")
        self.settled_seconds.append(None if settled_at is None else settled_at - last)

    def _collect(self, *, alarms: list[float | None], undecided: list[str], unrest: list[str]) -> Evidence:
        orders, entries = facts.read_orders(), facts.read_entries()
        calls = list(self._history.calls)
        return Evidence(
            calls=calls,
            findings=history.check(calls, orders, entries),
            phases=self.phases,
            faults=self.struck,
            shelves=read_shelves(self._upstreams),
            runs=facts.read_runs(),
            attempts=facts.read_attempts(),
            refunds=facts.read_refunds(),
            refunds_apart=facts.count_refunds_apart(),
            unpaid=facts.count_charges_without_order() + facts.count_orders_without_charge(),
            audit_findings=audit_ledger().findings,
            ended_by_themselves=[*self._keeper.ended_by_themselves, *filter(None, [self.servers.failure])],
            slow_stops=self._keeper.stops_that_needed_a_kill,
            settled_seconds=self.settled_seconds,
            alarm_seconds=alarms,
            undecided=undecided,
            unrest=unrest,
            elsewhere_ids=frozenset(ware.id for ware in self._world.wares if "bad" not in ware.providers),
        )

    def _report(self, evidence: Evidence, described: dict[str, str], document: Path | None, command: str) -> int:
        notes = {name: [asdict(note) for note in shelf.notes] for name, shelf in evidence.shelves.items()}
        (self.scratch / "notes.json").write_text(json.dumps(notes))
        rows = figures.rows(evidence)
        unanswered = sum(not call.is_answered for call in evidence.calls)
        gaps = [gap for struck in evidence.faults if struck.fault.target == "web" and struck.fault.kind == "deploy"
                if (gap := evidence.seconds_without_web(struck.began)) is not None]  # fmt: skip
        described |= {
            "Command": f"`{command}`",
            "Load": f"{self.orders_per_second:g} orders/s and questions; {len(evidence.calls):,} calls, "
            f"{unanswered:,} of them without an answer",
            "Faults": f"{len(evidence.faults)} blows, "
            f"{sum(note.fault is not None for shelf in evidence.shelves.values() for note in shelf.notes):,} "
            "calls failed by providers",
            "Web server away during a deploy": f"{max(gaps):.1f} s at most, of {len(gaps)}" if gaps else "not deployed",
            "Took": f"{time.monotonic() - self.started:.0f} s",
        }
        text = f"{report.facts_list(described)}\n\n{report.table(rows)}"
        print(f"\n{text}\n")
        broken = [row for row in rows if row.is_safety and not row.is_met]
        if broken:
            self._keep(evidence)
        elif document is not None:
            report.write(document, text)
            self._tell(f"written to {document}")
        return 1 if broken else 0

    def _keep(self, evidence: Evidence) -> None:
        """Leave what a person needs to find out, and say the first of it."""
        findings = [
            *(f"{finding.rule}: {finding.text}" for finding in evidence.findings),
            *(f"taken twice: {link}" for link in accounts.find_duplicates(evidence)),
            *(f"no run: {stranger}" for stranger in accounts.find_strangers(evidence)),
            *(f"no intent: {link}" for link in accounts.find_unintended(evidence)),
            *(f"hasty: {text}" for text in accounts.account_for_ambiguity(evidence).hasty),
            *(f"refund: {text}" for text in accounts.find_wrong_refunds(evidence)),
            *(f"differs: {text}" for text in accounts.find_disagreements(evidence)),
            *(f"audit: {text}" for text in evidence.audit_findings),
            *(f"ended by itself: {text}" for text in evidence.ended_by_themselves),
            *(f"undecided: {text}" for text in evidence.undecided),
        ]
        (self.scratch / "findings.txt").write_text("\n".join(findings) + "\n")
        (self.scratch / "keep").touch()
        for finding in findings[:20]:
            print(f"chaos: BROKEN: {finding[:400]}", file=sys.stderr)
        print(f"chaos: logs, history and findings stay in {self.scratch}", file=sys.stderr)

    def _tell(self, line: str) -> None:
        print(f"chaos: {time.monotonic() - self.started:6.1f} s  {line}", flush=True)
