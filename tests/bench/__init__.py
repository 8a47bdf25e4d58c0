"""What the bot costs beside its peers, measured on this machine: `make bench`, or `make bench PART=events`.

report          the file that comes out, `build/bench.json`
peers           kopf and ansible-core, in a Python of their own
events/         a stream of Events: the bot, kopf, and the least that aiohttp and msgspec need
rss             memory of the running bot
sweep           a look at all nodes, beside a playbook that runs the same script
repair          a repair, beside a playbook and a bare connection that run the same commands
fleet, ansible, clock
                the nodes, runs of ansible-playbook, and how a command is timed

What each number means, and what came out last, is in README.md beside this file. Nothing here asserts that
anything is fast: a noisy machine must not fail a build. That the parts run and say the right thing is a test.
"""
