"""Takes the pictures, and says what is wrong with a page it has taken."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Error, Page

from tests.chromium import sideways, watched
from tests.shots.pages import Shot
from tests.shots.world import PASSWORD

WIDE, NARROW, HEIGHT = 1400, 390, 900
TALLEST = 2600
MOST_BYTES = 200_000


class Camera:
    """One browser; people sign in once each, by the login page."""

    def __init__(self, browser: Browser, server: str, folder: Path) -> None:
        self.browser, self.server, self.folder = browser, server, folder
        self.faults: list[str] = []
        self._signed_in: dict[str, Path] = {}

    def take(self, shots: list[Shot]) -> None:
        """Take every picture; each person, width and look has a window of its own."""
        for who in dict.fromkeys(shot.who for shot in shots):
            own = [shot for shot in shots if shot.who == who]
            for width in (WIDE, NARROW):
                self._series(who, own, width, dark=False)
                self._series(who, [shot for shot in own if shot.dark], width, dark=True)

    def _series(self, who: str, shots: list[Shot], width: int, *, dark: bool) -> None:
        if not shots:
            return
        context = self.browser.new_context(
            base_url=self.server, viewport={"width": width, "height": HEIGHT}, reduced_motion="reduce",
            color_scheme="dark" if dark else "light", storage_state=self._state(who),
        )  # fmt: skip
        page, found = watched(context, self.server)
        for shot in shots:
            name = f"{shot.name}-{width}{'-dark' if dark else ''}"
            try:
                self._shoot(page, shot, name)
            except Error as error:
                found.append(str(error).splitlines()[0])
            if width == NARROW and (wide := sideways(page)):
                found.append(f"scrolls sideways: {', '.join(wide)}")
            self.faults += [f"{name}: {fault}" for fault in dict.fromkeys(found)]
            found.clear()
        context.close()

    def _shoot(self, page: Page, shot: Shot, name: str) -> None:
        page.goto(shot.path)
        if shot.before:
            shot.before(page)
        page.wait_for_load_state()
        page.wait_for_timeout(150)  # fonts and the scripts that lay a page out
        page.evaluate("document.fonts.ready.then(() => true)")
        # The window as high as the page: what sticks to its edges stands at those of the picture.
        width, high = page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        page.set_viewport_size({"width": width, "height": min(max(high, HEIGHT), TALLEST)})
        page.evaluate("scrollTo(0, 0)")
        self._keep(page.screenshot(), name)
        page.set_viewport_size({"width": width, "height": HEIGHT})

    def _keep(self, taken: bytes, name: str) -> None:
        """As PNG with as few colours as make it small."""
        picture = Image.open(io.BytesIO(taken)).convert("RGB")
        for colours in (192, 96, 48):
            file = io.BytesIO()
            picture.quantize(colours, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
            if file.tell() <= MOST_BYTES:
                break
        else:
            self.faults.append(f"{name}: {file.tell()} bytes, more than {MOST_BYTES}")
        (self.folder / f"{name}.png").write_bytes(file.getvalue())

    def _state(self, who: str) -> str | None:
        if not who:
            return None
        if who not in self._signed_in:
            context = self.browser.new_context(base_url=self.server)
            page = context.new_page()
            page.goto("/admin/")
            page.get_by_label("Username").fill(who)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/admin/")
            if who == "root":
                page.get_by_label("Tenant").select_option("all")
                page.get_by_role("button", name="Switch").click()
                page.wait_for_load_state()
            self._signed_in[who] = self.folder / f".{who}.json"
            context.storage_state(path=self._signed_in[who])
            context.close()
        return str(self._signed_in[who])

    def __enter__(self) -> "Camera":
        self.folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for state in self._signed_in.values():
            state.unlink(missing_ok=True)
