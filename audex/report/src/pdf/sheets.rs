use super::letters::{Letters, Weight};

/// A4, in points.
pub(super) const WIDTH: f32 = 595.28;
pub(super) const HEIGHT: f32 = 841.89;

/// Between text and the edges of the page.
pub(super) const MARGIN: f32 = 50.0;

/// How wide text is at most.
pub(super) const MEASURE: f32 = WIDTH - 2.0 * MARGIN;

/// Where text ends; below is the foot.
const BOTTOM: f32 = HEIGHT - 62.0;

/// The most pages: what would be on later ones is left out. No report has as many.
const MAX_PAGES: usize = 200;

/// A colour of the screen.
pub(super) type Colour = (u8, u8, u8);

pub(super) const INK: Colour = (0x1b, 0x24, 0x38);
pub(super) const MUTED: Colour = (0x5f, 0x6b, 0x80);
pub(super) const LINE: Colour = (0xdf, 0xe4, 0xec);
pub(super) const ACCENT: Colour = (0x2b, 0x5f, 0xb8);
pub(super) const TINT: Colour = (0xe6, 0xee, 0xfa);
pub(super) const PALE: Colour = (0xf5, 0xf7, 0xfb);
pub(super) const NIGHT: Colour = (0x13, 0x20, 0x3a);
pub(super) const WHITE: Colour = (0xff, 0xff, 0xff);
pub(super) const HAZE: Colour = (0xa9, 0xbc, 0xdc);

/// What is drawn; places are from the upper left corner of the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Mark {
    Box { x: f32, y: f32, width: f32, height: f32, radius: f32, colour: Colour },
    Text { x: f32, y: f32, text: String, ink: Ink },
}

/// How text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ink {
    pub(super) weight: Weight,
    pub(super) size: f32,
    pub(super) colour: Colour,
}

pub(super) const fn regular(size: f32, colour: Colour) -> Ink {
    Ink { weight: Weight::Regular, size, colour }
}

pub(super) const fn bold(size: f32, colour: Colour) -> Ink {
    Ink { weight: Weight::Bold, size, colour }
}

/// The beginning of a section: its title, its page from 0, and how far down.
pub(super) type Bookmark = (String, usize, f32);

/// Pages, and where on the last one what comes next goes.
pub(super) struct Sheets<'a> {
    pub(super) letters: &'a Letters,
    pub(super) pages: Vec<Vec<Mark>>,
    pub(super) bookmarks: Vec<Bookmark>,
    pub(super) y: f32,
}

impl<'a> Sheets<'a> {
    pub(super) fn new(letters: &'a Letters) -> Self {
        Self { letters, pages: vec![Vec::new()], bookmarks: Vec::new(), y: MARGIN }
    }

    pub(super) fn begin_page(&mut self) {
        self.pages.push(Vec::new());
        self.y = MARGIN;
    }

    /// Begins a page if less than this height is left; tells whether it did.
    pub(super) fn need(&mut self, height: f32) -> bool {
        let is_full = self.y + height > BOTTOM && self.y > MARGIN;
        if is_full {
            self.begin_page();
        }
        is_full
    }

    pub(super) fn bookmark(&mut self, title: &str) {
        self.bookmarks.push((title.to_owned(), self.pages.len() - 1, self.y));
    }

    pub(super) fn rect(&mut self, x: f32, y: f32, width: f32, height: f32, colour: Colour) {
        self.rounded(x, y, width, height, 0.0, colour);
    }

    pub(super) fn rounded(&mut self, x: f32, y: f32, width: f32, height: f32, radius: f32, colour: Colour) {
        self.put(Mark::Box { x, y, width, height, radius, colour });
    }

    /// Writes text on a line; what cannot be written is escaped.
    pub(super) fn text(&mut self, x: f32, y: f32, text: &str, ink: Ink) {
        let text = self.letters.writable(text);
        self.put(Mark::Text { x, y, text, ink });
    }

    /// Writes text no wider than this.
    pub(super) fn text_within(&mut self, x: f32, y: f32, text: &str, ink: Ink, width: f32) {
        let text = self.letters.writable(text);
        let text = self.letters.fitted(&text, ink.weight, ink.size, width);
        self.put(Mark::Text { x, y, text, ink });
    }

    /// Writes text that ends at a place.
    pub(super) fn text_up_to(&mut self, right: f32, y: f32, text: &str, ink: Ink) {
        self.text(right - self.width(text, ink), y, text, ink);
    }

    /// Writes text around a place.
    pub(super) fn text_around(&mut self, middle: f32, y: f32, text: &str, ink: Ink) {
        self.text(middle - self.width(text, ink) / 2.0, y, text, ink);
    }

    /// Writes a paragraph from where the page is, and moves on.
    pub(super) fn paragraph(&mut self, x: f32, text: &str, ink: Ink, width: f32) {
        let text = self.letters.writable(text);
        for line in self.letters.lines(&text, ink.weight, ink.size, width) {
            self.need(ink.size * 1.4);
            self.y += ink.size * 1.4;
            self.text(x, self.y - ink.size * 0.3, &line, ink);
        }
    }

    pub(super) fn width(&self, text: &str, ink: Ink) -> f32 {
        self.letters.width(&self.letters.writable(text), ink.weight, ink.size)
    }

    fn put(&mut self, mark: Mark) {
        if self.pages.len() <= MAX_PAGES
            && let Some(page) = self.pages.last_mut()
        {
            page.push(mark);
        }
    }
}
