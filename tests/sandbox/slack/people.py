"""The cast of the demo workspace: who may be clicked as, and how Slack's own records tell them apart.

Who is an *approver* is the bot's configuration and nobody's record in Slack; the roles here only say what each
person is good for in a test or a demo.
"""

from tests.sandbox.slack.model import Channel, ChannelId, User, UserId

TEAM_ID = "T0CRAYOPS"
TEAM_NAME = "Cray Operations"
TEAM_DOMAIN = "cray-operations"
PARTNER_TEAM_ID = "T0PARTNER"
APP_ID = "A0IMSBOT"
BOT_ID = "B0IMSBOT"

BOT = User(UserId("U0IMSBOT"), TEAM_ID, "imsbot", "IMS remediation bot", "app", is_bot=True)
APPROVER = User(UserId("U0MIRA"), TEAM_ID, "mira", "Mira Okafor", "Platform on-call, approver")
SECOND_APPROVER = User(UserId("U0JONAS"), TEAM_ID, "jonas", "Jonas Lindqvist", "Platform lead, approver")
OUTSIDER = User(UserId("U0THEO"), TEAM_ID, "theo", "Theo Marchetti", "Image builder, not an approver")
GUEST = User(UserId("U0GWEN"), TEAM_ID, "gwen", "Gwen Adeyemi", "Guest account", is_restricted=True)
STRANGER = User(UserId("U0VERA"), PARTNER_TEAM_ID, "vera", "Vera Quist", "Partner workspace", is_stranger=True)
FORMER = User(UserId("U0SAM"), TEAM_ID, "sam", "Sam Whitlock", "Left the company", deleted=True)

PEOPLE = (APPROVER, SECOND_APPROVER, OUTSIDER, GUEST, STRANGER, FORMER)

REPAIRS = Channel(ChannelId("C0REPAIRS"), "ims-repairs", "IMS jobs that cannot start, and what is done about it")
UNINVITED = Channel(ChannelId("C0PRIVATE"), "change-board", "The app was never invited here", app_is_member=False)
CHANNELS = (REPAIRS, UNINVITED)
