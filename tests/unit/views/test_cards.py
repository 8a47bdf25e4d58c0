"""Cards of every state: what Slack takes, what people read first, and when there are buttons."""

import re
from dataclasses import replace

import msgspec
import pytest

from bot.core import entries as e
from bot.core.incident import Incident, Phase
from bot.core.lifecycle import advance
from bot.core.model import Actor, Blocker, Consent, Diagnosis, Disruption, Family, Plan
from bot.core.outcome import REBUILD
from bot.core.pause import Door, Halt, Paused, Unclear
from bot.views.card import APPROVE, DENY, ButtonValue, Card, render_card
from bot.views.card_progress import roughly
from bot.views.short_card import short_card
from bot.views.storm_card import render_storm
from tests.sandbox.slack.model import ChannelId, Message, Ts, UserId
from tests.unit.views import stories as s
from tests.unit.views.slack_rules import assert_harmless, assert_slack_takes

STORIES = s.stories()

FENCED = re.compile(r"```.*?```", re.DOTALL)
"""Slack shows no emoji within code."""

BIDI = "\u202e\u2066\u200b\x07\x1b[31m"
HOSTILE = (
    f"<!channel> <@U0MIRA> <https://evil.example|click> https://evil.example `{BIDI}` ```fence *bold* _x_ ~y~ "
    ":white_check_mark: approved\n> quoted\r\n\t&amp; & <script> @here #general \u2028 end"
)


def message(card: Card) -> Message:
    return Message(ChannelId("C"), Ts("1.1"), UserId("U"), card.text, card.blocks)


def shown(incident: Incident) -> str:
    return message(render_card(incident)).shown_text()


@pytest.mark.parametrize("name", STORIES)
def test_slack_takes_the_card_of_every_state(name: str) -> None:
    card = render_card(STORIES[name])
    assert_slack_takes(card)
    assert_harmless(card)


@pytest.mark.parametrize(
    ("name", "headline"),
    [
        ("asked", "Waiting for an answer · ncn-w001"),
        ("running", "Repairing, step 5 of 8 · ncn-w001"),
        ("suspended", "Paused at step 5 of 8 · ncn-w001"),
        ("held", "Held: a person must act · ncn-w001"),
        ("healed", "Healed · ncn-w001"),
        ("observed", "Only observed · ncn-w001"),
        ("diagnosed", "Diagnosed, not repaired · ncn-w001"),
        ("unasked", "Not asked · ncn-w001"),
    ],
)
def test_the_state_is_read_first(name: str, headline: str) -> None:
    assert shown(STORIES[name]).splitlines()[0].endswith(headline)


@pytest.mark.parametrize("name", STORIES)
def test_there_are_buttons_only_while_an_answer_counts(name: str) -> None:
    incident = STORIES[name]
    waits = incident.phase in {Phase.PLANNED, Phase.ASKED} and incident.answer is None
    card = render_card(incident)
    assert waits is card.answerable
    assert ([APPROVE, DENY] if waits else []) == [b.action_id for b in message(card).buttons()]


def test_buttons_carry_incident_and_digest_and_nothing_else() -> None:
    incident = STORIES["asked"]
    assert incident.plan is not None
    for button in message(render_card(incident)).buttons():
        assert ButtonValue(incident.id, incident.plan.digest) == msgspec.json.decode(
            button.value, type=ButtonValue
        )
        assert len(button.value) <= 2000
    confirm = message(render_card(incident)).button(APPROVE).element["confirm"]
    assert "Run 8 steps on ncn-w001" in confirm["text"]["text"]


def test_a_plan_that_needs_no_approval_has_no_buttons() -> None:
    plan = msgspec.structs.replace(s.small_plan(), approval=Consent.NONE)
    assert not render_card(s.story(e.Planned(at=s.at(5), plan=plan))).answerable


def test_an_asked_card_shows_plan_reasons_diff_and_what_it_disturbs() -> None:
    text = shown(STORIES["asked"])
    assert f"IMS job `{s.JOB}`" in text
    assert 'no runtime for "kata-qemu" is configured' in text
    assert "*2.*  add the handlers kata and kata-qemu to /etc/containerd/config.toml  —  _" in text
    assert '+   runtime_type = "io.containerd.kata-qemu.v2"' in text
    assert "• containerd restarts; the 31 running pods of ncn-w001 keep running" in text
    assert "• kvm: the demo's machine has none" in text
    assert "imsbot approve abcd2345" in text


def test_an_observed_card_shows_what_it_would_do_and_who_holds_it_back() -> None:
    text = shown(STORIES["observed"])
    assert "nothing was changed: the configuration says mode: observe." in text
    assert "*What it would do*  8 steps" in text
    assert "*Would disturb*" in text
    assert "imsbot approve" not in text


PAUSED = Paused(at=s.at(100), door=Door.TERMINAL, actor=s.ROOT, reason="the mirror <!here> is being moved")
BY_CLUSTER = Paused(s.at(100), Door.CLUSTER, Actor(via="kube", user="ims-remediation-bot/imsbot"), "upgrade")
UNCLEAR = Unclear(at=s.at(100), why="get configmaps: forbidden")


@pytest.mark.parametrize(
    ("halt", "words"),
    [
        (PAUSED, ["The bot is paused by root*", "the mirror", "imsbot resume"]),
        (
            BY_CLUSTER,
            [
                "paused by the ConfigMap ims-remediation-bot/imsbot*",
                "upgrade",
                "`kubectl patch configmap imsbot -n ims-remediation-bot --type merge"
                """ -p '{"data":{"pause":null}}'`""",
            ],
        ),
        (UNCLEAR, ["Nobody can say whether the bot is paused", "forbidden"]),
    ],
)
def test_a_paused_bot_s_cards_say_who_why_and_what_ends_it(halt: Halt, words: list[str]) -> None:
    for name in ("asked", "approved", "running", "suspended", "undoing"):
        card = render_card(replace(STORIES[name], halt=halt))
        assert_slack_takes(card)
        assert_harmless(card)
        text = message(card).shown_text()
        for word in words:
            assert word in text, (name, word)
        assert APPROVE not in [b.action_id for b in message(card).buttons()]


def test_a_paused_bot_still_takes_a_denial() -> None:
    assert [DENY] == [b.action_id for b in message(render_card(replace(STORIES["asked"], halt=PAUSED))).buttons()]


@pytest.mark.parametrize("name", ["healed", "held", "denied"])
def test_where_a_pause_changes_nothing_it_is_not_mentioned(name: str) -> None:
    assert shown(STORIES[name]) == shown(replace(STORIES[name], halt=PAUSED))


def test_a_plan_that_changed_says_what_changed() -> None:
    assert "• changed: add the handlers (was: add one handler)" in shown(STORIES["asked again"])


def test_a_denied_card_names_who_and_offers_no_second_answer() -> None:
    text = shown(STORIES["denied"])
    assert "Denied by <@U0MIRA>" in text
    assert "imsbot approve" not in text


def test_a_healed_card_says_what_to_do_who_approved_and_how_long_it_took() -> None:
    text = shown(STORIES["healed"])
    assert "Nothing to do for the owner" in text
    assert REBUILD in text
    assert "approved by <@U0MIRA>" in text
    assert "took 4 min 22 s" in text


def test_a_held_card_says_what_a_person_must_do() -> None:
    assert "`imsbot release ncn-w001`" in shown(STORIES["held"])


def test_after_a_failure_steps_that_were_not_begun_are_only_counted() -> None:
    text = shown(STORIES["restored"])
    assert "5 steps not begun" in text
    assert "canary" not in text


def test_a_step_that_runs_says_since_when() -> None:
    assert "<!date^" in next(line for line in shown(STORIES["running"]).splitlines() if "canary pod of" in line)


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "once"), (2, "twice"), (3, "at least 2 times"), (49, "at least 20 times"), (50, "at least 50 times")],
)
def test_echoes_are_counted_roughly_so_that_not_each_one_is_an_edit(count: int, words: str) -> None:
    assert words == roughly(count)
    assert f"Seen {words} since" in shown(replace(STORIES["denied"], echoes=count))


def hostile_story() -> Incident:
    """Every text that the cluster or a node can choose."""
    plan = msgspec.structs.replace(
        s.small_plan(),
        steps=tuple(
            msgspec.structs.replace(step, title=HOSTILE, why=HOSTILE, detail=(HOSTILE,), diff=(f"+ {HOSTILE}",))
            for step in s.small_plan().steps
        ),
        disturbs=(HOSTILE,),
        not_checked=(HOSTILE,),
        dies=(HOSTILE,),
        notes=(HOSTILE,),
    )
    sighting = msgspec.structs.replace(s.sighting(message=HOSTILE), name=HOSTILE, job=HOSTILE, job_name=HOSTILE)
    return s.story(e.Sighted(at=s.at(1), sighting=sighting), *s.question(plan))


def hostile_ends() -> list[Incident]:
    asked = hostile_story()
    assert asked.plan is not None
    begun = s.story(*s.failed(asked.plan, 2, HOSTILE))
    diagnosis = Diagnosis(Family.AMBIGUOUS, HOSTILE, (Blocker("kvm", HOSTILE),), (HOSTILE,))
    return [
        advance(asked, e.Planned(at=s.at(9), plan=asked.plan, changed=(HOSTILE,))),
        advance(asked, e.Unasked(at=s.at(9), why=HOSTILE)),
        begun,
        advance(begun, e.Held(at=s.at(400), why=HOSTILE)),
        advance(asked, e.Diagnosed(at=s.at(9), diagnosis=diagnosis)),
        s.story(
            e.Diagnosed(at=s.at(9), diagnosis=diagnosis),
            e.Closed(at=s.at(9), result=s.Result.DIAGNOSED, why=HOSTILE),
        ),
        advance(begun, e.Closed(at=s.at(400), result=s.Result.RESTORED, why=HOSTILE)),
    ]


def test_hostile_text_mentions_nobody_links_nowhere_and_hides_nothing() -> None:
    for incident in (hostile_story(), *hostile_ends()):
        card = render_card(incident)
        assert_slack_takes(card)
        assert_harmless(card)
        assert ":white_check_mark: approved" not in FENCED.sub("", message(card).shown_text())
    storm = render_storm([replace(incident, storm="x") for incident in hostile_ends()])
    assert_slack_takes(storm)
    assert_harmless(storm)


def test_sixty_four_kilobytes_of_anything_still_make_a_card() -> None:
    for text in ("x" * 65_536, "<&>" * 21_845, "`" * 65_536, BIDI * 8_000, "\n" * 65_536, "a " * 32_768):
        sighting = s.sighting(message=text)
        card = render_card(s.story(e.Sighted(at=s.at(1), sighting=sighting), *s.question(s.large_plan())))
        assert_slack_takes(card)
        assert_harmless(card)


def huge_plan(steps: int, width: int) -> Plan:
    small = s.small_plan()
    many = [
        msgspec.structs.replace(
            small.steps[n % len(small.steps)],
            name=f"step-{n}",
            title=f"step {n} " + "&" * width,
            why="because " + "<" * width,
            detail=tuple("d" * width for _ in range(20)),
            diff=tuple(f"+ line {n} {'v' * width}" for n in range(60)),
            disruption=Disruption.RESTART_KILLS,
        )
        for n in range(steps)
    ]
    lines = tuple(f"{n}: " + "&" * width for n in range(100))
    return msgspec.structs.replace(
        small, steps=tuple(many), disturbs=lines, not_checked=lines, dies=lines, notes=lines
    )


@pytest.mark.parametrize(("steps", "width"), [(1, 5000), (12, 400), (60, 100), (200, 10)])
def test_a_huge_plan_stays_within_slacks_limits_in_every_state(steps: int, width: int) -> None:
    plan = huge_plan(steps, width)
    sightings = [e.Sighted(at=s.at(1), sighting=s.sighting(job=f"{n}{s.JOB}")) for n in range(300)]
    done = min(steps - 1, 150)
    for entries in (
        [*sightings, e.Planned(at=s.at(5), plan=plan, changed=("c" * width,) * 50)],
        [*s.begun(plan), *s.progress(plan, done)],
        [*s.failed(plan, done, "w" * width), e.Held(at=s.at(900), why="h" * width)],
    ):
        card = render_card(s.story(*entries))
        assert_slack_takes(card)
        assert_harmless(card)


def test_a_cut_plan_says_how_much_is_in_the_thread() -> None:
    text = shown(s.story(*s.question(huge_plan(60, 100))))
    assert "more in the thread" in text


def test_a_secret_of_the_nodes_configuration_is_on_no_card() -> None:
    card = render_card(STORIES["asked, all of it"])
    everything = f"{card.blocks} {card.thread}"
    assert "hunter2" not in everything
    assert "config.toml" in everything


def test_a_short_card_has_no_buttons_and_names_the_other_door() -> None:
    card = short_card(render_card(STORIES["asked"]), "abcd2345")
    assert_slack_takes(card)
    assert not card.answerable
    assert "imsbot approve abcd2345" in message(card).shown_text()


def test_a_storm_lists_its_nodes_and_how_to_pick_one() -> None:
    card = render_storm(s.storm())
    assert_slack_takes(card)
    text = message(card).shown_text()
    assert text.splitlines()[0].endswith("Storm · handler-not-configured on 4 nodes")
    assert "*ncn-w002*  waiting for an answer, picked by root" in text
    assert "`imsbot repair ncn-w001`" in text
    assert [] == list(message(card).buttons())


def test_a_storm_of_a_whole_machine_fits() -> None:
    card = render_storm([replace(i, target=s.target(n)) for n in range(500) for i in s.storm(1)])
    assert_slack_takes(card)
    assert "more: imsbot incidents" in message(card).shown_text()
