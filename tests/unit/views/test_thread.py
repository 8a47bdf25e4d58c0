"""What goes into a card's thread, and what calls people."""

from bot.core import entries as e
from bot.core.action import Outcome, OutcomeKind
from bot.core.incident import Incident
from bot.core.lifecycle import advance
from bot.views.thread import Post, thread_posts
from tests.unit.views import stories as s

STORIES = s.stories()


def posts(incident: Incident) -> dict[str, Post]:
    return {post.key: post for post in thread_posts(incident)}


def test_the_plan_is_there_with_every_command() -> None:
    incident = STORIES["asked"]
    assert incident.plan is not None
    (post,) = posts(incident).values()
    assert f"plan-{incident.plan.digest[:12]}" == post.key
    assert "systemctl restart containerd.service" in post.text
    assert not post.broadcast


def test_a_superseded_plan_gets_a_post_of_its_own() -> None:
    assert {"plan-eeeeeeeeeeee"} == set(posts(STORIES["asked again"]))


def test_each_step_that_ended_gets_one_post() -> None:
    found = [key for key in posts(STORIES["running"]) if key.startswith("step-")]
    assert ["step-cordon", "step-configure", "step-restart", "step-verify-sandbox"] == found


def test_a_failed_step_shows_the_output_of_what_failed() -> None:
    post = posts(STORIES["restored"])["step-restart"]
    assert "failed, exit code 1" in post.text
    assert "See journalctl -xeu containerd." in post.text


def test_of_a_long_output_the_end_is_shown() -> None:
    plan = s.small_plan()
    output = "\n".join(f"line {n}" for n in range(1000))
    incident = s.story(
        *s.begun(plan),
        *s.progress(plan, 0),
        e.Ended(at=s.at(90), seq=1, outcome=Outcome(OutcomeKind.FAILED, 1, output)),
        e.Failed(at=s.at(91), step="cordon", why="x"),
    )
    text = posts(incident)["step-cordon"].text
    assert "line 999" in text
    assert "line 900" not in text


def test_an_unanswered_question_calls_people_once_for_each_reminder() -> None:
    incident = STORIES["asked, reminded"]
    assert posts(incident)["reminder-1"].broadcast
    assert "reminder-2" in posts(advance(incident, e.Reminded(at=s.at(4 * 3600))))


def test_a_held_node_calls_people_and_goes_on_reminding() -> None:
    incident = STORIES["held"]
    (held,) = [post for key, post in posts(incident).items() if key.startswith("held-")]
    assert held.broadcast
    assert "a person must act" in held.text
    reminded = posts(advance(incident, e.Reminded(at=s.at(20_000))))
    assert reminded["reminder-1"].broadcast
    assert "still held" in reminded["reminder-1"].text


def test_whoever_approved_is_told_how_it_ended() -> None:
    assert posts(STORIES["healed"])["closed"].text.startswith("<@U0MIRA> *ncn-w001: healed.*")
    assert "closed" not in posts(STORIES["denied"])


def test_keys_stay_the_same_from_state_to_state() -> None:
    assert set(posts(STORIES["asked"])) <= set(posts(STORIES["running"])) <= set(posts(STORIES["healed"]))
