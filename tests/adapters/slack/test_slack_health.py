"""When a way to Slack counts as down."""

from bot.adapters.slack.health import Health


def test_way_that_never_worked_is_down_from_the_start() -> None:
    assert "no socket was opened yet" == Health("no socket was opened yet").down()


def test_way_that_nobody_had_to_try_is_not_down() -> None:
    assert None is Health().down()


def test_short_break_is_none() -> None:
    way = Health("untried")
    way.works()
    way.fails("closed")
    assert None is way.down()


def test_long_break_says_its_latest_reason() -> None:
    way = Health(patience_s=0)
    way.fails("closed")
    way.fails("refused")
    assert "refused" == way.down()
    way.works()
    assert None is way.down()
