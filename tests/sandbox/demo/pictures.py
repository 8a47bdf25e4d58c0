"""Pictures of a real run for the README: a card that asks, a sweep's card, and the page when a picked row asks."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from playwright.async_api import Browser, Error, Locator, Page, Playwright, ViewportSize, async_playwright, expect

CHROMIUM = Path("/usr/bin/chromium")
_OFFLINE = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
_WINDOW = ViewportSize(width=1180, height=940)
_TALL = ViewportSize(width=1180, height=2600)
"""So that no card is cut: the page scrolls inside of itself."""
_TRIES = 5


class Photographer:
    """`async with Photographer(folder, page_url)`: headless Chromium before the Slack page."""

    def __init__(self, folder: Path, page_url: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._page_url = page_url
        self._playwright: Playwright
        self._browser: Browser
        self._page: Page

    async def __aenter__(self) -> Photographer:
        self._playwright = await async_playwright().start()
        chromium = self._playwright.chromium
        self._browser = await chromium.launch(executable_path=str(CHROMIUM), args=list(_OFFLINE))
        context = await self._browser.new_context(viewport=_WINDOW)
        self._page = await context.new_page()
        await self._page.goto(self._page_url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._browser.close()
        await self._playwright.stop()

    async def card(self) -> None:
        """The newest card, with its buttons."""
        await self._whole(await self._asking(), "card.png")

    async def digest(self) -> None:
        """What a sweep found, before a row of it is picked."""
        article = self._page.locator("article").last
        await expect(article.get_by_role("button", name="Ask")).to_be_visible()
        await self._whole(article, "digest.png")

    async def _whole(self, article: Locator, name: str) -> None:
        await self._page.set_viewport_size(_TALL)
        for left in reversed(range(_TRIES)):
            try:
                await article.screenshot(path=self._folder / name)
                break
            except Error:  # the card was drawn anew in that very moment
                if not left:
                    raise
        await self._page.set_viewport_size(_WINDOW)

    async def page(self) -> None:
        """What the window shows when the newest card asks."""
        await (await self._asking()).evaluate("card => card.scrollIntoView({block: 'end'})")
        await self._page.screenshot(path=self._folder / "page.png")

    async def _asking(self) -> Locator:
        article = self._page.locator("article").last
        await expect(article.get_by_role("button", name="Approve")).to_be_visible()
        await expect(article.get_by_text("1 reply")).to_be_visible()  # which draws the card anew
        return article
