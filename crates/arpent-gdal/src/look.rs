//! A look at a few pixels of a scene: what may be wrong with its validity.

use std::collections::BTreeSet;

use arpent_raster::{SceneInfo, Window};

use crate::reader::{Opened, Source};
use crate::{GdalError, collar, ffi};

/// Side of what is looked at in the middle and at the border, pixels.
const SIDE: usize = 32;
/// Side of what is looked at for a share, pixels.
const SMALL: usize = 8;
/// How many of those lie side by side.
const SMALL_ACROSS: usize = 16;

/// What a look finds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Look {
    /// The alpha band that decides, and how many different values it holds in the sample.
    pub alpha: Option<(usize, usize)>,
    /// What lies at the scene's border.
    pub collar: Option<CollarFound>,
}

/// A collar, from a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CollarFound {
    /// Its color.
    pub color: CollarColor,
    /// Share of the scene's valid pixels that have this color in a sample that is spread evenly, 0 to 1.
    pub share: f64,
}

/// Color of a collar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollarColor {
    /// All bands are 0.
    Black,
    /// All bands are the largest value of their type.
    White,
}

impl CollarColor {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Black => "black",
            Self::White => "white",
        }
    }
}

/// Looks at places of a scene that are the same for every job: nine for the values of an alpha band, eight at the border for a
/// collar (where `collar` asks for it), and 256 small ones where there is one.
///
/// # Errors
/// What opening and reading the scene gives.
pub fn look(info: &SceneInfo, bands: &[usize], collar: bool) -> Result<Look, GdalError> {
    let source = Source::new(&info.id, &info.uri, info.window, &info.bands, bands.to_vec())?;
    let source = source.with(&info.validity).with_collar();
    let alpha = info.alpha(bands);
    if alpha.is_none() && !collar {
        return Ok(Look::default());
    }
    let mut opened = Opened::new(&info.uri)?;
    let mut found = Look::default();
    if let Some(alpha) = alpha {
        let mut values = BTreeSet::new();
        for window in spread(&info.window, SIDE, 3) {
            let offset = info.window.offset_of(&window).unwrap_or_default();
            let size = (window.width, window.height);
            let read = ffi::read_bands::<f32>(&opened.dataset, offset, size, &[alpha]);
            let read = read.map_err(|message| source.unreadable(window, message))?;
            values.extend(read.into_iter().map(f32::to_bits));
        }
        found.alpha = Some((alpha, values.len()));
    }
    if collar {
        found.collar = collar_of(&source, &mut opened)?;
    }
    Ok(found)
}

fn collar_of(source: &Source, opened: &mut Opened) -> Result<Option<CollarFound>, GdalError> {
    let whole = source.window();
    let at_border: Vec<Window> = spread(&whole, SIDE, 3)
        .filter(|w| {
            w.col == whole.col
                || w.row == whole.row
                || w.col_end() == whole.col_end()
                || w.row_end() == whole.row_end()
        })
        .collect();
    let mut color = None;
    for window in at_border {
        let (black, white, _) = counts(source, opened, window)?;
        // Compression blurs the edge of a collar that the window touches.
        let almost = |plain: usize| plain * 20 >= window.width * window.height * 19;
        if almost(black) || almost(white) {
            color = Some(if black > white { CollarColor::Black } else { CollarColor::White });
            break;
        }
    }
    let Some(color) = color else { return Ok(None) };
    let (mut plain, mut all) = (0, 0);
    for window in spread(&whole, SMALL, SMALL_ACROSS) {
        let (black, white, valid) = counts(source, opened, window)?;
        plain += if color == CollarColor::Black { black } else { white };
        all += valid;
    }
    #[allow(clippy::cast_precision_loss, reason = "a share to show")]
    let share = plain as f64 / f64::max(all as f64, 1.0);
    Ok(Some(CollarFound { color, share }))
}

/// Black, white and valid pixels of a window.
fn counts(source: &Source, opened: &mut Opened, window: Window) -> Result<(usize, usize, usize), GdalError> {
    let read = source.raw(opened, window).map_err(|message| source.unreadable(window, message))?;
    let (values, valid) = read;
    let pixels = valid.len().max(1);
    let (mut black, mut plain) = (0, 0);
    for i in (0..valid.len()).filter(|i| valid[*i]) {
        let bands = values.iter().skip(i).step_by(pixels).copied();
        if collar::is_plain(bands.clone(), source.white()) {
            plain += 1;
            black += usize::from(bands.clone().all(|v| v < 128.0));
        }
    }
    Ok((black, plain - black, valid.iter().filter(|v| **v).count()))
}

/// So many windows in each direction, from border to border.
fn spread(whole: &Window, side: usize, across: usize) -> impl Iterator<Item = Window> {
    let whole = *whole;
    let (width, height) = (side.min(whole.width), side.min(whole.height));
    let at = move |i: usize, room: usize| (room * (i % across) / (across - 1).max(1)) as u64;
    (0..across * across).map(move |i| Window {
        col: whole.col.saturating_add_unsigned(at(i, whole.width - width)),
        row: whole.row.saturating_add_unsigned(at(i / across, whole.height - height)),
        width,
        height,
    })
}
