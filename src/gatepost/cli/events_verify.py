"""`gatepost events verify`: the proof that nobody changed, removed or added an event that was sealed."""

import argparse
import contextlib
from pathlib import Path
from typing import Any

from gatepost.cli.options import Parser, add_verb, named, wants_json
from gatepost.cli.output import instant, say, show
from gatepost.cli.running import run_verb
from gatepost.errors import GatepostError
from gatepost.flows.event_proof import FAULTS, ExportedEvents, Fault, Proof, Prover, StoredEvents, parse_head
from gatepost.flows.instance import Instance
from gatepost.flows.organizations import every_org, get_org
from gatepost.flows.roles import Actor
from gatepost.secrets import render_id
from gatepost.store.question import INSTANCE

SHOWN_FAULTS = 20


def add_arguments(verbs: "argparse._SubParsersAction[Parser]") -> None:
    """The verb, among the others of events."""
    verify = add_verb(
        verbs,
        "verify",
        _verify,
        "prove that no sealed event was changed, removed or added, or say which was (exit 1)",
        "gatepost events verify --org Acme --head 12:9f86d081…",
    )
    verify.add_argument("--org", metavar="ORG", type=named, help="of this organization, by id or name (of all)")
    verify.add_argument(
        "--file", metavar="FILE", type=Path, help="hold an export in JSON lines against the seals, not the database"
    )
    verify.add_argument("--head", metavar="N:HASH", help="a head that was noted: nothing up to it may be cut off")


def _verify(options: argparse.Namespace) -> int:
    if options.head and not options.org:
        raise GatepostError("invalid_request", "A head is one organization's.", fix="name it with --org ORG")

    async def verb(instance: Instance, actor: Actor) -> list[tuple[str, Proof]]:
        names = {INSTANCE: "the instance"} | {org.id: org.name for org in await every_org(instance)}
        with _exported(options.file) as exported:
            orgs = exported.orgs if exported else list(names)
            if options.org:
                orgs = [(await get_org(instance, options.org)).id]
            noted = parse_head(options.head) if options.head else None
            prover = await Prover.open(instance, exported or StoredEvents(instance), actor)
            return [(names.get(org, render_id("org", org)), await prover.prove(org, noted)) for org in orgs]

    proofs = run_verb(options, verb)
    faults = sum(len(proof.faults) for _, proof in proofs)
    document = {"ok": not faults, "orgs": [_render(name, proof) for name, proof in proofs]}
    for name, proof in proofs:
        for fault in proof.faults[:SHOWN_FAULTS]:
            say(f"fault: {name}: {_words(fault)}")
        if len(proof.faults) > SHOWN_FAULTS:
            say(f"fault: {name}: and {len(proof.faults) - SHOWN_FAULTS} more; --json has them all")
    show(wants_json(options), document, "\n".join(_sentence(name, proof) for name, proof in proofs))
    return 1 if faults else 0


@contextlib.contextmanager
def _exported(file: Path | None) -> Any:
    """The events of a file; None without one. Raises `not_found`, `invalid_request`."""
    if file is None:
        yield None
        return
    try:
        with file.open(encoding="utf-8") as lines:
            yield ExportedEvents(lines)
    except (FileNotFoundError, IsADirectoryError):
        raise GatepostError("not_found", f"There is no file {file}.") from None


def _sentence(name: str, proof: Proof) -> str:
    state = f"{len(proof.faults)} faults" if proof.faults else "nothing was changed"
    late = f", {proof.unsealed} newer not sealed yet" if proof.unsealed else ""
    return f"{name}: {proof.events} events in {proof.head.seq} seals: {state}{late}. Head {proof.head}"


def _words(fault: Fault) -> str:
    return FAULTS[fault.what].format(seq=fault.seq, event=fault.event and render_id("evt", fault.event))


def _render(name: str, proof: Proof) -> dict[str, Any]:
    return {
        "org": None if proof.org == INSTANCE else render_id("org", proof.org),
        "name": name,
        "head": str(proof.head),
        "events": proof.events,
        "unsealed": proof.unsealed,
        "unsealed_since": instant(int.from_bytes(proof.unsealed_since[:6], "big") // 1000)
        if proof.unsealed_since
        else None,
        "faults": [
            {
                "fault": each.what,
                "seal": each.seq,
                "event": render_id("evt", each.event) if each.event else None,
                "message": _words(each),
            }
            for each in proof.faults
        ],
    }
