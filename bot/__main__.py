"""`python -m bot` and the `imsbot` command: both enter at `bot.cli`."""

from bot.cli.main import main

if __name__ == "__main__":
    main()
