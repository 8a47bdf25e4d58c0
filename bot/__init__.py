"""ims-remediation-bot: finds workers that cannot run IMS's Kata jobs, asks, repairs them, and proves it.

The layers, imports pointing down only (`tests/test_architecture.py`, import-linter):

    app, cli            builds the parts; parses and prints
    engine | adapters   async flow through ports | the only code that touches third-party I/O
    views               pure: an incident as card, table, text
    steps               pure: one file per verb, and the planner
    core                pure: no I/O, no clock, no asyncio

The way of one failure, and where to read it:

    adapters/kube/watch   list and watch, decoded into `core/objects`
    engine/intake         `core/classify` names the family by the rules, `core/join` asks the live objects
    engine/desk           one incident per target; `engine/gate`, `core/quiet` and `core/storm` say when not to ask
    engine/worker         one task per incident: hop after hop, as `core/lifecycle.decide` says
    engine/planning       one look after another until there is a plan, a diagnosis, or nothing to do
    engine/look           facts (`core/facts`, one SSH exec) and plan (`steps/planner`, `core/policy`, `core/plan`)
    engine/question       keeps what people are asked true until the repair begins
    core/mode             whether it is only observed, by configuration, rule or pool
    engine/approvals      who may answer which plan, and who was first
    engine/repair         fleet slot, Lease, epoch, blockers and facts again
    engine/brake          paused or not, asked before every command
    engine/runner         ask the step, journal, act, journal, read the facts, ask again
    adapters/ssh          one verified connection per node; each act is a named transient unit, begun once
    adapters/http         what monitoring sees, read off the others at each scrape
    core/fate             what became of the jobs; adapters/ims closes the records of lost ones, if wanted
    core/outcome          how it ends, and what the job's owner must do

A sweep looks before a job fails:

    core/expected         which nodes it looks at, and for which it may propose Kata
    engine/survey         their facts, many at once (`engine/lanes`); `steps/survey` reads the plan as drift
    engine/sweeps         by the clock or by hand; `core/sweep` is what the journal remembers of it
    engine/desk           its incidents rest until somebody picks them from `views/digest_card`

Six rules that everything rests on:

1. An incident is only ever the fold of its journal entries: a killed bot goes on at the right hop.
2. Entry before act, entry after act; no entry, no act.
3. Nothing changes without a fresh Lease and a plan within the approved digest. Facts can only make steps fewer.
4. Unknown is not absent: a fact that could not be read is an error.
5. We give back what is ours and only that; the objects themselves say what is (`core/marks`).
6. The first failed step stops the plan, undoes it, and tells a person.

Start reading at `core/model` (the words), `core/action` (what a step may ask for), `core/lifecycle`, any step.
What comes later is not built ahead: draining where a restart kills containers.
"""
